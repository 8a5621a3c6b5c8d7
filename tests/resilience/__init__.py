"""Breakers, retries, concurrency, recovery and fallbacks."""
