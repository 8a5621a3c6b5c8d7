"""A provider cut a prompt: it is written down, and the caller is told."""

from collections.abc import Callable
from typing import Literal

from .adapters.logs import get_logger
from .domain.errors import BursarError, PromptTruncated
from .domain.kernel import Origin
from .domain.ports import Truncation
from .domain.providers.names import provider_of
from .domain.requests.events import PromptTruncated as Truncated
from .engine.engine import Engine

_log = get_logger("bursar.chat")


class Truncations:
    """Knows what is to become of an answer to a prompt that was cut; `mode` is asked each time."""

    def __init__(self, engine: Engine, mode: Callable[[], Literal["error", "warn"]]) -> None:
        self._engine, self._mode = engine, mode

    def note(self, request: int, model: str, truncation: Truncation) -> PromptTruncated | None:
        """Write it down; returns the error that the caller gets, or warns and returns None."""
        figures = {
            "prompt_tokens": truncation.prompt_tokens,
            "expected_tokens": truncation.expected_tokens,
            "context_tokens": truncation.context_tokens,
        }
        fact = Truncated(request=request, model=model, signature=truncation.signature, **figures)
        try:
            self._engine.submit(fact, origin=Origin(request, request))
        except BursarError as error:
            # The journal is closed, or the request's time was over: the caller is told all the same.
            _log.warning("a prompt that was cut could not be written down", model=model, cause=str(error))
        if self._mode() == "error":
            return PromptTruncated(provider=provider_of(model), model=model, **figures)
        _log.warning("a prompt was cut", model=model, request=request, **figures)
        return None
