"""What became of each message of a context, from the journal alone: sent, left out, or in a summary."""

from typing import Any, Literal, NamedTuple

from ..domain.contexts import entries
from ..domain.contexts.machine import ContextState
from ..domain.contexts.spans import ordinals
from ..domain.contexts.state import Context
from ..domain.contexts.values import Entry, Role, Span, Spans
from ..domain.errors import NoSuchContext, NoSuchPosition
from ..domain.events import Value
from ..domain.kernel import evolve, initial
from ..eventstore.reader import Reader
from ..eventstore.records import Record
from .fields import fields
from .history import to_event
from .replay import Folding

#: What became of a message; a summary that is not sent is `unused`.
Where = Literal["sent", "left out", "summed up", "unused", "lost"]

_PREFIX = "context/"
#: Contexts that are named to who asks for one that there is not.
_NAMED = 5


class MessageRow(Value):
    """A message of a context."""

    ordinal: int
    #: Of the event that brought it.
    position: int
    role: Role
    tokens: int
    #: Bytes of its text as it is kept, and where that is.
    size: int
    address: str
    importance: int | None
    pinned: bool
    #: Tool calls it makes, and the message whose call it answers.
    calls: int
    answers: int | None
    summary: bool
    where: Where
    #: Position of the decision that took it out of the window or put it back; None when none did.
    decided: int | None
    #: The score it was left out with, in millionths.
    score: int | None
    #: Ordinal of the summary that stands for it.
    stands_in: int | None


class ContextView(Value):
    """A context at a moment."""

    context: str
    #: Of its last event that is told here.
    position: int
    #: `forgotten` where its texts are gone for ever.
    state: ContextState
    model: str
    agent: str
    limit_tokens: int
    #: What is sent, in order, and tokens of that.
    window: Spans
    tokens: int
    messages: tuple[MessageRow, ...]


class _Fate(NamedTuple):
    """What a decision did with a message."""

    where: Where
    decided: int
    score: int | None = None
    stands_in: int | None = None


def contexts_of(reader: Reader) -> list[str]:
    """The names of all contexts that the journal knows, in order; also those that were refused."""
    return [subject.removeprefix(_PREFIX) for subject in reader.subjects(_PREFIX)]


def context_views(reader: Reader) -> list[ContextView]:
    """All contexts that there ever were, in the order of their names."""
    views = (_fold(reader, name).view() for name in contexts_of(reader))
    return [view for view in views if view is not None]


def context_view(reader: Reader, context: str, until: int | None = None) -> ContextView:
    """A context as it was at a position; as it is now without one. Raises NoSuchContext."""
    view = _fold(reader, context, until).view()
    if view is None:
        known = ", ".join(one.context for one in context_views(reader)[:_NAMED]) or "none"
        raise NoSuchContext(context=context, remedy=f"this journal knows {known}")
    return view


def _fold(reader: Reader, context: str, until: int | None = None) -> "_Fold":
    fold = _Fold(context)
    for record in reader.read(subject=_PREFIX + context, until=until):
        fold.take(record)
    return fold


def context_at(reader: Reader, context: str, position: int) -> Context | None:
    """What was known of a context at a position; None when it was not there. Raises NoSuchPosition."""
    head = reader.head()
    if not 0 <= position <= head:
        raise NoSuchPosition(position=position, head=head)
    folding = Folding(reader, initial())
    for row in reader.rows(until=position, subject=_PREFIX + context):
        folding.fold(row)
    return folding.state.contexts.named.get(context)


class _Fold:
    """A context while its events are read: the rules' own fold, and what it need not know."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._state = initial()
        self._context: Context | None = None
        self._position = 0
        self._forgotten = False
        #: The one of this name that was forgotten last, with the fates of its messages.
        self._past: tuple[Context | None, dict[int, _Fate]] = (None, {})
        #: Of texts, by the position of the event that brought them.
        self._addresses: dict[int, str] = {}
        self._fates: dict[int, _Fate] = {}

    def take(self, record: Record) -> None:
        """Take in one event."""
        self._position = record.position
        self._state = evolve(self._state, to_event(record))
        self._context = self._state.contexts.named.get(self._name, self._context)
        data = fields(record)
        if "address" in data:
            self._addresses[record.position] = data["address"]
        match record.type:
            case "ContextForgotten":
                self._forgotten, self._past = True, (self._context, self._fates)
            case "ContextRefused" if not data.get("known"):
                # It was never there; one of its name may have been, and is forgotten.
                self._context, self._fates = self._past
                self._forgotten = self._context is not None
            case "ContextOpened" if self._forgotten:
                # One of the name of one that was forgotten is another one.
                self._forgotten, self._fates = False, {}
            case _:
                self._fates |= _fates(record, data)

    def view(self) -> ContextView | None:
        """What has become of it; None when there never was one."""
        context = self._context
        if context is None:
            return None
        sent = frozenset(ordinals(context.window))
        rows = (
            self._row(ordinal, entry, sent=ordinal in sent)
            for ordinal, entry in enumerate(entries.every(context.entries))
        )
        return ContextView(
            context=self._name,
            position=self._position,
            state=ContextState.FORGOTTEN if self._forgotten else context.state,
            model=context.model,
            agent=context.agent,
            limit_tokens=context.limit_tokens,
            window=context.window,
            tokens=context.tokens,
            messages=tuple(rows),
        )

    def _row(self, ordinal: int, entry: Entry, *, sent: bool) -> MessageRow:
        fate = self._fates.get(ordinal)
        where: Where = "unused" if entry.summary else "left out"
        if entry.lost:
            where = "lost"
        elif fate is not None and not entry.summary:
            where = fate.where
        return MessageRow(
            ordinal=ordinal,
            position=entry.position,
            role=entry.role,
            tokens=entry.tokens,
            size=entry.size,
            address=self._addresses[entry.position],
            importance=entry.importance,
            pinned=entry.pinned,
            calls=entry.calls,
            answers=entry.answers,
            summary=entry.summary,
            where="sent" if sent else where,
            decided=fate.decided if fate else None,
            score=fate.score if fate else None,
            stands_in=fate.stands_in if fate and not sent else None,
        )


def _fates(record: Record, data: dict[str, Any]) -> dict[int, _Fate]:
    """What an event did with which messages."""
    match record.type:
        case "ContextCompressed":
            fate = _Fate("summed up", record.position, stands_in=data["summary"])
            return dict.fromkeys(_numbers(data["dropped"]), fate)
        case "ContextPruned":
            scored = zip(_numbers(data["dropped"]), data["dropped_scores"], strict=True)
            return {ordinal: _Fate("left out", record.position, score) for ordinal, score in scored}
        case "MessagesRestored":
            return dict.fromkeys(_numbers(data["restored"]), _Fate("left out", record.position))
        case "ContextRestored":
            return dict.fromkeys(_numbers(data["lost"]), _Fate("lost", record.position))
        case _:
            return {}


def _numbers(spans: list[list[int]]) -> list[int]:
    return list(ordinals(tuple(Span(*span) for span in spans)))
