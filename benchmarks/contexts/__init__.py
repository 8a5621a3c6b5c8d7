"""What of a conversation is kept, how well its tokens are counted, and how small it is packed."""
