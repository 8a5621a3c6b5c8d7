"""One conversation turn: an answer, whole or as it is generated."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TypedDict

from .domain.errors import BursarError, ModelVanished, PromptTruncated
from .domain.ports import ChatRequest, Chunk, ToolCall, Truncation
from .engine.leases import Lease, Wish
from .messages import AnyMessage, read_message
from .providers import renamed

#: Asks again in the place of a request that has ended.
Renew = Callable[[Lease], Awaitable[tuple[Lease, AsyncGenerator[Chunk, None]]]]


class ChatOptions(TypedDict, total=False):
    """What may be said about a chat besides the model and the messages."""

    max_tokens: int | None
    temperature: float | None
    seed: int | None
    #: The answer ends before any of these.
    stop: Sequence[str]
    #: What the model may call, as OpenAI's API has it.
    tools: Sequence[Mapping[str, object]]
    #: JSON schema that the answer has to follow, where the provider can hold the model to one.
    schema: Mapping[str, object] | None
    #: Higher is served first.
    priority: int
    #: Give up with `DeadlineExceeded` when the model is not free by then.
    deadline_s: float | None
    #: Who asks, for the books.
    agent: str


def read_options(messages: Sequence[AnyMessage], options: ChatOptions) -> tuple[ChatRequest, Wish]:
    """What the provider has to know, and what the queue has to know. Raises TypeError or ValueError."""
    unknown = sorted(options.keys() - ChatOptions.__annotations__.keys())
    if unknown:
        known = ", ".join(ChatOptions.__annotations__)
        raise TypeError(f"chat() has no option {unknown[0]!r}; there are {known}")
    max_tokens = options.get("max_tokens")
    request = ChatRequest(
        messages=[read_message(message) for message in messages],
        max_tokens=max_tokens,
        temperature=options.get("temperature"),
        seed=options.get("seed"),
        stop=options.get("stop", ()),
        tools=options.get("tools", ()),
        schema=options.get("schema"),
    )
    wish = Wish(
        purpose="chat",
        agent=options.get("agent", ""),
        priority=options.get("priority", 0),
        deadline_s=options.get("deadline_s"),
        max_tokens=max_tokens,
    )
    return request, wish


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model said, and what it took."""

    model: str
    text: str
    finish_reason: str | None
    prompt_tokens: int | None
    completion_tokens: int | None
    #: The provider cut the prompt, and `context.on_truncation` lets that pass.
    truncation: Truncation | None = None
    #: Tools that it asks for.
    tool_calls: tuple[ToolCall, ...] = ()


class ChatStream:
    """An answer as it is generated: iterate over its chunks, or `collect` them.

    The model is leased until the stream is exhausted or closed. Leaving it half-read without closing it
    keeps the lease until `limits.lease_max`; use it as a context manager when that can happen.
    """

    def __init__(
        self,
        lease: Lease,
        chunks: AsyncGenerator[Chunk, None],
        on_truncated: Callable[[int, str, Truncation], PromptTruncated | None] | None = None,
        renew: Renew | None = None,
    ) -> None:
        self._lease = lease
        self._chunks = chunks
        #: Told of a prompt that was cut; says whether that is an error.
        self._on_truncated = on_truncated
        #: Asks anew, once, for a model that turns out to be gone before it has said anything.
        self._renew = renew
        self._first_token_ms: int | None = None
        self._scope: asyncio.Timeout | None = None
        lease.on_revoked(self._interrupt)

    @property
    def model(self) -> str:
        """Id of the model that answers."""
        return self._lease.model

    @property
    def request(self) -> int:
        """Id of the request: what `why` takes. Another one follows where the model was gone at first."""
        return self._lease.request

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
        if self._lease.ended:
            raise StopAsyncIteration
        try:
            chunk = await self._next_or_anew()
        except BaseException as error:
            await self._end(error)
            raise
        self._renew = None
        if chunk.text and self._first_token_ms is None:
            self._first_token_ms = self._lease.held_ms()
        if chunk.done:
            cut = chunk.truncation
            tell = self._on_truncated
            truncated = tell(self.request, self.model, cut) if cut and tell else None
            await self._end(truncated, chunk)
            if truncated:
                raise truncated
        return chunk

    async def collect(self) -> Answer:
        """Read to the end and put the answer together."""
        text: list[str] = []
        last = Chunk()
        async with self:
            async for chunk in self:
                text.append(chunk.text)
                last = chunk
        return Answer(
            self.model,
            "".join(text),
            last.finish_reason,
            last.prompt_tokens,
            last.completion_tokens,
            last.truncation,
            last.tool_calls,
        )

    async def aclose(self) -> None:
        """Stop generating and give the model back; done already when the stream is exhausted."""
        if not self._lease.ended:
            await self._end(asyncio.CancelledError())

    async def _next_or_anew(self) -> Chunk:
        try:
            return await self._next()
        except ModelVanished as error:
            if self._renew is None:
                raise
            renew, self._renew = self._renew, None
            await self._end(error)
            self._lease, self._chunks = await renew(self._lease)
            self._lease.on_revoked(self._interrupt)
            return await self._next()

    async def _next(self) -> Chunk:
        """The provider's next chunk, unless the lease is taken back while it is awaited."""
        if self._lease.revoked:
            raise self._lease.revoked
        try:
            async with asyncio.timeout(None) as self._scope:
                return await anext(self._chunks)
        except (TimeoutError, StopAsyncIteration, BursarError) as error:
            # A lease that was taken back explains a broken stream better than the stream does.
            if self._lease.revoked:
                raise self._lease.revoked from error
            if isinstance(error, BursarError):
                raise renamed(error, self.model) from error
            raise
        finally:
            self._scope = None

    def _interrupt(self) -> None:
        if self._scope:
            self._scope.reschedule(asyncio.get_running_loop().time())

    async def _end(self, error: BaseException | None, last: Chunk | None = None) -> None:
        self._lease.end(
            error,
            first_token_ms=self._first_token_ms,
            load_ms=last.load_ms if last else None,
            prompt_tokens=last.prompt_tokens if last else None,
            completion_tokens=last.completion_tokens if last else None,
        )
        await self._chunks.aclose()
