"""What of the manager the shell asks: the managed chat, and vectors."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, Protocol, Unpack, overload

from ..chat import Answer, ChatOptions, ChatStream
from ..domain.state import State
from ..messages import AnyMessage
from ..vectors import Vectors

if TYPE_CHECKING:
    from ..settings import Settings


class Manager(Protocol):
    """Asks models, on leases and by the rules."""

    @property
    def state(self) -> State:
        """The live state."""
        ...

    @property
    def settings(self) -> "Settings":
        """The settings in force."""
        ...

    async def embed(self, model: str, texts: Sequence[str], *, agent: str = "") -> Vectors:
        """A vector for each text."""
        ...

    @overload
    async def chat(
        self,
        model: str,
        messages: Sequence[AnyMessage],
        *,
        stream: Literal[False] = False,
        **options: Unpack[ChatOptions],
    ) -> Answer: ...

    @overload
    async def chat(
        self,
        model: str,
        messages: Sequence[AnyMessage],
        *,
        stream: Literal[True],
        **options: Unpack[ChatOptions],
    ) -> ChatStream: ...
