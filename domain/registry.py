"""Every type of event there is, by the name and version it is stored under."""

from collections.abc import Mapping
from types import MappingProxyType

from .events import Body
from .host.events import EVENTS as HOST
from .models.events import EVENTS as MODELS
from .requests.events import EVENTS as REQUESTS


def register(types: tuple[type[Body], ...]) -> Mapping[tuple[str, int], type[Body]]:
    """The types by name and version; no two may have the same."""
    found: dict[tuple[str, int], type[Body]] = {}
    for body in types:
        key = (body.name, body.version)
        if key in found:
            raise ValueError(f"{key} is registered twice")
        found[key] = body
    return MappingProxyType(found)


#: (name, version) to class. The class is picked by its tag and then validates; never by trying them all.
REGISTRY: Mapping[tuple[str, int], type[Body]] = register((*HOST, *MODELS, *REQUESTS))


class UnknownEvent(Exception):
    """The journal holds a type or version of event that this code does not know: a newer one wrote it."""


def encode(body: Body) -> str:
    """Canonical JSON: compact, fields in the order of their declaration."""
    return body.__pydantic_serializer__.to_json(body).decode()


def decode(name: str, version: int, data: str | bytes) -> Body:
    """The event that was stored; raises `UnknownEvent`, or pydantic's error for data of another type."""
    try:
        body = REGISTRY[name, version]
    except KeyError:
        raise UnknownEvent(f"{name} version {version}") from None
    return body.model_validate_json(data)
