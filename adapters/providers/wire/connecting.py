"""The connection to a provider, as its settings say."""

from ...http.client import HttpClient
from ...http.limits import Timeouts
from ...http.port import Http
from ..timeouts import ProviderTimeouts


def connect(url: str, key: str | None, timeouts: ProviderTimeouts) -> Http:
    """A client for the server at `url`, which may be given with the `/v1` that belongs to each path.

    `key` goes with every request as a bearer token. Raises `ValueError` for a URL or key that cannot be.
    """
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    base = url.rstrip("/").removesuffix("/v1")
    return HttpClient(
        base, headers=headers, timeouts=Timeouts(idle_s=timeouts.idle_s, total_s=timeouts.status_s)
    )
