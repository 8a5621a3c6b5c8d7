"""Any server with OpenAI's API: what it holds is assumed, not known."""
