"""What providers counted, beside what had been expected."""

from typing import ClassVar

from ..events import Fact


class TokensReported(Fact):
    """A provider counted a prompt that had been estimated. Without its text: only what was counted in it."""

    name: ClassVar[str] = "TokensReported"

    model: str
    #: What the estimate is made of, by `features.NAMES`.
    features: tuple[int, ...]
    #: Messages, for what the template adds to each.
    messages: int
    estimated_tokens: int
    reported_tokens: int

    def subject(self, position: int) -> str:
        return f"model/{self.model}"


EVENTS = (TokensReported,)
