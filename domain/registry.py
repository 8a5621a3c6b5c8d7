"""Every type of event there is, by the name and version it is stored under."""

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeVar

from .contexts.events import EVENTS as CONTEXTS
from .contexts.growth import EVENTS as GROWTH
from .contexts.keeping import EVENTS as KEEPING
from .contexts.relief import EVENTS as RELIEF
from .counting.events import EVENTS as COUNTING
from .erasure.events import EVENTS as ERASURE
from .events import Body
from .host.events import EVENTS as HOST
from .models.events import EVENTS as MODELS
from .patterns.events import EVENTS as PATTERNS
from .providers.events import EVENTS as PROVIDERS
from .requests.events import EVENTS as REQUESTS
from .resilience.events import EVENTS as RESILIENCE
from .upcasting import UPCASTERS, Key, Upcaster, UpcastFailed, check, upcast

T = TypeVar("T")


def register(types: tuple[type[Body], ...]) -> Mapping[Key, type[Body]]:
    """The types by name and version; no two may have the same name."""
    found: dict[str, type[Body]] = {}
    for body in types:
        if body.name in found:
            raise ValueError(f"{body.name} is registered twice")
        found[body.name] = body
    return MappingProxyType({(name, body.version): body for name, body in found.items()})


#: (name, version) to class. The class is picked by its tag and then validates; never by trying them all.
REGISTRY: Mapping[Key, type[Body]] = register(
    (
        *HOST,
        *PROVIDERS,
        *MODELS,
        *REQUESTS,
        *RESILIENCE,
        *CONTEXTS,
        *GROWTH,
        *KEEPING,
        *RELIEF,
        *COUNTING,
        *PATTERNS,
        *ERASURE,
    )
)


class UnknownEvent(Exception):
    """The journal holds a type or version of event that this code does not know: a newer one wrote it."""


def encode(body: Body) -> str:
    """Canonical JSON: compact, fields in the order of their declaration."""
    return body.__pydantic_serializer__.to_json(body).decode()


class Codec:
    """Reads events of every version of its types that was ever released, as their current version."""

    def __init__(self, types: Mapping[Key, type[Body]], upcasters: Mapping[Key, Upcaster]) -> None:
        """Raises ValueError when an earlier version of a type has no upcaster."""
        self.types = types
        #: Name of a type to its current version.
        self.current: Mapping[str, int] = MappingProxyType(dict(types.keys()))
        #: Every (name, version) that a journal may hold.
        self.released: tuple[Key, ...] = tuple(sorted({*types, *upcasters}))
        self._upcasters = upcasters
        check(self.current, upcasters)

    def decode(self, name: str, version: int, data: str | bytes) -> Body:
        """The event that was stored.

        Raises `UnknownEvent`, `UpcastFailed`, and pydantic's error for data of another type.
        """
        body = self.types.get((name, version))
        if body is None:
            return self.newest(name, version).model_validate_json(self.upcast(name, version, data))
        return body.model_validate_json(data)

    def newest(self, name: str, version: int) -> type[Body]:
        """The type that an event is read as. Raises `UnknownEvent`."""
        if (name, version) not in self.types and (name, version) not in self._upcasters:
            raise UnknownEvent(f"{name} version {version}")
        return self.types[name, self.current[name]]

    def upcast(self, name: str, version: int, data: str | bytes) -> str:
        """The data of an earlier version as the current one has it. Raises `UpcastFailed`."""
        try:
            fields = json.loads(data)
        except ValueError as error:
            raise UpcastFailed(f"{name} version {version} is no JSON: {error}") from error
        return json.dumps(upcast(name, version, fields, self._upcasters), ensure_ascii=False)

    def reader(self, name: str, version: int, read: Callable[[str], T]) -> Callable[[str], T]:
        """What reads stored data of this version if `read` does the current one's. Raises `UnknownEvent`."""
        self.newest(name, version)
        if (name, version) in self.types:
            return read
        return lambda data: read(self.upcast(name, version, data))


#: Of all the types there are.
CODEC = Codec(REGISTRY, UPCASTERS)

decode = CODEC.decode
