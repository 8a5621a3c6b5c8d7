"""Read models: what one wants of the journal is declared, and nothing else is made.

A read model lists the types of event it folds, for each a `TypedDict` (of typing_extensions; or another class
that pydantic validates) of the few fields it reads, and the function that folds them:

    class _Loaded(TypedDict):
        model: str
        load_ms: int

    LOADS = ReadModel[Loads](On(ModelLoaded, _Loaded, Loads.loaded), On(ModelLost, _Lost, Loads.lost))

    LOADS.fold(loads, reader, after=loads.position)

The types go into the query, so other events are not even read; of the data only those fields are validated
and made into objects, which is twice as fast as whole events. Data of earlier versions is upcast first. An
event whose data was redacted has no fields, and is passed over.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, with_config

from ..domain.errors import JournalCorrupt
from ..domain.events import Body
from ..domain.registry import CODEC, Codec, UnknownEvent
from ..domain.upcasting import UpcastFailed
from ..eventstore.reader import Reader

M = TypeVar("M")
F = TypeVar("F")

_Read: TypeAlias = Callable[[str], Any]

_REASON = ',"reason":{'
#: Events in a sample, and events that are worth one.
_SAMPLE = 256
_LONG = 20_000
#: Keys are few and short, so they are made into objects once.
_CONFIG = ConfigDict(extra="ignore", strict=True, allow_inf_nan=False, cache_strings="keys")


@dataclass(frozen=True, slots=True)
class On(Generic[M, F]):
    """What a read model `M` does on one type of event."""

    body: type[Body]
    #: A class with some of the fields of `body`, each of its type there or of a part of it.
    fields: type[F]
    #: Called with the model, position, time (UTC nanoseconds) and the fields.
    fold: Callable[[M, int, int, F], None]


class ReadModel(Generic[M]):
    """The events that a read model folds, and how."""

    def __init__(self, *ons: On[M, Any], codec: Codec = CODEC) -> None:
        """Raises TypeError for a field that the type of event does not have."""
        self._codec = codec
        #: By name: current version, what reads its data, what folds the fields, whether to cut the reason.
        self._steps = {
            on.body.name: (codec.current[on.body.name], _validator(on), on.fold, _can_do_without_reason(on))
            for on in ons
        }
        #: The names of the types, for whoever reads the events himself.
        self.types: tuple[str, ...] = tuple(self._steps)

    def fold(
        self,
        model: M,
        reader: Reader,
        after: int = 0,
        until: int | None = None,
        *,
        subject: str | None = None,
    ) -> None:
        """Fold what stands behind a position, up to and including another; of one subject, or of all.

        Raises JournalCorrupt for an event of its types that cannot be read, and whatever folding raises.
        """
        steps = self._steps
        most = subject is not None or self._folds_most(reader, after, until)
        types = None if most else self.types
        for position, at, name, version, data in reader.rows(after, until, types=types, subject=subject):
            if data is None or name not in steps:
                continue
            current, read, fold, cut = steps[name]
            try:
                if version != current:
                    fields = self.read(name, version, data)
                else:
                    # Where there is no reason, the last brace goes and comes back.
                    fields = read(data[: data.find(_REASON)] + "}" if cut else data)
            except (ValidationError, UnknownEvent, UpcastFailed):
                fields = self._whole(reader.path, position, name, version, data)
            fold(model, position, at, fields)

    def read(self, name: str, version: int, data: str) -> Any:
        """The fields of one event. Raises `UnknownEvent`, `UpcastFailed`, ValidationError."""
        read = self._steps[name][1]
        return self._codec.reader(name, version, read)(data)

    def _whole(self, path: str, position: int, name: str, version: int, data: str) -> Any:
        """The fields of an event, its reason not cut off. Raises JournalCorrupt."""
        try:
            return self.read(name, version, data)
        except (ValidationError, UnknownEvent, UpcastFailed) as error:
            problem = f"its event cannot be read ({type(error).__name__}: {error})"
            raise JournalCorrupt(path=path, position=position, problem=problem) from error

    def _folds_most(self, reader: Reader, after: int, until: int | None) -> bool:
        """Whether SQLite would look at every type to leave out next to none: a tenth of a long replay."""
        if until is not None and until - after < _LONG:
            return False
        sample = list(reader.rows(after, after + _SAMPLE))
        return sum(row[2] in self._steps for row in sample) > _SAMPLE * 3 // 4


def _validator(on: On[Any, Any]) -> _Read:
    """What reads the declared fields and skips the others, as strict as the event itself."""
    unknown = set(on.fields.__annotations__) - set(on.body.model_fields)
    if unknown:
        raise TypeError(f"{on.body.name} has no field {', '.join(sorted(unknown))}")
    strict = on.fields if issubclass(on.fields, BaseModel) else with_config(_CONFIG)(on.fields)
    return TypeAdapter(strict).validator.validate_json


def _can_do_without_reason(on: On[Any, Any]) -> bool:
    """Whether what stands behind the start of the reason is of no use: the reason, and no other field.

    A decision's reason is most of its data. Cut off, it need not be parsed. What `encode` did not write may
    have it elsewhere; then what remains is no JSON or lacks a field, and the whole is read.
    """
    names = list(on.body.model_fields)
    return names[-1:] == ["reason"] and "reason" not in on.fields.__annotations__
