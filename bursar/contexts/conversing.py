"""A turn of a conversation: the window is made to fit, sent, and the answer is added."""

import asyncio
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Literal, Self

from ..chat import Answer, ChatOptions, ChatStream
from ..domain.contexts import entries, spans
from ..domain.contexts.events import ContextUsed
from ..domain.contexts.growing import larger
from ..domain.contexts.growth import WindowWanted
from ..domain.contexts.state import Context
from ..domain.errors import BursarError, ContextTooLarge, MemoryOptimizationFailed
from ..domain.ports import Chunk, Message
from .adding import Adding
from .asked import Manager
from .asking import NOT_DONE, taken
from .caching import Caching
from .effects import ContextEffects
from .kit import Kit
from .reading import Addition, read_message
from .shrinking import Shrinking

#: How messages are chosen where not all of them fit: by what matters, or by what the user's message asks for.
Select = Literal["importance", "query"]

#: What a model may call, as OpenAI's API has it.
Tools = Sequence[Mapping[str, object]]


class Conversing:
    """Sends contexts to their models."""

    def __init__(
        self, kit: Kit, adding: Adding, shrinking: Shrinking, caching: Caching, effects: ContextEffects
    ) -> None:
        self._kit = kit
        self._adding = adding
        self._shrinking = shrinking
        self._caching = caching
        self._effects = effects
        #: Whom the models are asked through.
        self.manager: Manager | None = None

    async def begin(
        self, name: str, said: Addition | None, choose: Select, options: ChatOptions
    ) -> "ContextStream":
        """Add what was said, and ask the model. What was said stays, whatever becomes of the answer."""
        ordinal = None if said is None else (await self._adding.add(name, [said]))[0]
        try:
            stream, sent = await self.send(name, choose, options)
        except BursarError as error:
            note_kept(error, ordinal)
            raise
        return ContextStream(self, name, ordinal, stream, sent, choose, options)

    async def send(
        self, name: str, choose: Select, options: ChatOptions
    ) -> tuple[ChatStream, Sequence[Message]]:
        """Have the window fit and send it; what was sent comes with the answer."""
        if self.manager is None:
            raise RuntimeError("the shell was not told whom to ask")
        await self._fit(name, choose, options)
        context = self._kit.context(name)
        window = await self._kit.texts.read(context, spans.ordinals(context.window))
        asked: ChatOptions = {"agent": context.agent, **options}
        return await self.manager.chat(context.model, window, stream=True, **asked), window

    async def note(
        self, name: str, sent: Sequence[Message], tools: Tools, answer: Answer, request: int
    ) -> int:
        """Add the answer, learn from its counts, and write down that the context was sent."""
        context = self._kit.context(name)
        if answer.prompt_tokens is not None and answer.truncation is None:
            await self._kit.counter.note(context.model, sent, answer.prompt_tokens, tools)
        used = ContextUsed(
            context=name, messages=len(sent), tokens=answer.prompt_tokens or context.tokens, request=request
        )
        await taken(self._kit.engine, used)
        said = Message("assistant", _written(answer.text), answer.tool_calls)
        size_max = self._kit.state.host.settings.context.max_message_bytes
        [ordinal] = await self._adding.add(name, [read_message(said, size_max=size_max)])
        return ordinal

    async def _fit(self, name: str, choose: Select, options: ChatOptions) -> None:
        """Make the window as small as it must be. Raises ContextTooLarge when it cannot be."""
        await self._caching.wake(name)
        room = await self._room(self._kit.context(name), options)
        if self._kit.context(name).tokens > room and await self._widened(name, room):
            room = await self._room(self._kit.context(name), options)
        if self._kit.context(name).tokens > room and not self._effects.asks_model(name):
            # A summary that is being made may do.
            await self._effects.settled(name)
        context = self._kit.context(name)
        if context.tokens <= room:
            return
        settings = self._kit.state.host.settings.context
        # Far enough for the next few turns: each change of what was sent before costs computing it anew.
        lower = room * settings.compress_to_per_mille // settings.compress_at_per_mille
        query = await self._query(context) if choose == "query" else None
        if query is None and (await self._summarised(name, lower) or await self._summarised(name, room)):
            return
        try:
            await self._shrinking.prune(name, target_tokens=lower, query=query)
        except MemoryOptimizationFailed:
            await self._only_just(context, room, query)

    async def _widened(self, name: str, room: int) -> bool:
        """Whether it goes on in a larger window, which its model is loaded with before it answers."""
        context = self._kit.context(name)
        counted = context.tokens - room
        short = counted * (1000 + self._kit.counter.provenance(context.model).error_per_mille) // 1000 + 1
        tokens = context.window_tokens + short
        within_budget = context.budget_tokens is None or context.tokens <= context.budget_tokens
        return within_budget and await self._widen(context, tokens)

    async def outgrown(self, name: str, error: ContextTooLarge) -> None:
        """The model has counted more than we had: have a larger window, if there is one."""
        context = self._kit.context(name)
        counted = error.values.get("prompt_tokens")
        tokens = counted + context.reserve_tokens if isinstance(counted, int) else 0
        await self._widen(context, max(tokens, context.window_tokens + 1))

    async def _widen(self, context: Context, tokens: int) -> bool:
        if larger(self._kit.state, context, tokens) is None:
            return False
        await taken(self._kit.engine, WindowWanted(context=context.name, tokens=tokens))
        return True

    async def _only_just(self, context: Context, room: int, query: str | None) -> None:
        """Leave out no more than has to be."""
        try:
            await self._shrinking.prune(context.name, target_tokens=room, query=query)
        except MemoryOptimizationFailed as error:
            figures = {"prompt_tokens": context.tokens, "context_tokens": context.window_tokens}
            raise ContextTooLarge(model=context.model, **figures) from error

    async def _summarised(self, name: str, target_tokens: int) -> bool:
        """Whether a summary made it small enough, where the settings have summaries made unasked."""
        busy = self._effects.asks_model(name)
        if busy or self._kit.state.host.settings.context.automatic == "off":
            return False
        try:
            await self._shrinking.compress(name, "extractive", target_tokens, keep_last=1)
        except NOT_DONE:
            return False
        return True

    async def _room(self, context: Context, options: ChatOptions) -> int:
        """Tokens that the window may have, by counts that err by so much."""
        room = context.limit_tokens
        wanted = options.get("max_tokens")
        if wanted is not None:
            room = min(room, context.window_tokens - wanted)
        tools = options.get("tools")
        if tools:
            room -= (await self._kit.counter.count_tools(context.model, tools)).tokens
        return room * 1000 // (1000 + self._kit.counter.provenance(context.model).error_per_mille)

    async def _query(self, context: Context) -> str | None:
        """The user's last message."""
        for ordinal in reversed(list(spans.ordinals(context.window))):
            entry = entries.at(context.entries, ordinal)
            if entry.role == "user" and not entry.summary:
                [message] = await self._kit.texts.read(context, (ordinal,))
                return message.content
        return None


