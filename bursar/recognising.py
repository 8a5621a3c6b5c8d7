"""Which server answers at an address, told by what only that server says. Nothing is loaded by asking."""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from .adapters.http.failures import BadAnswer, TooLarge
from .adapters.http.limits import Caps
from .adapters.http.port import Http

Kind = Literal["ollama", "lmstudio", "llamacpp", "vllm", "llama-swap", "localai", "openai"]

#: What each is called in sentences.
NAMES: dict[Kind, str] = {
    "ollama": "Ollama",
    "lmstudio": "LM Studio",
    "llamacpp": "llama.cpp's server",
    "vllm": "vLLM",
    "llama-swap": "llama-swap",
    "localai": "LocalAI",
    "openai": "a server that speaks OpenAI's protocol",
}
#: Enough for the list of many models.
CAPS = Caps(headers=16 << 10, body=4 << 20)

_OK, _UNAUTHORIZED, _LOADING = 200, 401, 503


@dataclass(frozen=True, slots=True)
class Recognised:
    """What answers."""

    kind: Kind
    #: It does not say more without a key.
    wants_key: bool = False


@dataclass(frozen=True, slots=True)
class _Said:
    """An answer; nothing of it where it was none."""

    status: int = 0
    text: str = ""
    #: Its JSON, if that is a table.
    table: dict[str, Any] = field(default_factory=dict[str, Any])

    def rows(self, name: str) -> list[dict[str, Any]] | None:
        """The tables in a list of the table."""
        found = self.table.get(name)
        if self.status != _OK or not isinstance(found, list):
            return None
        return [cast("dict[str, Any]", row) for row in cast("list[object]", found) if isinstance(row, dict)]

    def error_type(self) -> object:
        """`type` of the error that it is."""
        error = self.table.get("error")
        return cast("dict[str, object]", error).get("type") if isinstance(error, dict) else None


_Ask = Callable[[str], Awaitable[_Said]]


async def recognise(http: Http, kinds: Sequence[Kind] = tuple(NAMES)) -> Recognised | None:
    """The first of the kinds that it is. Raises `HttpFailure` where there is no answer to be had."""

    async def ask(path: str) -> _Said:
        try:
            answer = await http.request("GET", path)
        except (BadAnswer, TooLarge):
            # A redirect, or no HTTP at all, is an answer, too: of somebody else.
            return _Said()
        text = answer.body.decode("utf-8", "replace")
        try:
            read: object = json.loads(text)
        except (ValueError, RecursionError):
            read = None
        table = cast("dict[str, Any]", read) if isinstance(read, dict) else {}
        return _Said(answer.status, text.strip(), table)

    for kind in kinds:
        found = await _SIGNS[kind](ask)
        if found:
            return found
    return None


async def _ollama(ask: _Ask) -> Recognised | None:
    if (await ask("/")).text == "Ollama is running":
        return Recognised("ollama")
    # Behind a proxy, the root may be somebody else's.
    version = (await ask("/api/version")).table.get("version")
    if isinstance(version, str) and (await ask("/api/ps")).rows("models") is not None:
        return Recognised("ollama")
    return None


async def _lmstudio(ask: _Ask) -> Recognised | None:
    """It answers every path with 200: only what stands in the answer tells."""
    greeting = await ask("/lmstudio-greeting")
    models = await ask("/api/v1/models")
    if greeting.table.get("lmstudio") is True:
        return Recognised("lmstudio", wants_key=models.status == _UNAUTHORIZED)
    listed = models.rows("models")
    if listed is not None and all("loaded_instances" in row for row in listed):
        return Recognised("lmstudio")
    return Recognised("lmstudio") if (await ask("/api/v0/models")).rows("data") is not None else None


async def _llamacpp(ask: _Ask) -> Recognised | None:
    """One model, or a router for several."""
    props = await ask("/props")
    if props.table.get("role") == "router" or "default_generation_settings" in props.table:
        return Recognised("llamacpp")
    if props.status == _LOADING and props.error_type() == "unavailable_error":
        return Recognised("llamacpp")
    if props.status == _UNAUTHORIZED and props.error_type() == "authentication_error":
        return Recognised("llamacpp", wants_key=True)
    return None


async def _vllm(ask: _Ask) -> Recognised | None:
    version = await ask("/version")
    if version.status != _OK or not isinstance(version.table.get("version"), str):
        return None
    models = await ask("/v1/models")
    if models.status == _UNAUTHORIZED:
        return Recognised("vllm", wants_key=True)
    listed = models.rows("data") or []
    if any(row.get("owned_by") == "vllm" or "max_model_len" in row for row in listed):
        return Recognised("vllm")
    return None


async def _llama_swap(ask: _Ask) -> Recognised | None:
    return Recognised("llama-swap") if (await ask("/running")).rows("running") is not None else None


async def _localai(ask: _Ask) -> Recognised | None:
    system = await ask("/system")
    return Recognised("localai") if system.status == _OK and "backends" in system.table else None


async def _openai(ask: _Ask) -> Recognised | None:
    models = await ask("/v1/models")
    if models.status == _UNAUTHORIZED:
        return Recognised("openai", wants_key=True)
    return Recognised("openai") if models.rows("data") is not None else None


_SIGNS: dict[Kind, Callable[[_Ask], Awaitable[Recognised | None]]] = {
    "ollama": _ollama,
    "lmstudio": _lmstudio,
    "llamacpp": _llamacpp,
    "vllm": _vllm,
    "llama-swap": _llama_swap,
    "localai": _localai,
    "openai": _openai,
}
