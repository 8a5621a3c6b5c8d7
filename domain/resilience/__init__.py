"""Calm when a provider misbehaves: breakers, retry budgets, adaptive concurrency, recovery, fallbacks."""
