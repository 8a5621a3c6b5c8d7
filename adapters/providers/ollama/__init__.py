"""Ollama, through its native API only."""
