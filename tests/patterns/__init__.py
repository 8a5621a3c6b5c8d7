"""Patterns: which are kept, which are given up, and what becomes of their texts."""
