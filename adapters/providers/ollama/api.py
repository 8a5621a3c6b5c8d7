"""Ollama's requests, with every refusal as an error of ours."""

from collections.abc import Callable
from typing import Any, cast

from ....domain.errors import InvalidModelId, ProviderBusy, ProviderUnavailable
from ...http.failures import TimedOut
from ...http.port import Answer, Http
from ..wire.complaint import excerpt
from ..wire.failing import Phase, failing
from ..wire.fields import record, records, string
from ..wire.refusals import refusal, reported
from .names import full_name
from .running import Entry, read_entries
from .versions import Version


class Api:
    """Asks; remembers the version."""

    def __init__(self, http: Http, provider: str, *, status_s: float) -> None:
        self.http, self.provider = http, provider
        self._status_s = status_s
        self.version = Version()
        #: Called with every list of what is in memory.
        self.heard: Callable[[list[Entry]], None] = lambda entries: None

    async def ask_version(self) -> Version:
        """Which version answers; kept."""
        answered = await self._get("/api/version")
        version = answered.get("version")
        if not isinstance(version, str):
            raise ProviderUnavailable(provider=self.provider, cause="what answers there is not Ollama")
        self.version = Version(version)
        return self.version

    async def tags(self) -> list[dict[str, Any]]:
        """What is installed."""
        return self._models(await self._get("/api/tags"))

    async def tag(self, model: str) -> dict[str, Any]:
        """One of them. Raises `InvalidModelId`."""
        for tag in await self.tags():
            if full_name(string(tag.get("name"))) == full_name(model):
                return tag
        raise InvalidModelId(model=model, problem=f"{self.provider} does not have it; pull it first")

    async def show(self, model: str) -> dict[str, Any]:
        """What it says of a model. Raises `InvalidModelId`."""
        return await self.post("/api/show", {"model": model}, model)

    async def running(self) -> list[Entry]:
        """What is in memory.

        Ollama holds the list back for seconds while it ends a process. That is no sign of death, but
        `ProviderBusy`.
        """
        with failing(self.provider):
            try:
                answer = await self.http.request("GET", "/api/ps", timeout_s=self._status_s)
            except TimedOut as failure:
                if failure.wait == "connect":
                    raise
                cause = f"it did not list what is in memory within {self._status_s:g} s"
                raise ProviderBusy(provider=self.provider, cause=cause, retry_after_ms=None) from failure
            body = self._read(answer, "", "run")
        entries = read_entries(self._models(body), answer.headers)
        self.heard(entries)
        return entries

    async def post(
        self,
        path: str,
        body: dict[str, Any],
        model: str,
        *,
        phase: Phase = "run",
        timeout_s: float | None = None,
    ) -> dict[str, Any]:
        """Ask something about a model; `timeout_s` is that of questions if there is none."""
        with failing(self.provider, model, phase=phase):
            within_s = self._status_s if timeout_s is None else timeout_s
            answer = await self.http.request("POST", path, json=body, timeout_s=within_s)
            return self._read(answer, model, phase)

    async def _get(self, path: str) -> dict[str, Any]:
        with failing(self.provider):
            answer = await self.http.request("GET", path, timeout_s=self._status_s)
            return self._read(answer, "", "run")

    def _read(self, answer: Answer, model: str, phase: Phase) -> dict[str, Any]:
        if answer.status != 200:
            headers, body = answer.headers, answer.body
            raise refusal(self.provider, model, answer.status, headers, body, phase=phase)
        content: object = answer.json()
        if not isinstance(content, dict):
            raise ProviderUnavailable(provider=self.provider, cause=f"it answered {excerpt(answer.body)}")
        read = record(cast("object", content))
        if error := read.get("error"):
            raise reported(self.provider, model, error, phase=phase)
        return read

    def _models(self, body: dict[str, Any]) -> list[dict[str, Any]]:
        models = body.get("models")
        if not isinstance(models, list):
            raise ProviderUnavailable(provider=self.provider, cause="it answered without a list of models")
        return records(cast("object", models))
