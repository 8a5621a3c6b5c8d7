"""Residency: which models are in memory, who holds them, who must leave and why."""
