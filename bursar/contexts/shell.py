"""Contexts as the manager has them: what users ask for, brought to those who do it."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from ..adapters.logs import get_logger
from ..chat import ChatOptions
from ..counting import Counter
from ..domain.contexts import entries, spans
from ..domain.contexts.events import ContextOpened, MessagePinned
from ..domain.contexts.keeping import ContextClosed
from ..domain.contexts.machine import ContextState
from ..domain.contexts.state import Context
from ..domain.contexts.values import Entry, Genre, Sizing
from ..domain.erasure.events import SubjectForgotten
from ..domain.errors import BursarError, ContextUnavailable, InvalidModelId, NoSuchContext
from ..domain.events import Event
from ..domain.ports import Message
from ..domain.state import State
from ..engine.engine import Engine
from ..engine.reconcile import describe
from ..projections.windows import context_at
from ..providers import Directory
from .adding import Adding
from .asked import Manager
from .asking import NOT_DONE, taken
from .caching import Caching
from .compacting import Compacting
from .conversing import ContextStream, Conversing, Select
from .effects import ContextEffects
from .embedding import Embedding
from .forgetting import Forgetting
from .kit import Kit
from .packing import Packing
from .reading import Addition, read_message, require_id
from .relieving import Relieving
from .results import ContextRow
from .scoring import Scoring
from .shrinking import Shrinking
from .sweeping import sweep_orphans
from .terms import IN_MEMORY, arrival, default_reserve, window_of
from .texts import Texts
from .vault import Vault

T = TypeVar("T")

_log = get_logger("bursar.contexts")


class Contexts:
    """The shell around the rules about contexts: it counts, scores and keeps texts, and tells the rules."""

    def __init__(self, engine: Engine, directory: Directory, vault: Vault, counter: Counter) -> None:
        self._kit = kit = Kit(engine, directory, vault, Texts(vault), counter)
        self._embedding = Embedding(kit)
        self._scoring = Scoring(kit, self._embedding)
        self._compacting = Compacting(kit)
        self.effects = ContextEffects(kit, self._compacting, Packing(kit, self._scoring))
        self.caching = Caching(kit, self.effects, self._scoring)
        self.adding = Adding(kit, self.caching.wake)
        self.shrinking = Shrinking(kit, self._scoring, self.caching, self.effects)
        self.conversing = Conversing(kit, self.adding, self.shrinking, self.caching, self.effects)
        self.relieving = Relieving(kit, self.shrinking, self.caching, self._scoring)
        self.forgetting = Forgetting(kit, self.effects)

    def serve(self, manager: Manager) -> None:
        """Ask models through a manager from here on."""
        self.conversing.manager = manager
        self._compacting.manager = manager
        self._embedding.manager = manager

    def begin(self, *, sweep: bool) -> None:
        """`sweep`: texts may have been put whose events never came."""
        if sweep:
            self.effects.beside(sweep_orphans(self._kit.vault))

    def hear(self, event: Event) -> None:
        """What is committed, and concerns contexts."""
        self.effects.hear(event)
        if isinstance(event.body, SubjectForgotten):
            # Whose texts they were is not said: what is held of others is read again.
            self._kit.texts.drop_all()
            self._scoring.drop_all()
        arrived = arrival(event)
        if arrived is None:
            return
        if self._kit.state.models[arrived.model].motive == "window":
            # It leaves at once for a larger one.
            return
        for context in tuple(self._kit.state.contexts.named.values()):
            if context.model == arrived.model and context.open and _is_news(context, arrived.tokens):
                self._resize(context, arrived.tokens)

    async def close(self) -> None:
        """Give up what is under way."""
        await self.effects.cancel()
        self._kit.scorer.close()

    async def open(
        self,
        name: str,
        *,
        model: str | None,
        agent: str | None,
        genre: Genre | None,
        budget_tokens: int | None,
        reserve_tokens: int | None,
        priority: int | None,
        sizing: Sizing | None,
    ) -> None:
        """Begin a conversation, or go on with one; what is not said of one that is known stays."""
        known = self._kit.state.contexts.named.get(require_id(name))
        if known is not None and known.state is ContextState.CLOSED:
            remedy = "it can be read; forget it, or go on under another name"
            raise ContextUnavailable(context=name, state=known.state.value, remedy=remedy)
        wanted = model or (known.model if known else None)
        if wanted is None:
            raise NoSuchContext(context=name, remedy="name the model that it is to be held with")
        target = self._kit.directory.find(wanted)
        window = await window_of(self._kit.engine, target)
        reserve = reserve_tokens
        if reserve is None:
            same = known is not None and known.window_tokens == window.tokens
            default = default_reserve(self._kit.engine, window.tokens)
            reserve = known.reserve_tokens if known is not None and same else default
        fact = ContextOpened(
            context=name,
            model=target.id,
            agent=agent if agent is not None else (known.agent if known else ""),
            genre=genre or (known.genre if known else "dialogue"),
            window_tokens=window.tokens,
            reserve_tokens=reserve,
            budget_tokens=budget_tokens if budget_tokens is not None or not known else known.budget_tokens,
            priority=priority if priority is not None else (known.priority if known else 0),
            provenance=window.provenance,
            sizing=sizing or (known.sizing if known else self._kit.state.host.settings.context.sizing),
        )
        if fact.sizing == "auto":
            # How large its window may be is decided by what is on record of it.
            await describe(self._kit.engine, self._kit.directory, target.id)
        known = self._kit.state.contexts.named.get(name)
        if known is None or _terms(known) != _terms(fact):
            await taken(self._kit.engine, fact)

    async def add(self, name: str, messages: Sequence[Addition]) -> list[int]:
        """Add messages; their ordinals."""
        return await self.adding.add(name, messages)

    def read(self, message: object, importance: float | None = None, pinned: bool = False) -> Addition:
        """A message as a user gives it. Raises InvalidMessage."""
        size_max = self._kit.state.host.settings.context.max_message_bytes
        return read_message(message, importance=importance, pinned=pinned, size_max=size_max)

    async def chat(
        self, name: str, said: object, importance: float | None, choose: Select, options: ChatOptions
    ) -> ContextStream:
        """Say something, if anything, and have it answered."""
        if isinstance(said, str):
            said = Message("user", said)
        added = None if said is None else self.read(said, importance)
        return await self.conversing.begin(name, added, choose, options)

    async def messages(self, name: str) -> list[Message]:
        """What is sent of a context, in order."""
        context = self._kit.context(name)
        return await self._kit.texts.read(context, spans.ordinals(context.window))

    async def message(self, name: str, ordinal: int) -> Message:
        """One message of a context, sent or left out. Raises NoSuchContext, IndexError."""
        context = self._kit.context(name)
        _known(context, ordinal)
        return (await self._kit.texts.read(context, (ordinal,)))[0]

    async def pin(self, name: str, ordinal: int, pinned: bool, importance: float | None) -> None:
        """Have a message never left out, or possibly again."""
        known = _known(self._kit.context(name), ordinal)
        said = known.importance if importance is None else round(importance * 1000)
        await taken(
            self._kit.engine,
            MessagePinned(context=name, ordinal=ordinal, pinned=pinned, importance=said),
        )

    async def close_context(self, name: str) -> None:
        """Take nothing in any more."""
        if self._kit.context(name).state is ContextState.CLOSED:
            return
        await self.effects.settled(name)
        await taken(self._kit.engine, ContextClosed(context=name))

    async def sent_at(self, name: str, position: int) -> list[int]:
        """Ordinals that were sent of a context at a position of the journal, and are not now."""
        then = await self._kit.vault.do(lambda shelf: context_at(shelf.reader, name, position))
        now = self._kit.context(name)
        if then is None or then.position != now.position:
            raise NoSuchContext(context=name, remedy=f"it was not there at position {position}")
        sent = frozenset(spans.ordinals(now.window))
        return [ordinal for ordinal in spans.ordinals(then.window) if ordinal not in sent]

    def aim(self, name: str) -> int:
        """Tokens that compressing aims at."""
        settings = self._kit.state.host.settings.context
        return self._kit.context(name).limit_tokens * settings.compress_to_per_mille // 1000

    @property
    def state(self) -> State:
        """The live state."""
        return self._kit.state

    def context(self, name: str) -> Context:
        """A context by its id. Raises NoSuchContext."""
        return self._kit.context(name)

    def of(self, what: str | None) -> list[str]:
        """Contexts by their own id, or all of a model; None for every one. Raises NoSuchContext."""
        named = self._kit.state.contexts.named
        held = [name for name, context in named.items() if context.state is not ContextState.CLOSED]
        if what is None:
            return held
        if what in named:
            return [what]
        try:
            model = self._kit.directory.find(what).id
        except InvalidModelId:
            model = what
        of_model = [name for name in held if named[name].model == model]
        if not of_model and model not in self._kit.state.models:
            raise NoSuchContext(context=what, remedy="give the id of a context, or of a model that has some")
        return of_model

    async def each(self, what: str, work: Callable[[str], Awaitable[T]]) -> list[T]:
        """Do something with a context, or with all of a model: those of them with which it can be done.

        Raises why it could be done with none.
        """
        done: list[T] = []
        failure: BursarError | None = None
        for name in self.of(what):
            try:
                done.append(await work(name))
            except NOT_DONE as error:
                failure = failure or error
        if failure is not None and not done:
            raise failure
        return done

    def model_of(self, what: str) -> str:
        """The model that is meant: its own id, or that of a context's model."""
        context = self._kit.state.contexts.named.get(what)
        return context.model if context else self._kit.directory.find(what).id

    def rows(self) -> list[ContextRow]:
        """All contexts, in the order in which they were opened."""
        named = self._kit.state.contexts.named.values()
        return [_row(context) for context in sorted(named, key=lambda context: context.position)]

    def _resize(self, context: Context, window_tokens: int) -> None:
        """Go on under the terms that there really are."""
        fact = ContextOpened(
            context=context.name,
            model=context.model,
            agent=context.agent,
            genre=context.genre,
            window_tokens=window_tokens,
            reserve_tokens=min(context.reserve_tokens, default_reserve(self._kit.engine, window_tokens)),
            budget_tokens=context.budget_tokens,
            priority=context.priority,
            provenance=IN_MEMORY,
            sizing=context.sizing,
        )
        try:
            self._kit.engine.submit(fact)
        except BursarError as error:
            _log.warning("another window was not recorded", context=context.name, error=error.code)


