"""What a handler gets, and how streams are sent."""

import uuid
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from starlette.responses import StreamingResponse
from starlette.types import Send

from .studio import Studio


@dataclass(frozen=True, slots=True)
class Call:
    """A request whose sender may ask, with its body read."""

    studio: Studio
    path: str
    body: Mapping[str, Any]
    params: Mapping[str, str]

    @property
    def ttl(self) -> float | None:
        """Seconds that a model which this request loads shall stay."""
        given = self.body.get("ttl")
        return given if isinstance(given, int | float) else None


class Events(StreamingResponse):
    """Server-sent events; whoever goes away frees what the generator holds."""

    def __init__(self, pieces: AsyncGenerator[bytes, None]) -> None:
        super().__init__(pieces, media_type="text/event-stream")
        self._pieces = pieces

    async def stream_response(self, send: Send) -> None:
        """As any stream, and close the generator whatever happens."""
        async with aclosing(self._pieces):
            await super().stream_response(send)


def new_id(prefix: str) -> str:
    """An id as they look there."""
    return f"{prefix}{uuid.uuid4().hex[:21]}"
