"""Requests: who asked for which model, how urgently, and what became of it."""
