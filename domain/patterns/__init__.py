"""Prompts and results that are kept to be used again, and which of them are given up."""
