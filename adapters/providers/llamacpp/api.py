"""Short questions to the server, with whatever goes wrong as one of our errors."""

from typing import Any

from ....domain.errors import ProviderUnavailable
from ...http.port import Answer, Query
from ..timeouts import ProviderTimeouts
from ..wire.complaint import excerpt
from ..wire.failing import Phase, failing
from ..wire.fields import record
from ..wire.refusals import refusal
from .quiet import Quiet


class Api:
    """The HTTP API of the provider `name`."""

    def __init__(self, name: str, http: Quiet, timeouts: ProviderTimeouts) -> None:
        self.name, self.http, self.timeouts = name, http, timeouts

    async def get(self, path: str, query: Query | None = None, *, model: str = "") -> dict[str, Any]:
        """Ask; the answer must be a JSON object."""
        with failing(self.name, model):
            answer = await self.http.request("GET", path, query=query, timeout_s=self.timeouts.status_s)
            return self._object(answer, model)

    async def post(
        self,
        path: str,
        body: dict[str, Any],
        query: Query | None = None,
        *,
        model: str = "",
        phase: Phase = "run",
        timeout_s: float | None = None,
    ) -> dict[str, Any]:
        """Tell; the answer must be a JSON object."""
        with failing(self.name, model, phase=phase):
            limit = timeout_s or self.timeouts.status_s
            answer = await self.http.request("POST", path, json=body, query=query, timeout_s=limit)
            return self._object(answer, model, phase)

    async def try_post(self, path: str, body: dict[str, Any], query: Query | None = None) -> Answer:
        """Tell, and look at the refusal oneself."""
        with failing(self.name):
            timeout_s = self.timeouts.status_s
            return await self.http.request("POST", path, json=body, query=query, timeout_s=timeout_s)

    def _object(self, answer: Answer, model: str, phase: Phase = "run") -> dict[str, Any]:
        if answer.status != 200:
            raise refusal(self.name, model, answer.status, answer.headers, answer.body, phase=phase)
        found = record(answer.json())
        if not found:
            raise ProviderUnavailable(provider=self.name, cause=f"it answered with {excerpt(answer.body)}")
        return found
