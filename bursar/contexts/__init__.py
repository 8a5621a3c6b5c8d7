"""Conversations as users hold them: their texts, their indexes, and what is done to them."""
