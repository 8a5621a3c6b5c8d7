"""What only vLLM's servers are asked, each question as one call."""

from typing import cast

from ....domain.errors import ProviderUnavailable
from ...http.port import Answer, Http
from ..wire.complaint import excerpt
from ..wire.failing import failing
from ..wire.fields import record, string, whole
from ..wire.refusals import refusal


async def health(http: Http, provider: str, timeout_s: float) -> None:
    """Return if its engine lives. Raises `ProviderUnavailable` if it is dead."""
    with failing(provider):
        answer = await http.request("GET", "/health", timeout_s=timeout_s)
    if answer.status == 503:
        raise ProviderUnavailable(provider=provider, cause="its engine is dead")
    _check(provider, "", answer)


async def version(http: Http, provider: str, timeout_s: float) -> str:
    """Its version; empty where it does not say."""
    with failing(provider):
        answer = await http.request("GET", "/version", timeout_s=timeout_s)
        return string(record(answer.json()).get("version")) if answer.status == 200 else ""


async def tokenize(http: Http, provider: str, model: str, text: str, timeout_s: float) -> tuple[int, ...]:
    """The tokens of a text, as it stands."""
    body = {"model": model, "prompt": text, "add_special_tokens": False}
    with failing(provider, model):
        answer = await http.request("POST", "/tokenize", json=body, timeout_s=timeout_s)
        _check(provider, model, answer)
        found: object = record(answer.json()).get("tokens")
    tokens = [whole(token) for token in cast("list[object]", found)] if isinstance(found, list) else [None]
    known = tuple(token for token in tokens if token is not None)
    if len(known) != len(tokens):
        cause = f"its tokens are no numbers: {excerpt(answer.body)}"
        raise ProviderUnavailable(provider=provider, cause=cause)
    return known


def _check(provider: str, model: str, answer: Answer) -> None:
    if answer.status != 200:
        raise refusal(provider, model, answer.status, answer.headers, answer.body)
