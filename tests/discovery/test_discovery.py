"""Looking for providers at their default ports: here the ports of stand-ins."""

import asyncio

import pytest
from starlette.responses import JSONResponse

from bursar.discovery import PLACES, Found, Ignored, Place, discover, ollama_url
from bursar.settings.quantities import Refused
from bursar.testing.provider import llamacpp, lmstudio, ollama, openai
from bursar.testing.provider.serving import serving

from .servers import VLLM_MODELS, saying, several, silent, world

EVERYBODY = ("ollama", "lmstudio", "llamacpp", "vllm")


def test_the_default_ports_are_those_of_this_machine_alone() -> None:
    assert [(place.url, place.kinds[0]) for place in PLACES] == [
        ("http://127.0.0.1:11434", "ollama"),
        ("http://127.0.0.1:1234", "lmstudio"),
        ("http://127.0.0.1:8080", "llamacpp"),
        ("http://127.0.0.1:8000", "vllm"),
    ]


def test_every_provider_is_found_where_it_answers() -> None:
    worlds = [world() for _ in range(3)]
    vllm = saying({"/version": {"version": "0.11.0"}, "/v1/models": VLLM_MODELS})
    apps = (ollama.build(worlds[0]), lmstudio.build(worlds[1]), llamacpp.build_router(worlds[2]), vllm)

    async def main() -> None:
        async with several(*apps) as servers:
            places = [Place(server.url, place.kinds) for server, place in zip(servers, PLACES, strict=True)]
            found, ignored = await discover(EVERYBODY, places=places)
            expected = zip(EVERYBODY, servers, strict=True)
            assert found == [Found(name, server.url, "its default port") for name, server in expected]
            assert ignored == []

    asyncio.run(main())
    assert [one.loads for one in worlds] == [0, 0, 0]


def test_nobody_at_a_port_is_nothing_to_tell() -> None:
    async def main() -> None:
        async with serving(saying({})) as server:
            url = server.url
        assert await discover(EVERYBODY, places=[Place(url, ("ollama",))]) == ([], [])

    asyncio.run(main())


def test_a_stranger_at_a_port_is_ignored_and_told_of() -> None:
    async def main() -> None:
        strangers = saying({"/": JSONResponse({})}), saying({}), openai.build(world())
        async with several(*strangers) as servers, silent() as deaf:
            places = [Place(servers[0].url, ("ollama",)), Place(deaf, ("lmstudio",))]
            places += [Place(servers[1].url, PLACES[2].kinds), Place(servers[2].url, PLACES[3].kinds)]
            found, ignored = await discover(EVERYBODY, places=places, seconds=0.2)
        assert found == []
        assert [one.url for one in ignored] == [place.url for place in places]
        assert [one.reason for one in ignored] == [
            "it is not Ollama, whose default port that is",
            "it did not say within 0.2 s who it is",
            "it is not llama.cpp's server, whose default port that is",
            (
                "it is a server that speaks OpenAI's protocol and not vLLM; "
                "to use it, name it in the settings: providers.openai.<name>.url"
            ),
        ]

    asyncio.run(main())


def test_llama_swap_at_the_port_of_llama_cpp_is_used_as_any_openai_server() -> None:
    async def main() -> None:
        app = openai.build(world(), openai.Quirks(like="llama-swap"))
        async with serving(app) as server:
            found, _ = await discover(EVERYBODY, places=[Place(server.url, PLACES[2].kinds)])
            (one,) = found
            assert (one.prefix, one.url) == ("openai:llama-swap", server.url)
            assert one.note == "it is llama-swap, used as any OpenAI server"

    asyncio.run(main())


def test_a_provider_that_wants_a_key_is_not_given_one_that_was_not_meant_for_it() -> None:
    async def main() -> None:
        app = lmstudio.build(world(), lmstudio.Switches(token="t"))  # noqa: S106 - it opens a stand-in
        async with serving(app) as server:
            found, ignored = await discover(EVERYBODY, places=[Place(server.url, ("lmstudio",))])
        assert found == []
        assert "set providers.lmstudio.url and providers.lmstudio.key" in ignored[0].reason

    asyncio.run(main())


def test_who_is_not_wanted_or_known_already_is_not_asked() -> None:
    async def main() -> None:
        asked = world()
        async with serving(ollama.build(asked)) as server:
            places = [Place(server.url, ("ollama",))]
            assert await discover(("vllm",), places=places) == ([], [])
            under_another_name = server.url.replace("127.0.0.1", "localhost")
            assert await discover(EVERYBODY, [f"{under_another_name}/api"], places) == ([], [])
        assert asked.requests == []

    asyncio.run(main())


def test_ollama_is_looked_for_where_its_own_programs_look(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with serving(ollama.build(world())) as server:
            monkeypatch.setenv("OLLAMA_HOST", server.url.removeprefix("http://"))
            assert await discover(["ollama"]) == ([Found("ollama", server.url, "OLLAMA_HOST")], [])

    asyncio.run(main())


def test_an_ollama_host_that_cannot_be_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with serving(ollama.build(world())) as server:
            monkeypatch.setenv("OLLAMA_HOST", "gopher://elsewhere")
            found, ignored = await discover(["ollama"], places=[Place(server.url, ("ollama",))])
            assert [one.url for one in found] == [server.url]
            problem = "what the variable says begins neither with http:// nor with https://"
            assert ignored == [Ignored("OLLAMA_HOST", problem)]

    asyncio.run(main())


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:11434"),
        ("127.0.0.1:11500", "http://127.0.0.1:11500"),
        (":11500", "http://127.0.0.1:11500"),
        ("0.0.0.0", "http://127.0.0.1:11434"),  # noqa: S104 - where Ollama listens, not we
        ("0.0.0.0:11500", "http://127.0.0.1:11500"),
        ("[::]:11500", "http://127.0.0.1:11500"),
        ("::1", "http://[::1]:11434"),
        ("[::1]:11500", "http://[::1]:11500"),
        ("box.lan", "http://box.lan:11434"),
        ("http://box.lan", "http://box.lan:80"),
        ("https://box.lan/ollama", "https://box.lan:443/ollama"),
        (' "box.lan:11500" ', "http://box.lan:11500"),
    ],
)
def test_ollama_host_means_what_it_means_to_ollama(written: str, url: str) -> None:
    assert ollama_url(written) == url


@pytest.mark.parametrize("written", ["box:port", "box:99999", "http://me:secret@box", "a b", "ftp://box"])
def test_an_ollama_host_that_is_none_is_refused(written: str) -> None:
    with pytest.raises(Refused) as refused:
        ollama_url(written)
    assert "secret" not in str(refused.value)


def test_what_the_variable_names_and_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:9")
    found, ignored = asyncio.run(discover(["ollama"]))
    assert found == []
    assert ignored == [Ignored("http://127.0.0.1:9", "OLLAMA_HOST names it, and nobody listens there")]
