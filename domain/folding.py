"""Folding what a journal holds, to the state that `evolve` gives, at twice its speed.

Two things are spared that no fold can tell: the reason of a decision, which nothing in `evolve` reads, is not
made into objects; and the states between two events are not kept.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, ClassVar, TypeAlias

from pydantic import BaseModel, ConfigDict, create_model

from .copying import replace
from .events import Body
from .kernel import EVOLVE
from .registry import CODEC, Codec
from .state import State
from .upcasting import Key

#: Position, time, type, version and data of an event; no data when it was redacted.
Row: TypeAlias = tuple[int, int, str, int, str | None]
_Step: TypeAlias = tuple[Callable[[str], Any], Callable[..., State]]


class Folder:
    """A state, and the events that are folded into it one after another."""

    def __init__(self, state: State, codec: Codec = CODEC) -> None:
        #: This folder's alone, and `state` hands out copies: so its position and time can be set in place.
        self._own = replace(state)
        self._told = _Told()
        self._steps = _Steps(codec)

    @property
    def state(self) -> State:
        """The state after the last event."""
        return replace(self._own)

    def fold(self, row: Row) -> None:
        """Fold one event into the state; of a redacted one no more is known than that it happened.

        Raises what `Codec.decode` and `kernel.evolve` raise. The state is of no use then.
        """
        position, at, name, version, data = row
        fields = self._own.__dict__
        fields["position"] = position
        fields["at"] = at
        if data is not None:
            read, evolve = self._steps[name, version]
            told = self._told
            told.position = position
            told.at = at
            told.body = body = read(data)
            self._own = evolve(self._own, body, told)


class _Told:
    """What evolving asks of an `Event`. One serves for all: nobody keeps it."""

    __slots__ = ("at", "body", "position")

    position: int
    at: int
    body: Any


class _Steps(dict[Key, _Step]):
    """(name, version) to what reads the data and what evolves the state by it, made when it is first met."""

    def __init__(self, codec: Codec) -> None:
        super().__init__()
        self._codec = codec

    def __missing__(self, key: Key) -> _Step:
        body = self._codec.newest(*key)
        read = self._codec.reader(*key, _without_reason(body).__pydantic_validator__.validate_json)
        self[key] = read, EVOLVE[body]
        return self[key]


class _Lean(BaseModel):
    """An event without its reason: as strict as the event itself, the reason apart."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, allow_inf_nan=False)

    name: ClassVar[str]


@cache
def _without_reason(body: type[Body]) -> type[BaseModel]:
    """The type of event with its fields but the reason; the type itself when it has none."""
    fields: dict[str, Any] = {
        name: (field.annotation, field) for name, field in body.model_fields.items() if name != "reason"
    }
    if len(fields) == len(body.model_fields):
        return body
    lean = create_model(body.__name__, __base__=_Lean, **fields)
    lean.name = body.name
    return lean
