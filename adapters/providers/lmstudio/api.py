"""LM Studio's own requests, with every refusal as an error of ours."""

from asyncio import get_running_loop
from collections.abc import Callable
from typing import cast

from ....domain.errors import (
    BursarError,
    InvalidModelId,
    ModelLoadFailed,
    ModelUnloadFailed,
    ProviderUnavailable,
    Unsupported,
)
from ...http.port import Answer, Http
from ..wire.complaint import excerpt
from ..wire.failing import Phase, failing
from ..wire.fields import record, string
from ..wire.refusals import refusal, reported
from .listing import Dialect, Listed, Listing, read_v0, read_v1

#: Statuses of an endpoint that does not exist: 404 by its documents, 200 in what people run.
_NOWHERE = {200, 404, 405, 501}
#: How the end of an engine is told that ran out of memory, among other ends (its issue #2295).
_SUDDEN = ("sigabrt", "sigkill", "exit code", "exited unexpectedly")
_HINT = "LM Studio does not say so when its engine runs out of memory: that may be the cause"


class Api:
    """Asks; remembers which dialect is spoken there, and for a moment what the list said."""

    def __init__(self, http: Http, provider: str, *, status_s: float, unload_s: float) -> None:
        self._http, self._provider = http, provider
        self._status_s, self._unload_s = status_s, unload_s
        self._last: Listing | None = None
        self._last_at = 0.0
        self.dialect: Dialect | None = None
        #: Called with every new list.
        self.heard: Callable[[Listing], None] = lambda listing: None

    async def listing(self, *, age_s: float = 0, anew: bool = False) -> Listing:
        """What there is; a list that is not older than `age_s` will do. `anew`: whatever was known of it."""
        loop = get_running_loop()
        if self._last and loop.time() - self._last_at < age_s:
            return self._last
        asked_at = loop.time()
        listing = await self._ask(self.dialect if not anew else None)
        self.dialect = listing.dialect
        if asked_at >= self._last_at:
            self._last, self._last_at = listing, asked_at
            self.heard(listing)
        return listing

    async def listed(self, model: str, *, age_s: float = 0) -> Listed:
        """One model of the list. Raises `InvalidModelId`."""
        return (await self.listing(age_s=age_s)).get(model)

    def forget(self) -> None:
        """The last list is no longer true, nor is one that was asked for before now."""
        self._last, self._last_at = None, get_running_loop().time()

    async def load(self, model: str, context_tokens: int, *, within_s: float) -> str:
        """Load an instance, whether or not there is one already; return its id."""
        self.forget()
        body = {"model": model, "context_length": context_tokens}
        with failing(self._provider, model, phase="load"):
            answer = await self._http.request("POST", "/api/v1/models/load", json=body, timeout_s=within_s)
            error = self._complaint(answer, model, loading=True)
            if error:
                raise _hinted(error)
            instance = string(record(answer.json()).get("instance_id"))
        self.forget()
        if not instance:
            raise ProviderUnavailable(provider=self._provider, cause=f"it answered {excerpt(answer.body)}")
        return instance

    async def unload(self, model: str, instance: str) -> None:
        """Unload an instance; one that is not there any more is no error."""
        self.forget()
        body = {"instance_id": instance}
        with failing(self._provider, model):
            answer = await self._http.request(
                "POST", "/api/v1/models/unload", json=body, timeout_s=self._unload_s
            )
            error = self._complaint(answer, model)
        self.forget()
        if isinstance(error, Unsupported):
            raise ModelUnloadFailed(model=model, cause=str(error.values["what"]))
        if error and not isinstance(error, InvalidModelId):
            raise error

    async def _ask(self, dialect: Dialect | None) -> Listing:
        with failing(self._provider):
            if dialect != "v0":
                answer = await self._http.request("GET", "/api/v1/models", timeout_s=self._status_s)
                error = self._complaint(answer)
                if error is None:
                    return read_v1(self._list(answer, "models"))
                if not isinstance(error, Unsupported) or answer.status not in _NOWHERE:
                    raise error
            answer = await self._http.request("GET", "/api/v0/models", timeout_s=self._status_s)
            error = self._complaint(answer)
            if isinstance(error, Unsupported):
                what = f"list its models: LM Studio since 0.3.6 does ({error.values['what']})"
                raise Unsupported(provider=self._provider, what=what)
            if error:
                raise error
            return read_v0(self._list(answer, "data"))

    def _complaint(self, answer: Answer, model: str = "", *, loading: bool = False) -> BursarError | None:
        """What is wrong with an answer, which may be said in one of status 200, too."""
        phase: Phase = "load" if loading else "run"
        if answer.status != 200:
            headers, body = answer.headers, answer.body
            return refusal(self._provider, model, answer.status, headers, body, phase=phase)
        error = record(answer.json()).get("error")
        return reported(self._provider, model, error, phase=phase) if error else None

    def _list(self, answer: Answer, field: str) -> object:
        found = record(answer.json()).get(field)
        if not isinstance(found, list):
            raise ProviderUnavailable(provider=self._provider, cause=f"it answered {excerpt(answer.body)}")
        return cast("list[object]", found)


def _hinted(error: BursarError) -> BursarError:
    """The same error, with what its cause may be where LM Studio hides it."""
    cause = str(error.values.get("cause", ""))
    if not isinstance(error, ModelLoadFailed) or not any(sign in cause.lower() for sign in _SUDDEN):
        return error
    return ModelLoadFailed(model=error.values["model"], cause=f"{cause} ({_HINT})")
