"""What several providers' APIs have in common: OpenAI's dialect, and shapes of errors."""
