"""Settings: what holds, where from, and what is said of what cannot be."""
