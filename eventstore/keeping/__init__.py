"""Copies of a journal and parts of it: backups, archives, repairs."""
