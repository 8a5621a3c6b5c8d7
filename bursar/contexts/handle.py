"""A conversation that is held: what is done with a context, without its name."""

from collections.abc import Sequence
from typing import Literal, Unpack, get_args, overload

from ..chat import Answer, ChatOptions
from ..domain.contexts.machine import ContextState
from ..domain.contexts.values import Genre, Method, Sizing
from ..domain.ports import Message
from ..messages import AnyMessage
from .arguments import require_one_of, require_whole
from .conversing import ContextStream, Select
from .methods import ContextMethods
from .results import ForgottenContext, MovedToCache, Reduced, RestoredContext, RestoredMessages


class ContextHandle:
    """A context. Every method is the manager's of the same meaning, for this context."""

    def __init__(self, manager: ContextMethods, context: str) -> None:
        self._manager = manager
        self._id = context

    def __repr__(self) -> str:
        return f"<context {self._id}>"

    @property
    def id(self) -> str:
        """Its id."""
        return self._id

    @property
    def model(self) -> str:
        """Id of the model that it is held with."""
        return self._manager.context(self._id).model

    @property
    def state(self) -> ContextState:
        """Where it is in its life."""
        return self._manager.context(self._id).state

    @property
    def tokens(self) -> int:
        """Of what is sent."""
        return self._manager.context(self._id).tokens

    @property
    def limit_tokens(self) -> int:
        """What may be sent."""
        return self._manager.context(self._id).limit_tokens

    async def add(self, message: AnyMessage, *, importance: float | None = None, pinned: bool = False) -> int:
        """See `ResourceManager.add_message`."""
        return await self._manager.add_message(self._id, message, importance=importance, pinned=pinned)

    @overload
    async def chat(
        self,
        message: str | AnyMessage | None = None,
        *,
        stream: Literal[False] = False,
        select: Select = "importance",
        importance: float | None = None,
        **options: Unpack[ChatOptions],
    ) -> Answer: ...

    @overload
    async def chat(
        self,
        message: str | AnyMessage | None = None,
        *,
        stream: Literal[True],
        select: Select = "importance",
        importance: float | None = None,
        **options: Unpack[ChatOptions],
    ) -> ContextStream: ...

    async def chat(
        self,
        message: str | AnyMessage | None = None,
        *,
        stream: bool = False,
        select: Select = "importance",
        importance: float | None = None,
        **options: Unpack[ChatOptions],
    ) -> Answer | ContextStream:
        """See `ResourceManager.chat_in`."""
        if stream:
            return await self._manager.chat_in(
                self._id, message, stream=True, select=select, importance=importance, **options
            )
        return await self._manager.chat_in(self._id, message, select=select, importance=importance, **options)

    async def messages(self) -> list[Message]:
        """See `ResourceManager.messages`."""
        return await self._manager.messages(self._id)

    async def message(self, ordinal: int) -> Message:
        """See `ResourceManager.message`."""
        return await self._manager.message(self._id, ordinal)

    async def pin(self, ordinal: int, *, pinned: bool = True, importance: float | None = None) -> None:
        """See `ResourceManager.pin_message`."""
        await self._manager.pin_message(self._id, ordinal, pinned=pinned, importance=importance)

    async def compress(
        self,
        *,
        method: Method = "extractive",
        target_tokens: int | None = None,
        keep_last: int | None = None,
    ) -> Reduced:
        """See `ResourceManager.compress_context`."""
        return await self._manager.compress_context(
            self._id, method=method, target_tokens=target_tokens, keep_last=keep_last
        )

    async def prune(
        self, *, target_tokens: int | None = None, target_bytes: int | None = None, query: str | None = None
    ) -> Reduced:
        """See `ResourceManager.prune_context`."""
        return await self._manager.prune_context(
            self._id, target_tokens=target_tokens, target_bytes=target_bytes, query=query
        )

    async def restore_messages(
        self, ordinals: Sequence[int] | None = None, *, to: int | None = None
    ) -> RestoredMessages:
        """See `ResourceManager.restore_messages`."""
        return await self._manager.restore_messages(self._id, ordinals, to=to)

    async def move_to_cache(self) -> MovedToCache:
        """See `ResourceManager.move_to_cache`."""
        return await self._manager.move_to_cache(self._id)

    async def restore(self) -> RestoredContext:
        """See `ResourceManager.restore_context`."""
        return await self._manager.restore_context(self._id)

    async def close(self) -> None:
        """See `ResourceManager.close_context`."""
        await self._manager.close_context(self._id)

    async def forget(self, *, because: str | None = None, basis: str | None = None) -> ForgottenContext:
        """See `ResourceManager.forget_context`."""
        return await self._manager.forget_context(self._id, because=because, basis=basis)


class OpensContexts(ContextMethods):
    """The same methods, and the one that conversations begin with."""

    async def open_context(
        self,
        context: str,
        *,
        model: str | None = None,
        agent: str | None = None,
        genre: Genre | None = None,
        budget_tokens: int | None = None,
        max_tokens: int | None = None,
        reserve_tokens: int | None = None,
        priority: int | None = None,
        window: Sizing | None = None,
    ) -> ContextHandle:
        """Begin a conversation with a model, or go on with one that is known; its texts are read when needed.

        What is sent fits the model's window less `reserve_tokens`, which are kept free for the answer, and
        has `budget_tokens` at most, which the documents call `max_tokens`. `genre` says what matters in it:
        a `dialogue`, the trace of an `agent`, a `document`. `priority`: higher is compressed and packed
        later. `window`: `auto` has the model loaded anew with a larger window when what is sent outgrows
        the one it has, as far as its memory and what it was made for allow, before anything is left out;
        `fixed` leaves the window as it is. What is not given of a known one stays as it was.
        Raises `InvalidContextId`, `InvalidModelId`, `ContextLimitExceeded`, and what `describe` raises.
        """
        self._require_open()
        require_one_of("genre", genre, get_args(Genre))
        require_one_of("window", window, get_args(Sizing))
        require_whole(1, budget_tokens=budget_tokens, max_tokens=max_tokens)
        require_whole(0, reserve_tokens=reserve_tokens)
        await self._contexts.open(
            context,
            model=model,
            agent=agent,
            genre=genre,
            budget_tokens=max_tokens if budget_tokens is None else budget_tokens,
            reserve_tokens=reserve_tokens,
            priority=priority,
            sizing=window,
        )
        return ContextHandle(self, context)
