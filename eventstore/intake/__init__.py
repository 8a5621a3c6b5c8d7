"""How other processes hand events to the owner of a journal."""
