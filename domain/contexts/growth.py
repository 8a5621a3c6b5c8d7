"""Events about windows that are chosen by what conversations need."""

from typing import ClassVar

from ..events import Decision, Fact
from ..reasons import Reason
from .subject import OfContext


class WindowWanted(OfContext, Fact):
    """A context is to be sent, and its window is too small for it with its answer and what may be called."""

    name: ClassVar[str] = "WindowWanted"

    context: str
    #: Of what is sent, the answer included.
    tokens: int


class WindowChosen(Decision):
    """A model is loaded with another window from its next load on. Tokens are over all its slots."""

    name: ClassVar[str] = "WindowChosen"

    model: str
    #: For whom; empty where it is not for one of them alone.
    context: str = ""
    before_tokens: int
    context_tokens: int
    #: The one before could not be had: none as large is tried again before the model has left memory.
    failed: bool = False
    reason: Reason

    def subject(self, position: int) -> str:
        return f"residency/{self.model}"


EVENTS = (WindowWanted, WindowChosen)