def _known(context: Context, ordinal: int) -> Entry:
    """What is known of a message. Raises IndexError."""
    if ordinal >= entries.count(context.entries):
        raise IndexError(f"context {context.name} has {entries.count(context.entries)} messages, from 0 on")
    return entries.at(context.entries, ordinal)


def _is_news(context: Context, window_tokens: int) -> bool:
    """Whether it has to go on in another window: a larger one is only for those who take what there is."""
    smaller, larger = window_tokens < context.window_tokens, window_tokens > context.window_tokens
    return smaller or (larger and context.sizing == "auto")


def _terms(context: Context | ContextOpened) -> tuple[object, ...]:
    return (
        context.model,
        context.agent,
        context.genre,
        context.window_tokens,
        context.reserve_tokens,
        context.budget_tokens,
        context.priority,
        context.sizing,
    )


def _row(context: Context) -> ContextRow:
    return ContextRow(
        id=context.name,
        model=context.model,
        agent=context.agent,
        genre=context.genre,
        state=context.state,
        priority=context.priority,
        messages=spans.length(context.window),
        kept_messages=entries.count(context.entries),
        tokens=context.tokens,
        limit_tokens=context.limit_tokens,
        size_bytes=context.size,
        packed_bytes=context.packed,
        opened_at=context.opened_at,
        used_at=context.used_at,
    )
