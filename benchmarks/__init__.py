"""Measurements: how far from the best possible, and how fast."""
