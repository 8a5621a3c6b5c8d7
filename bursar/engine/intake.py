"""What other processes may tell a manager: what an operator wants, through the socket beside the journal."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from pydantic import ValidationError

from ..adapters.logs import get_logger
from ..domain.contexts.events import MessagesWanted
from ..domain.contexts.keeping import ContextForgotten
from ..domain.erasure.events import EventRedacted, SubjectForgotten
from ..domain.erasure.redaction import obstacle
from ..domain.errors import (
    CommandConflict,
    InvalidModelId,
    JournalUnusable,
    ManagerClosed,
    NoSuchContext,
    NoSuchPosition,
    NotRedactable,
)
from ..domain.events import Body, Fact
from ..domain.models.events import FreeRequested, PinChanged, UnloadRequested
from ..domain.registry import REGISTRY, UnknownEvent, decode
from ..domain.resilience.events import BreakerSet
from ..eventstore.intake.plain import refused
from ..eventstore.intake.serving import listening
from ..eventstore.intake.submissions import Positions, Statement, Submission, canonical
from ..eventstore.journal import Journal
from ..eventstore.merkle import SEGMENT
from ..eventstore.reader import Reader
from ..eventstore.records import Record
from ..projections.history import to_event
from ..providers import Directory
from .engine import Engine
from .shutdown import Shutdown

_log = get_logger("bursar.intake")

#: What an operator may state from outside: what he wants, and what he himself has done to files of his.
#: Nothing that carries a reading or the outcome of an effect (ModelLoaded, MetricsSampled, …): the state is
#: true because only those say so who saw it. Nothing of a manager's own life (ManagerStarted, TimerFired, …),
#: whose order the rules rely on. No RequestArrived: nobody here would wait for the lease and end it. No
#: SettingsChanged: the manager has settings beside those in the state, and they would differ.
STATABLE: tuple[type[Fact], ...] = (
    PinChanged,
    UnloadRequested,
    FreeRequested,
    BreakerSet,
    MessagesWanted,
    SubjectForgotten,
    ContextForgotten,
    EventRedacted,
)
_STATABLE = {fact.name for fact in STATABLE}
_KNOWN = {name for name, _version in REGISTRY}
#: Who the manager itself says it is.
_OURSELVES = "bursar"
#: Characters of a fact's data: of those above each is a name or a sentence or two.
_DATA_MAX = 4096


@asynccontextmanager
async def taking_in(
    engine: Engine, store: Journal, reader: Reader, directory: Directory, shutdown: Shutdown
) -> AsyncGenerator[None]:
    """Take steps from what other processes state, for a block; they use `submitting.Submitter`.

    Where there can be no socket beside the journal the manager goes without.
    """
    intake = Intake(engine, store, reader, directory, shutdown)
    async with AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(listening(store.path, intake.take))
        except JournalUnusable as error:
            _log.warning("other processes cannot reach this manager", error=str(error))
        yield


@dataclass(frozen=True, slots=True)
class _Said:
    """What makes two submissions the same."""

    actor: str
    body: Body


@dataclass(frozen=True, slots=True)
class _Taken:
    """A step that was taken from what was said; `committed` is None when it is in the journal."""

    said: _Said
    positions: Positions
    committed: "asyncio.Future[int] | None" = None


class Intake:
    """Turns submissions into steps, each once."""

    def __init__(
        self, engine: Engine, store: Journal, reader: Reader, directory: Directory, shutdown: Shutdown
    ) -> None:
        self._engine = engine
        self._store = store
        self._reader = reader
        self._directory = directory
        self._shutdown = shutdown
        #: By command, the steps that are being written.
        self._writing: dict[str, _Taken] = {}

    async def take(self, submission: Submission) -> Positions:
        """Take a step from a fact, or say where the step stands that was taken from it before.

        Raises SubmissionRefused, CommandConflict, InvalidModelId, NoSuchPosition, NotRedactable,
        ManagerClosed, and what the engine and the journal raise.
        """
        fact = _fact(submission)
        said = _Said(_actor(submission.actor), fact)
        taken = self._before(submission.command, said)
        if taken is None:
            await self._require_possible(fact)
            # While a provider was asked somebody else may have sent the same.
            taken = self._before(submission.command, said) or self._step(submission, fact)
        if taken.committed is not None:
            # The engine waits for it as well, whatever becomes of the sender.
            await asyncio.shield(taken.committed)
        self._complete(fact, taken.positions.first)
        return taken.positions

    def _before(self, command: str, said: _Said) -> _Taken | None:
        """The step that this submission led to before. Raises CommandConflict when it was another one."""
        taken = self._writing.get(command) or self._recorded(command)
        if taken is not None and taken.said != said:
            first, last = taken.positions
            raise CommandConflict(path=self._store.path, command=command, first=first, last=last)
        return taken or self._redacted(said)

    def _recorded(self, command: str) -> _Taken | None:
        positions = self._store.taken(command)
        record = None if positions is None else self._reader.get(positions[0])
        if positions is None or record is None:
            return None
        event = to_event(record)
        return _Taken(_Said(event.actor, event.body), Positions(*positions))

    def _redacted(self, said: _Said) -> _Taken | None:
        """An event is redacted once, whoever wants it again; what a kill interrupted is still to be done."""
        if not isinstance(said.body, EventRedacted):
            return None
        record = self._reader.last(said.body.subject(0))
        return None if record is None else _Taken(said, Positions(record.position, record.position))

    async def _require_possible(self, fact: Fact) -> None:
        match fact:
            case PinChanged(model=model) | UnloadRequested(model=model):
                await self._require_model(model)
            case BreakerSet(provider=provider):
                self._require_provider(provider)
            case MessagesWanted(context=context) | ContextForgotten(context=context):
                self._require_context(context)
            case EventRedacted(event=position):
                self._redactable(position)
            case _:
                pass

    async def _require_model(self, model: str) -> None:
        """One that was seen before, or that its provider knows: names are kept in the state for ever."""
        if model in self._engine.state.models or model in self._engine.state.host.pins:
            return
        target = self._directory.find(model)
        if target.id != model:
            raise InvalidModelId(model=model, problem=f"give its whole id, {target.id}")
        await target.describe()

    def _require_provider(self, provider: str) -> None:
        """One that is configured, or was. Raises SubmissionRefused."""
        state = self._engine.state
        known = {**self._directory.providers, **state.providers, **state.breakers}
        if provider not in known:
            problem = f"there is none of that name (known: {', '.join(sorted(known)) or 'none'})"
            raise refused("events[0].data.provider", problem, provider)

    def _require_context(self, context: str) -> None:
        """One that was opened, and not forgotten since. Raises NoSuchContext."""
        if context not in self._engine.state.contexts.named:
            raise NoSuchContext(context=context, remedy="it was never opened here, or was forgotten")

    def _redactable(self, position: int) -> Record:
        """The event, redacted or not. Raises NoSuchPosition, NotRedactable."""
        record = self._reader.get(position)
        if record is None:
            raise NoSuchPosition(position=position, head=self._reader.head())
        problem = obstacle(record.type)
        if record.data is not None and position <= self._reader.segments_archived() * SEGMENT:
            problem = "it has been archived, and files of the archive are never changed"
        if problem is not None:
            raise NotRedactable(position=position, type=record.type, problem=problem)
        return record

    def _step(self, submission: Submission, fact: Fact) -> _Taken:
        if self._shutdown.begun:
            raise ManagerClosed
        command, actor = submission.command, submission.actor
        receipt = self._engine.submit(fact, actor=actor, command=command, durable=submission.durable)
        positions = Positions(receipt.position, receipt.step.events[-1].position)
        taken = self._writing[command] = _Taken(_Said(actor, fact), positions, receipt.committed)
        receipt.committed.add_done_callback(lambda _done: self._writing.pop(command, None))
        return taken

    def _complete(self, fact: Fact, position: int) -> None:
        """What only the journal's owner can do about a fact, now that it is on record; twice does no harm."""
        if isinstance(fact, EventRedacted) and self._redactable(fact.event).data is not None:
            self._store.redact(fact.event, position)


