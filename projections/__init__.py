"""Read models: what the journal says, folded for whoever asks."""
