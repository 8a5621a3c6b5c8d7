"""What scoring sees of a message."""

from typing import NamedTuple

from ..contexts.values import Role

#: Scores are in millionths: what matters most of what is compared has a million.
WHOLE = 1_000_000


class Turn(NamedTuple):
    """A message as text."""

    role: Role
    text: str
    #: Who speaks, where there are several of one role; else empty.
    speaker: str = ""
