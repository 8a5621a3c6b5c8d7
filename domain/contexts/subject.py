"""What most events about contexts have in common."""


class OfContext:
    """Mixed into events about one context."""

    context: str

    def subject(self, position: int) -> str:
        return f"context/{self.context}"
