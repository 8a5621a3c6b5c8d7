"""Fakes and tools for tests of bursar and of what is built on it."""
