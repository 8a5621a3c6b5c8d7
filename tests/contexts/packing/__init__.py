"""Texts that are packed into blocks, in files on a real disk."""
