"""Somebody changes the file."""