def _actor(name: str) -> str:
    if name == _OURSELVES:
        raise refused("actor", "that is the manager's own name", name)
    return name


def _fact(submission: Submission) -> Fact:
    """The one fact that was submitted. Raises SubmissionRefused."""
    if len(submission.events) != 1:
        raise refused("events", "a manager decides on one fact at a time", len(submission.events))
    statement = submission.events[0]
    if statement.type not in _STATABLE:
        problem = "a manager takes only these: " + ", ".join(sorted(_STATABLE))
        if statement.type not in _KNOWN:
            problem = f"there is no such event; {problem}"
        raise refused("events[0].type", problem, statement.type)
    fact = _decoded(statement)
    if not isinstance(fact, Fact) or statement.kind != fact.kind:
        raise refused("events[0].kind", f"it is a {fact.kind}", statement.kind)
    # The subjects of these facts follow from their data alone.
    if statement.subject != fact.subject(0):
        raise refused("events[0].subject", f"it is about {fact.subject(0)}", statement.subject)
    return fact


def _decoded(statement: Statement) -> Body:
    text = canonical(statement.data)
    if len(text) > _DATA_MAX:
        raise refused("events[0].data", f"it may have {_DATA_MAX} characters", text)
    try:
        return decode(statement.type, statement.version, text)
    except UnknownEvent as error:
        raise refused("events[0].version", f"there is no {error}", statement.version) from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(("events[0].data", *map(str, first["loc"])))
        raise refused(where, first["msg"], first["input"]) from error
