"""Who answers: told from what only that server says, and without a model being loaded by it."""

import asyncio
from collections.abc import Callable

import pytest
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp

from bursar.adapters.http.client import HttpClient
from bursar.adapters.http.failures import ConnectRefused
from bursar.recognising import NAMES, Kind, Recognised, recognise
from bursar.testing.provider import llamacpp, lmstudio, ollama, openai, vllm
from bursar.testing.provider.faults import Refusal
from bursar.testing.provider.serving import serving
from bursar.testing.provider.world import World

from .servers import VLLM_MODELS, saying, world


def _recognised(app: ASGIApp, *kinds: Kind) -> Recognised | None:
    async def main() -> Recognised | None:
        async with serving(app) as server:
            http = HttpClient(server.url)
            try:
                return await recognise(http, kinds or tuple(NAMES))
            finally:
                await http.close()

    return asyncio.run(main())


_STAND_INS: dict[str, tuple[Kind, Callable[[World], ASGIApp]]] = {
    "ollama": ("ollama", ollama.build),
    "lmstudio": ("lmstudio", lmstudio.build),
    "llamacpp": ("llamacpp", llamacpp.build),
    "llamacpp-router": ("llamacpp", llamacpp.build_router),
    "vllm": ("vllm", vllm.build),
    "openai": ("openai", openai.build),
    "llama-swap": ("llama-swap", lambda world: openai.build(world, openai.Quirks(like="llama-swap"))),
}


@pytest.mark.parametrize("like", _STAND_INS)
def test_each_stand_in_is_known_for_what_it_is_and_loads_nothing(like: str) -> None:
    kind, build = _STAND_INS[like]
    of_it = world()
    app = build(of_it)
    before = dict(of_it.instances)
    assert _recognised(app) == Recognised(kind)
    assert (of_it.loads, of_it.instances) == (0, before)


@pytest.mark.parametrize("unknown", [200, 404])
def test_an_lm_studio_without_version_1_is_known_by_its_older_list(unknown: int) -> None:
    of_it = world()
    of_it.faults.refusals["/lmstudio-greeting"] = Refusal(unknown, '{"error": "Unexpected endpoint"}')
    switches = lmstudio.Switches(v1=False, unknown_endpoint=200 if unknown == 200 else 404)
    assert _recognised(lmstudio.build(of_it, switches)) == Recognised("lmstudio")


def test_what_wants_a_key_is_known_all_the_same() -> None:
    locked = lmstudio.build(world(), lmstudio.Switches(token="t"))  # noqa: S106 - it opens a stand-in
    assert _recognised(locked) == Recognised("lmstudio", wants_key=True)
    behind = llamacpp.build(world(), llamacpp.Flags(api_key="k"))
    assert _recognised(behind) == Recognised("llamacpp", wants_key=True)
    assert _recognised(openai.build(world(), openai.Quirks(key="k"))) == Recognised("openai", wants_key=True)


def test_a_llama_cpp_that_is_still_loading_is_known() -> None:
    loading = {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}
    assert _recognised(saying({"/props": JSONResponse(loading, 503)})) == Recognised("llamacpp")


def test_an_ollama_behind_a_proxy_is_known_by_its_api() -> None:
    behind = saying({"/api/version": {"version": "0.32.15"}, "/api/ps": {"models": []}})
    assert _recognised(behind) == Recognised("ollama")


@pytest.mark.parametrize(
    ("answers", "kind"),
    [
        ({"/version": {"version": "0.11"}, "/v1/models": VLLM_MODELS}, "vllm"),
        ({"/version": {"version": "0.11"}, "/v1/models": {"object": "list", "data": []}}, "openai"),
        ({"/system": {"backends": [], "loaded_models": []}, "/v1/models": {"data": []}}, "localai"),
    ],
)
def test_servers_are_told_apart_by_their_own_routes(
    answers: dict[str, Response | object], kind: Kind
) -> None:
    assert _recognised(saying(answers)) == Recognised(kind)


@pytest.mark.parametrize(
    "answers",
    [
        {},
        {"/": HTMLResponse("<h1>Jenkins</h1>")},
        {"/": PlainTextResponse("Ollama is running late")},
        # Answers of the right form with nothing right in them.
        {"/api/version": {"version": "1.0"}},
        {"/api/v1/models": {"models": "many"}, "/props": {"props": 1}, "/version": {"version": 3}},
        {"/v1/models": {"error": "Unexpected endpoint or method. (GET /v1/models)"}},
        {"/v1/models": PlainTextResponse("[" * 100_000)},
        {path: RedirectResponse("http://127.0.0.1:1/") for path in ("/", "/props", "/v1/models")},
    ],
)
def test_a_stranger_is_nobody(answers: dict[str, Response | object]) -> None:
    assert _recognised(saying(answers)) is None


def test_nobody_is_a_failure_to_connect() -> None:
    async def main() -> None:
        async with serving(saying({})) as server:
            url = server.url
        http = HttpClient(url)
        with pytest.raises(ConnectRefused):
            await recognise(http)
        await http.close()

    asyncio.run(main())
