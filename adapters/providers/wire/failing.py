"""Failures of HTTP, said in terms of providers."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Literal

from ....domain.errors import BursarError, ProviderBusy, ProviderTimeout, ProviderUnavailable
from ...http.failures import HttpFailure, TimedOut

Phase = Literal["load", "run"]


@contextmanager
def failing(provider: str, model: str = "", *, phase: Phase = "run") -> Generator[None, None, None]:
    """Raise failures of HTTP in the block as `ProviderUnavailable`, `ProviderTimeout` or `ProviderBusy`."""
    try:
        yield
    except HttpFailure as failure:
        raise _error(provider, failure, _meanwhile(model, phase)) from failure


def _error(provider: str, failure: HttpFailure, meanwhile: str) -> BursarError:
    cause = f"{failure}{meanwhile}"
    if isinstance(failure, TimedOut):
        # It got the request only if there was a connection to send it on.
        if failure.wait == "pool":
            return ProviderBusy(provider=provider, cause=cause, retry_after_ms=None)
        if failure.wait != "connect":
            return ProviderTimeout(provider=provider, cause=cause)
    return ProviderUnavailable(provider=provider, cause=cause)


def _meanwhile(model: str, phase: Phase) -> str:
    if not model:
        return ""
    return f", while it loaded {model}" if phase == "load" else f", while it served {model}"
