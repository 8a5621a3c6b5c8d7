"""What of a conversation matters."""
