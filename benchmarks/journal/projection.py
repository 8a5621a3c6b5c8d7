"""A read model of ten types: what each model has done, and what the machine was last at."""

from collections.abc import Callable
from typing import Any

from typing_extensions import TypedDict

from bursar.domain.host.events import MetricsSampled
from bursar.domain.models.events import (
    ModelDrainStarted,
    ModelLoaded,
    ModelLoadStarted,
    ModelUnloaded,
    ModelUnloadStarted,
)
from bursar.domain.registry import Codec, register
from bursar.domain.requests.events import LeaseGranted, RequestArrived, RequestCancelled, RequestFinished
from bursar.projections.reading import On, ReadModel

from .subject import Measured, Tally


class Row:
    """One model."""

    __slots__ = ("granted", "load_ms", "loads", "moved_at", "requests", "state", "waited_ms")

    def __init__(self) -> None:
        self.state = "absent"
        self.moved_at = 0
        self.loads = 0
        self.load_ms = 0
        self.requests = 0
        self.granted = 0
        self.waited_ms = 0


class Board:
    """All of them. Two that were folded from the same events are equal."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        #: Open requests, by position: the models they are for.
        self.open: dict[int, str] = {}
        self.ended: dict[str, int] = {"completed": 0, "failed": 0, "cancelled": 0}
        self.held_ms = 0
        self.cpu_per_mille = 0
        self.readings = 0

    def values(self) -> object:
        """What it holds, to compare."""
        rows = {name: [getattr(row, field) for field in Row.__slots__] for name, row in self.rows.items()}
        return rows, self.open, self.ended, self.held_ms, self.cpu_per_mille, self.readings


class _Model(TypedDict):
    model: str


class _Loaded(TypedDict):
    model: str
    load_ms: int


class _Granted(TypedDict):
    model: str
    waited_ms: int


class _Cancelled(TypedDict):
    request: int


class _Finished(TypedDict):
    request: int
    outcome: str
    held_ms: int


class _Cpu(TypedDict):
    cpu_per_mille: int


class _Sampled(TypedDict):
    reading: _Cpu


def _row(board: Board, model: str) -> Row:
    row = board.rows.get(model)
    if row is None:
        row = board.rows[model] = Row()
    return row


def _moves(state: str) -> Callable[[Board, int, int, _Model], None]:
    def move(board: Board, _position: int, at: int, fields: _Model) -> None:
        row = _row(board, fields["model"])
        row.state, row.moved_at = state, at

    return move


def _loaded(board: Board, _position: int, at: int, fields: _Loaded) -> None:
    row = _row(board, fields["model"])
    row.state, row.moved_at = "ready", at
    row.loads += 1
    row.load_ms += fields["load_ms"]


def _arrived(board: Board, position: int, _at: int, fields: _Model) -> None:
    model = fields["model"]
    board.open[position] = model
    _row(board, model).requests += 1


def _granted(board: Board, _position: int, _at: int, fields: _Granted) -> None:
    row = _row(board, fields["model"])
    row.granted += 1
    row.waited_ms += fields["waited_ms"]


def _cancelled(board: Board, _position: int, _at: int, fields: _Cancelled) -> None:
    board.open.pop(fields["request"], None)
    board.ended["cancelled"] += 1


def _finished(board: Board, _position: int, _at: int, fields: _Finished) -> None:
    board.open.pop(fields["request"], None)
    board.ended[fields["outcome"]] += 1
    board.held_ms += fields["held_ms"]


def _sampled(board: Board, _position: int, _at: int, fields: _Sampled) -> None:
    board.cpu_per_mille = fields["reading"]["cpu_per_mille"]
    board.readings += 1


_ONS: tuple[On[Board, Any], ...] = (
    On(ModelLoadStarted, _Model, _moves("loading")),
    On(ModelLoaded, _Loaded, _loaded),
    On(ModelDrainStarted, _Model, _moves("draining")),
    On(ModelUnloadStarted, _Model, _moves("unloading")),
    On(ModelUnloaded, _Model, _moves("absent")),
    On(RequestArrived, _Model, _arrived),
    On(LeaseGranted, _Granted, _granted),
    On(RequestCancelled, _Cancelled, _cancelled),
    On(RequestFinished, _Finished, _finished),
    On(MetricsSampled, _Sampled, _sampled),
)
BOARD = ReadModel[Board](*_ONS)
#: The same folds by type, for dicts that are in memory already.
FOLDS: dict[str, Callable[[Board, int, int, Any], None]] = {on.body.name: on.fold for on in _ONS}


class _Said(TypedDict):
    model: str
    used_bytes: int
    prompt_tokens: int
    note: str


def _said(tallies: dict[str, Tally], _position: int, _at: int, fields: _Said) -> None:
    tally = tallies.get(fields["model"])
    if tally is None:
        tally = tallies[fields["model"]] = Tally()
    tally.add(fields["used_bytes"], fields["prompt_tokens"], fields["note"])


#: Every subject of `subject.py`, by its name.
TALLIES = ReadModel[dict[str, Tally]](On(Measured, _Said, _said), codec=Codec(register((Measured,)), {}))
