"""HTTP to providers: one port, bounded in every direction, and a lean transport behind it.

- `port.py`: what adapters ask for
- `failures.py`: what can go wrong, before it is said in terms of models
"""
