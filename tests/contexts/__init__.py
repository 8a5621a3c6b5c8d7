"""Contexts: their rules, what is selected of them, and how they are kept."""