class ContextStream:
    """An answer as it is generated: iterate over its chunks, or `collect` them.

    The answer is added to the context once it is complete; one that is left before that is not. The model is
    leased until the stream is exhausted or closed.
    """

    def __init__(
        self,
        conversing: Conversing,
        context: str,
        said: int | None,
        stream: ChatStream,
        sent: Sequence[Message],
        choose: Select,
        options: ChatOptions,
    ) -> None:
        self._conversing = conversing
        self._context = context
        self._said = said
        self._stream = stream
        self._sent = sent
        self._choose: Select = choose
        self._options = options
        #: Whether it may still be asked anew: nothing has been said yet.
        self._fresh = True
        self._text: list[str] = []
        self._ordinal: int | None = None

    @property
    def model(self) -> str:
        """Id of the model that answers."""
        return self._stream.model

    @property
    def request(self) -> int:
        """Id of the request: what `why` takes."""
        return self._stream.request

    @property
    def ordinal(self) -> int | None:
        """Of the answer in its context, once it is there."""
        return self._ordinal

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Chunk:
        """The next chunk; raises what went wrong, once."""
        try:
            chunk = await self._next()
        except BursarError as error:
            note_kept(error, self._said)
            raise
        self._fresh = False
        self._text.append(chunk.text)
        if chunk.done:
            answer = answered(self.model, self._text, chunk)
            noting = self._conversing.note(
                self._context, self._sent, self._options.get("tools") or (), answer, self.request
            )
            # Whoever is cancelled now has the answer in his context all the same.
            self._ordinal = await asyncio.shield(asyncio.ensure_future(noting))
        return chunk

    async def collect(self) -> Answer:
        """Read to the end and put the answer together."""
        last = Chunk()
        async with self:
            async for chunk in self:
                last = chunk
        return answered(self.model, self._text, last)

    async def aclose(self) -> None:
        """Stop generating and give the model back; done already when the stream is exhausted."""
        await self._stream.aclose()

    async def _next(self) -> Chunk:
        """A model that was loaded for this may turn out to have a smaller window than it was said to have."""
        try:
            return await anext(self._stream)
        except ContextTooLarge as error:
            if not self._fresh:
                raise
            self._fresh = False
            await self._conversing.outgrown(self._context, error)
            self._stream, self._sent = await self._conversing.send(self._context, self._choose, self._options)
            return await anext(self._stream)


def note_kept(error: BursarError, ordinal: int | None) -> None:
    """Say of a failure what became of the message that was to be answered."""
    if ordinal is not None:
        error.add_note(
            f"what was said is message {ordinal} of the context; chat() without a message asks again"
        )


def answered(model: str, text: Sequence[str], last: Chunk) -> Answer:
    """An answer, of its pieces and its last chunk."""
    return Answer(
        model,
        "".join(text),
        last.finish_reason,
        last.prompt_tokens,
        last.completion_tokens,
        last.truncation,
        tool_calls=last.tool_calls,
    )


def _written(text: str) -> str:
    """A text that can be kept: half of a surrogate pair, which a model may come out with, is no character."""
    return text.encode("utf-8", "replace").decode()
