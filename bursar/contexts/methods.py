"""What the manager can do with conversations that are open; `ResourceManager` has these methods."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Unpack, get_args, overload

from ..chat import Answer, ChatOptions
from ..domain.contexts.agents import should_throttle
from ..domain.contexts.state import Context
from ..domain.contexts.values import Method
from ..domain.contexts.windows import recommended_context_size
from ..domain.ports import Message
from ..messages import AnyMessage
from .arguments import require_importance, require_one_of, require_ordinals, require_whole
from .conversing import ContextStream, Select
from .relieving import Strategy
from .results import (
    ContextRow,
    ForgottenContext,
    MovedToCache,
    OptimizedMemory,
    Reduced,
    ReducedMemory,
    RestoredContext,
    RestoredMessages,
)
from .shell import Contexts

if TYPE_CHECKING:
    from ..settings import Settings


class ContextMethods:
    """Conversations that are kept within their windows, and lose nothing silently.

    Where `what` is asked for, it is the id of a context, or of a model: then all contexts of it are meant.
    Every method that names a context may raise `NoSuchContext`, `ContextUnavailable` and `ManagerClosed`.
    """

    _contexts: Contexts

    async def add_message(
        self, context: str, message: AnyMessage, *, importance: float | None = None, pinned: bool = False
    ) -> int:
        """Add a message, and return its ordinal once it is in the journal; what is committed stays.

        A mapping is read as OpenAI's API has it, tool calls and their results included, and may have
        `importance` (0 to 1) and `pinned` as well. Messages of a context are added in the order of the calls.
        Raises `InvalidMessage` naming the field, `ContextLimitExceeded`, `ContextTooLarge` for what can never
        be sent, `AgentOverLimit`.
        """
        self._require_open()
        return (await self._contexts.add(context, [self._contexts.read(message, importance, pinned)]))[0]

    async def add_messages(self, context: str, messages: Sequence[AnyMessage]) -> list[int]:
        """Add several messages in one go, which is quicker; none is added unless all can be read.

        Where one is refused by a limit, those before it are added and those after it are not.
        """
        self._require_open()
        return await self._contexts.add(context, [self._contexts.read(message) for message in messages])

    async def pin_message(
        self, context: str, ordinal: int, *, pinned: bool = True, importance: float | None = None
    ) -> None:
        """Never leave a message out, or let it be left out again; or say that it matters more, or less."""
        self._require_open()
        require_whole(0, ordinal=ordinal)
        require_importance(importance)
        await self._contexts.pin(context, ordinal, pinned, importance)

    async def messages(self, context: str) -> list[Message]:
        """What is sent of a context, in order. Raises `MessageDamaged`, which names the message."""
        self._require_open()
        return await self._contexts.messages(context)

    async def message(self, context: str, ordinal: int) -> Message:
        """One message of a context, also one that was left out. Raises IndexError, `MessageDamaged`."""
        self._require_open()
        require_whole(0, ordinal=ordinal)
        return await self._contexts.message(context, ordinal)

    @overload
    async def chat_in(
        self,
        context: str,
        message: str | AnyMessage | None = None,
        *,
        stream: Literal[False] = False,
        select: Select = "importance",
        importance: float | None = None,
        **options: Unpack[ChatOptions],
    ) -> Answer: ...

    @overload
    async def chat_in(
        self,
        context: str,
        message: str | AnyMessage | None = None,
        *,
        stream: Literal[True],
        select: Select = "importance",
        importance: float | None = None,
        **options: Unpack[ChatOptions],
    ) -> ContextStream: ...

    async def chat_in(
        self,
        context: str,
        message: str | AnyMessage | None = None,
        *,
        stream: bool = False,
        select: Select = "importance",
        importance: float | None = None,
        **options: Unpack[ChatOptions],
    ) -> Answer | ContextStream:
        """Say something in a context and have it answered; without a message the model just goes on.

        The answer is added; what was said stays when it fails. Where the window is too full, messages are
        left out first: by how much they matter, or with `select="query"` by what the user's last message asks
        for. Raises what `chat` and `add_message` raise; `ContextTooLarge` when what must stay is too much.
        """
        self._require_open()
        require_one_of("select", select, get_args(Select))
        answer = await self._contexts.chat(context, message, importance, select, options)
        return answer if stream else await answer.collect()

    async def compress_context(
        self,
        what: str,
        *,
        method: Method = "extractive",
        target_tokens: int | None = None,
        keep_last: int | None = None,
    ) -> Reduced:
        """Replace the older messages by a summary of them; the last ones, 10 by default, stay whole.

        `method="model"` has the context's model write it, if it is in memory, and verifies what it states;
        what fails that falls back to sentences of the messages themselves. Raises `MemoryOptimizationFailed`
        when a context has nothing to summarise, or moved on meanwhile.
        """
        self._require_open()
        require_one_of("method", method, get_args(Method))
        require_whole(1, target_tokens=target_tokens, keep_last=keep_last)
        shrinking = self._contexts.shrinking
        return Reduced.together(
            await self._contexts.each(
                what, lambda name: shrinking.compress(name, method, target_tokens, keep_last)
            )
        )

    async def prune_context(
        self,
        what: str,
        *,
        target_tokens: int | None = None,
        target_bytes: int | None = None,
        query: str | None = None,
    ) -> Reduced:
        """Leave out what matters least, or what a query asks for least; `restore_messages` puts it back.

        System messages, pinned ones and the user's last message with all after it stay, and a tool call stays
        or goes with its results. Without a target it comes to what compressing aims at.
        Raises `MemoryOptimizationFailed` when what must stay is more than that.
        """
        self._require_open()
        require_whole(1, target_tokens=target_tokens, target_bytes=target_bytes)
        shrinking, untold = self._contexts.shrinking, target_tokens is None and target_bytes is None

        async def prune(name: str) -> Reduced:
            tokens = self._contexts.aim(name) if untold else target_tokens
            return await shrinking.prune(name, target_tokens=tokens, target_bytes=target_bytes, query=query)

        return Reduced.together(await self._contexts.each(what, prune))

    async def restore_messages(
        self, context: str, ordinals: Sequence[int] | None = None, *, to: int | None = None
    ) -> RestoredMessages:
        """Send messages again that were left out: some, or all that were sent at a position of the journal.

        A summary goes once all that it stands for is sent again. Raises `ContextTooLarge` or
        `MemoryOptimizationFailed` when they do not fit.
        """
        self._require_open()
        if ordinals is not None and to is None:
            require_ordinals(ordinals)
        elif ordinals is None and to is not None:
            require_whole(1, to=to)
            ordinals = await self._contexts.sent_at(context, to)
        else:
            raise ValueError("give either ordinals or to=position")
        return await self._contexts.shrinking.put_back(context, ordinals)

    async def move_to_cache(self, what: str) -> MovedToCache:
        """Pack the texts of contexts, and hold none of them in memory; they can be read all the same.

        A message that is added later, or `restore_context`, unpacks them. Raises `MemoryOptimizationFailed`.
        """
        self._require_open()
        return MovedToCache.together(await self._contexts.each(what, self._contexts.caching.move_to_cache))

    async def restore_context(self, context: str) -> RestoredContext:
        """Unpack a context; what is damaged is left out of it, and named. Raises `ContextUnavailable`."""
        self._require_open()
        return await self._contexts.caching.restore(context)

    async def reduce_working_memory(self, what: str) -> ReducedMemory:
        """Let go of what is held in memory for the contexts of a model; it is read again when needed."""
        self._require_open()
        model = self._contexts.model_of(what)
        return await self._contexts.caching.reduce(model, self._contexts.of(model))

    async def optimize_memory(
        self, model: str | None = None, *, strategy: Strategy | None = None
    ) -> OptimizedMemory:
        """Need less memory, step by step: idle contexts are compressed, and where that is not enough, what
        is held of contexts is let go and idle ones are packed.

        `strategy` is `standard` (the first step) or `aggressive` (all of them); by default the last reading
        of the machine decides.
        """
        self._require_open()
        require_one_of("strategy", strategy, get_args(Strategy))
        names = self._contexts.of(model)
        known = None if model is None else self._contexts.model_of(model)
        return await self._contexts.relieving.optimize(known, names, strategy)

    async def optimize_agent_context(
        self,
        agent: str,
        context: str | Sequence[AnyMessage],
        query: str,
        max_tokens: int,
        *,
        model: str | None = None,
    ) -> list[Message]:
        """What an agent needs of a conversation for a query, within so many tokens, in order.

        `context` is the id of one of ours, which is pruned to that, or messages that are not kept here.
        What the agent works on, by its settings, weighs in. `model` says whose tokens are counted.
        Raises `MemoryOptimizationFailed` when what must stay is more.
        """
        self._require_open()
        require_whole(1, max_tokens=max_tokens)
        if isinstance(context, str):
            await self._contexts.shrinking.prune(context, target_tokens=max_tokens, query=query, agent=agent)
            return await self._contexts.messages(context)
        additions = [self._contexts.read(message) for message in context]
        return await self._contexts.relieving.chosen(agent, additions, query, max_tokens, model)

    def should_throttle(self, agent: str) -> bool:
        """Whether an agent's contexts take more than they may: nothing is added to them until they do not."""
        return should_throttle(self._contexts.state, agent)

    def recommended_context_size(self, agent: str, requested_tokens: int) -> int:
        """How many tokens an agent should ask for when it would like so many: less when memory is short."""
        return recommended_context_size(self._contexts.state, agent, requested_tokens)

    async def configure_compression(
        self,
        *,
        ratio: float | None = None,
        strategy: str | None = None,
        importance_threshold: float | None = None,
        level: int | None = None,
    ) -> "Settings":
        """Change how texts are packed, and from which importance on a message counts as important.

        Returns what is in force then; raises `SettingsInvalid`.
        """
        compression = {"ratio": ratio, "strategy": strategy, "level": level}
        context = {"importance_threshold": importance_threshold}
        sections: dict[str, Any] = {
            "compression": {name: value for name, value in compression.items() if value is not None},
            "context": {name: value for name, value in context.items() if value is not None},
        }
        return await self.configure(**{name: values for name, values in sections.items() if values})

    async def close_context(self, context: str) -> None:
        """Take nothing into a context any more; it can still be read."""
        self._require_open()
        await self._contexts.close_context(context)

    async def forget_context(
        self, context: str, *, because: str | None = None, basis: str | None = None
    ) -> ForgottenContext:
        """Make the texts of a context unrecoverable, and write that down; its history can still be verified.

        `because` and `basis`, the legal ground, are kept for ever: name nobody in them. What an interrupted
        call left undone the next one does. Raises `NoSuchContext` when there never was one.
        """
        self._require_open()
        return await self._contexts.forgetting.forget(context, because, basis)

    def contexts(self) -> list[ContextRow]:
        """All contexts that were not forgotten, in the order in which they were opened."""
        return self._contexts.rows()

    def context(self, context: str) -> Context:
        """What is known of a context, without its texts."""
        return self._contexts.context(context)

    async def configure(self, settings: "Settings | None" = None, **changes: Any) -> "Settings":
        """See `ResourceManager.configure`."""
        raise NotImplementedError

    def _require_open(self) -> None:
        raise NotImplementedError
