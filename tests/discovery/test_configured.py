"""Which providers there are: by the settings, and by what answers."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

import bursar
from bursar import configured
from bursar.adapters.providers.llama import LlamaProvider
from bursar.adapters.providers.lmstudio import LmStudioProvider
from bursar.configured import Site, Sites, build, find_sites
from bursar.discovery import PLACES, Place
from bursar.domain.errors import SettingsInvalid
from bursar.settings import Settings
from bursar.settings.servers import LmStudio, Server
from bursar.testing.provider import lmstudio, openai
from bursar.testing.provider.serving import serving

from .servers import world

ELSEWHERE = "http://192.0.2.7:9000"


def _sites(**providers: Any) -> Sites:
    return asyncio.run(find_sites(Settings(providers=providers)))


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is at a default port."""
    monkeypatch.setattr(configured, "PLACES", ())


def _site(url: str, **server: Any) -> Site:
    return Site("lmstudio", url, "settings", LmStudio(url=url, **server))


def test_without_discovery_there_is_what_the_settings_name() -> None:
    sites = _sites(
        discover=False,
        llama={"folder": "models"},
        ollama={"url": ELSEWHERE},
        vllm={"url": ELSEWHERE, "enabled": False},
        openai={"lab": {"url": ELSEWHERE}},
    )
    assert [(site.prefix, site.place, site.source) for site in sites.there] == [
        ("llama", "models", "settings"),
        ("ollama", ELSEWHERE, "settings"),
        ("openai:lab", ELSEWHERE, "settings"),
    ]
    assert [site.setting for site in sites.there][-1] == "providers.openai.lab"
    assert [site.variable for site in sites.there][-1] == "BURSAR_PROVIDERS__OPENAI__LAB"


def test_an_address_from_the_environment_is_said_to_be_from_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURSAR_PROVIDERS__OLLAMA__URL", ELSEWHERE)
    monkeypatch.setenv("BURSAR_PROVIDERS__DISCOVER", "false")
    (site,) = asyncio.run(find_sites(Settings.load())).there
    assert site.source == "BURSAR_PROVIDERS__OLLAMA__URL"


def test_what_is_found_gets_the_settings_of_its_name() -> None:
    async def main() -> None:
        async with serving(lmstudio.build(world())) as server:
            places = (Place(server.url, ("lmstudio",)),)
            settings = Settings(providers={"lmstudio": {"context_tokens": 8192}})
            (site,) = (await find_sites(settings, places)).there
            assert (site.prefix, site.place, site.source) == ("lmstudio", server.url, "its default port")
            assert site.server == LmStudio(context_tokens=8192)

    asyncio.run(main())


def test_what_the_settings_name_wins_over_what_is_found() -> None:
    async def main() -> None:
        async with serving(lmstudio.build(world())) as server:
            places = (Place(server.url, ("lmstudio",)),)
            for named in ({"lmstudio": {"url": ELSEWHERE}}, {"openai": {"studio": {"url": server.url}}}):
                sites = await find_sites(Settings(providers=named), places)
                assert [site.source for site in sites.there] == ["settings"]
            off = await find_sites(Settings(providers={"lmstudio": {"enabled": False}}), places)
            assert off == Sites(())

    asyncio.run(main())


def test_a_found_server_whose_name_is_taken_is_ignored_and_told_of() -> None:
    async def main() -> None:
        async with serving(openai.build(world(), openai.Quirks(like="llama-swap"))) as server:
            places = (Place(server.url, PLACES[2].kinds),)
            named = Settings(providers={"openai": {"llama-swap": {"url": ELSEWHERE}}})
            sites = await find_sites(named, places)
            assert [site.place for site in sites.there] == [ELSEWHERE]
            assert "another one is openai:llama-swap" in sites.ignored[0].reason

    asyncio.run(main())


def test_each_provider_is_built_without_being_asked(tmp_path: Path) -> None:
    settings = Settings(providers={"llama": {"folder": "models"}})
    llama = build(Site("llama", "models", "settings", Server()), settings, tmp_path / "journal.db")
    assert isinstance(llama, LlamaProvider)
    assert isinstance(build(_site(ELSEWHERE), settings, tmp_path), LmStudioProvider)


