"""Conversations: what is known of their messages, what of them is sent, and what was left out and why."""
