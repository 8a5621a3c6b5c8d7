"""The rules of contexts."""