def test_a_key_is_read_from_its_file_and_from_nowhere_else(tmp_path: Path) -> None:
    async def main() -> None:
        asked = world()
        async with serving(lmstudio.build(asked, lmstudio.Switches(token="t0ken"))) as server:  # noqa: S106 - a stand-in's
            file = tmp_path / "key"
            file.write_text("t0ken\n")
            file.chmod(0o600)
            codes = ((_site(server.url, key_file=file), ""), (_site(server.url), "PROVIDER_AUTH_FAILED"))
            for site, code in codes:
                provider = build(site, Settings(), tmp_path)
                assert (await provider.probe()).code == code
                await provider.close()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"", "holds a key that is malformed"),
        (b"two words", "holds a key that is malformed"),
        (b"\xff\xfe", "holds a key that is malformed"),
        (b"k" * 10_000, "holds a key that is too long"),
    ],
)
def test_a_key_file_that_holds_no_key_is_refused(tmp_path: Path, content: bytes | None, problem: str) -> None:
    file = tmp_path / "key"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingsInvalid, match=r"^providers\.lmstudio\.key_file: ") as refused:
        build(_site(ELSEWHERE, key_file=file), Settings(), tmp_path)
    assert problem in str(refused.value)
    assert "two words" not in str(refused.value)


def test_a_key_that_others_can_read_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "key"
    file.write_text("s3cret")
    file.chmod(0o644)
    build(_site(ELSEWHERE, key_file=file), Settings(), tmp_path)
    assert "others can read the key" in caplog.text
    assert "s3cret" not in caplog.text


@pytest.mark.parametrize(
    ("url", "gpu", "device"),
    [
        (ELSEWHERE, "auto", "remote"),
        ("http://lab.example", "auto", "remote"),
        ("http://lab.example", "gpu1", "gpu1"),
        # At the end of a tunnel.
        ("http://127.0.0.1:1234", "remote", "remote"),
        ("http://127.0.0.1:1234", "ram", None),
        ("http://localhost:1234", "gpu0", "gpu0"),
    ],
)
def test_memory_is_charged_where_the_provider_runs(url: str, gpu: str, device: str | None) -> None:
    assert configured.device(_site(url, gpu=gpu)) == device


def test_this_machine_has_several_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(configured, "first_gpu", lambda: "gpu0")
    for host in ("localhost", "127.0.0.1", "[::1]", "studio.localhost"):
        assert configured.device(_site(f"http://{host}:1234")) == "gpu0"


@pytest.mark.usefixtures("nowhere")
def test_opening_says_which_providers_there_are(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with serving(lmstudio.build(world())) as server:
            settings = Settings(providers={"lmstudio": {"url": server.url}})
            with caplog.at_level("INFO", logger="bursar"):
                async with bursar.open(tmp_path / "journal.db", settings) as manager:
                    assert await manager.catalogue() == ("lmstudio:small",)
            assert f"name='lmstudio' at='{server.url}' known_from='settings'" in caplog.text

    asyncio.run(main())


def test_with_providers_given_nobody_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_: object) -> None:
        raise AssertionError("somebody was looked for")

    monkeypatch.setattr(configured, "discover", refuse)

    async def main() -> None:
        async with bursar.open(tmp_path / "journal.db", Settings(), providers={}) as manager:
            assert await manager.catalogue() == ()

    asyncio.run(main())


def test_a_provider_that_is_down_at_the_start_is_there_all_the_same(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(lmstudio.build(world())) as server:
            url = server.url
        settings = Settings(providers={"discover": False, "lmstudio": {"url": url}})
        async with bursar.open(tmp_path / "journal.db", settings) as manager:
            assert await manager.catalogue() == ()
            with pytest.raises(bursar.ProviderUnavailable, match="nobody listens"):
                await manager.describe("small")

    asyncio.run(main())


def test_a_key_is_in_no_log_and_no_journal(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    secret = "sk-0123456789-abcdef"  # noqa: S105 - it opens a stand-in

    async def main() -> None:
        app = lmstudio.build(world(), lmstudio.Switches(token="another"))  # noqa: S106 - it opens a stand-in, too
        async with serving(app) as server:
            settings = Settings(providers={"discover": False, "lmstudio": {"url": server.url, "key": secret}})
            with caplog.at_level("DEBUG"):
                async with bursar.open(tmp_path / "journal.db", settings) as manager:
                    with pytest.raises(bursar.BursarError) as error:
                        await manager.load_model("small")
            assert error.value.code == "PROVIDER_AUTH_FAILED"
            assert secret not in f"{error.value!r} {error.value} {manager.settings!r}"

    asyncio.run(main())
    assert secret not in caplog.text
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if secret.encode() in path.read_bytes()]
