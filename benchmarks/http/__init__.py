"""What a request costs: our HTTP client beside httpx, and beside bare sockets.

- `server.py`: the other side, in a process of its own, as cheap as can be
- `clients.py`: those that are compared
- `main.py`: runs them in turns, and prints a table
"""
