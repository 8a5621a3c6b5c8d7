"""The texts of messages, which the journal only names: compressed, encrypted, and erased with their keys."""
