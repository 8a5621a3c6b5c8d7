"""What is known of the providers: whether they answer, which version, and what they can do."""
