"""Requests that load nothing but what they are meant to load."""

from contextlib import AbstractAsyncContextManager

from ...http.port import Answer, Http, Query, StreamedAnswer

_NEVER = {"autoload": "false"}


class Quiet:
    """An `Http` whose requests carry `autoload=false`: a router then refuses to load what they name.

    Without it a router loads a model to answer `GET /props?model=…`, and unloads another one for that.
    A server with one model does not know the parameter and takes no notice.
    """

    def __init__(self, http: Http) -> None:
        self._http = http

    @property
    def base_url(self) -> str:
        """Where it asks."""
        return self._http.base_url

    async def request(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        query: Query | None = None,
        timeout_s: float | None = None,
    ) -> Answer:
        """Send, and return the whole answer."""
        return await self._http.request(
            method, path, json=json, query={**(query or {}), **_NEVER}, timeout_s=timeout_s
        )

    def stream(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        query: Query | None = None,
        idle_s: float | None = None,
        total_s: float | None = None,
    ) -> AbstractAsyncContextManager[StreamedAnswer]:
        """Send, and hand out the answer once its headers are there."""
        return self._http.stream(
            method, path, json=json, query={**(query or {}), **_NEVER}, idle_s=idle_s, total_s=total_s
        )

    async def close(self) -> None:
        """Close every connection."""
        await self._http.close()
