"""The settings of providers: where they are, what opens them, and that what opens them is never shown."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.domain.errors import SettingsInvalid
from bursar.settings import Settings

SECRET = "sk-4f1d9-do-not-show"  # noqa: S105 - it opens nothing
LAB = "http://lab.example:9000"

pytestmark = pytest.mark.usefixtures("folder")


def _refused(**written: Any) -> str:
    with pytest.raises(SettingsInvalid) as refused:
        Settings.load(**written)
    assert SECRET not in repr(refused.value.values)
    return str(refused.value)


def test_without_settings_every_provider_is_looked_for_and_none_is_known() -> None:
    providers = Settings().providers
    assert providers.discover
    assert list(providers.servers) == ["ollama", "lmstudio", "llamacpp", "vllm"]
    assert all(server.enabled and server.url is None for server in providers.servers.values())


def test_a_provider_is_where_the_settings_say() -> None:
    ollama = Settings(
        providers={
            "ollama": {
                "url": "http://127.0.0.1:11435/",
                "context_tokens": 8192,
                "gpu": "gpu1",
                "timeouts": {"load": "20m", "idle": "90s"},
            }
        }
    ).providers.ollama
    assert (ollama.url, ollama.context_tokens, ollama.gpu) == ("http://127.0.0.1:11435", 8192, "gpu1")
    times = ollama.timeouts
    assert (times.status, times.load, times.unload, times.idle) == (10, 1200, 30, 90)


def test_there_may_be_several_openai_servers_each_with_a_name() -> None:
    settings = Settings(providers={"openai": {"lab": {"url": LAB}, "lab-2": {"url": LAB, "enabled": False}}})
    assert list(settings.providers.servers)[-2:] == ["openai:lab", "openai:lab-2"]


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("http://127.0.0.1:1234", "http://127.0.0.1:1234"),
        # As clients of OpenAI's want it.
        ("http://127.0.0.1:1234/v1", "http://127.0.0.1:1234"),
        ("https://example.com/api/v1/", "https://example.com/api"),
        (" HTTP://Example.com:80 ", "http://example.com:80"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_a_url_is_the_root_that_paths_are_put_behind(written: str, kept: str) -> None:
    assert Settings(providers={"ollama": {"url": written}}).providers.ollama.url == kept


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("localhost:11434", "begins neither with http:// nor with https://"),
        ("ftp://localhost", "begins neither with http:// nor with https://"),
        ("http:/localhost", "begins neither with http:// nor with https://"),
        (f"http://me:{SECRET}@localhost:1234", "has a name or password in it"),
        (f"http://localhost:1234/?api_key={SECRET}", "has a query or fragment"),
        (f"http://localhost:1234/#{SECRET}", "has a query or fragment"),
        ("http://", "names no host or port"),
        ("http://localhost:0", "names no host or port"),
        ("http://localhost:99999", "is malformed"),
        ("http://[::1", "is malformed"),
        ("http://local host", "is malformed"),
        ("http://local\nhost", "is malformed"),
        ("http://bücher.example", "is malformed"),
        ("http://0.0.0.0:11434", "is an address to listen at, not one to call"),
        # Where clouds hand out the keys of a machine.
        ("http://169.254.169.254/latest", "is a link-local or multicast address"),
        ("http://[fe80::1]:80", "is a link-local or multicast address"),
        (11434, "is not a URL"),
    ],
)
def test_a_url_that_cannot_be_is_refused(written: object, problem: str) -> None:
    message = _refused(providers={"lmstudio": {"url": written}})
    assert message.startswith(f"providers.lmstudio.url: {problem} (given: ")
    assert "http://127.0.0.1:11434" in message


@given(st.text(max_size=60) | st.from_regex(r"https?://[^ ]{0,30}", fullmatch=True))
def test_whatever_is_written_as_a_url_is_kept_or_refused(written: str) -> None:
    try:
        kept = Settings(providers={"vllm": {"url": written}}).providers.vllm.url
    except SettingsInvalid:
        return
    assert kept is None or Settings(providers={"vllm": {"url": kept}}).providers.vllm.url == kept


def test_a_key_may_be_given_and_is_not_in_what_is_shown_of_the_settings() -> None:
    settings = Settings(providers={"openai": {"lab": {"url": LAB, "key": SECRET}}})
    key = settings.providers.openai["lab"].key
    assert key is not None
    assert key.get_secret_value() == SECRET
    for shown in (repr(settings), str(settings), str(settings.model_dump()), repr(settings.domain())):
        assert SECRET not in shown
    assert settings.changed(limits={"max_models_loaded": 2}).providers == settings.providers


@pytest.mark.parametrize(
    "written",
    [
        {"ollama": {"url": LAB, "key": f"{SECRET} {SECRET}"}},
        {"ollama": {"url": LAB, "key": f"{SECRET}\n{SECRET}"}},
        {"ollama": {"url": LAB, "key": [SECRET]}},
        {"ollama": {"url": LAB, "key": SECRET * 1000}},
        # Misspelt, misplaced, in a section that is none.
        {"ollama": {"url": LAB, "api_key": SECRET}},
        {"ollama": {"url": LAB, "keyy": SECRET}},
        {"ollama": SECRET},
        {"openai": SECRET},
        {"openai": {"lab": SECRET}},
        {"openai": {"lab": {"url": LAB, "token": SECRET}}},
        {"openai": {"Lab!": {"url": LAB, "key": SECRET}}},
        {"openai": {"key": SECRET}},
        {"key": SECRET},
        SECRET,
        # Without the address that it is for, or twice.
        {"ollama": {"key": SECRET}},
        {"openai": {"lab": {"key": SECRET}}},
        {"ollama": {"url": LAB, "key": SECRET, "key_file": "key"}},
    ],
)
def test_no_refusal_shows_a_key(written: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    _refused(providers=written)
    name = "BURSAR_PROVIDERS" if isinstance(written, str) else "BURSAR_PROVIDERS__OPENAI"
    text = written if isinstance(written, str) else json.dumps(written.get("openai", {"lab": written}))
    monkeypatch.setenv(name, text)
    _refused()


@pytest.mark.parametrize(
    "line",
    [
        f"key = {SECRET}",
        f'ollama = {{ key = "{SECRET}" url }}',
        f'"api_key" = "{SECRET}',
        f'url = "http://me:{SECRET}',
    ],
)
def test_a_file_that_is_no_toml_is_not_quoted_where_a_key_stands(line: str) -> None:
    Path("bursar.toml").write_text(f"[providers.ollama]\n{line}\n")
    assert "bursar.toml, line 2" in _refused()


def test_keys_come_from_the_environment_by_the_names_of_their_providers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path("bursar.toml").write_text(
        f'[providers.ollama]\nurl = "{LAB}"\n[providers.openai.lab]\nurl = "{LAB}"\ncontext_tokens = 4096\n'
    )
    monkeypatch.setenv("BURSAR_PROVIDERS__OLLAMA__KEY", "ollama-key")
    monkeypatch.setenv("BURSAR_PROVIDERS__OPENAI__LAB__KEY", "lab-key")
    monkeypatch.setenv("BURSAR_PROVIDERS__DISCOVER", "false")
    providers = Settings.load().providers
    lab = providers.openai["lab"]
    assert not providers.discover
    assert (lab.url, lab.context_tokens) == (LAB, 4096)
    assert [server.key.get_secret_value() for server in (providers.ollama, lab) if server.key] == [
        "ollama-key",
        "lab-key",
    ]


def test_what_only_one_provider_has_may_be_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURSAR_PROVIDERS__VLLM__SLEEP_LEVEL", "2")
    monkeypatch.setenv("BURSAR_PROVIDERS__VLLM__RESERVED", "70 GiB")
    monkeypatch.setenv("BURSAR_PROVIDERS__OLLAMA__KV_TYPE", "q8_0")
    providers = Settings.load().providers
    assert (providers.vllm.sleep_level, providers.vllm.reserved) == (2, 70 << 30)
    assert providers.ollama.kv_type == "q8_0"
    assert "is more than 2" in _refused(providers={"vllm": {"sleep_level": 3}})
    assert "is none of the choices" in _refused(providers={"ollama": {"kv_type": "q2"}})


def test_all_of_the_openai_servers_may_stand_in_one_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURSAR_PROVIDERS__OPENAI", json.dumps({"lab": {"url": LAB}}))
    assert Settings.load().providers.openai["lab"].url == LAB


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"olama": {}}, "providers.olama: is not a setting (given: something not shown here, as it may be"),
        ({"ollama": {"host": "x"}}, "Did you mean"),
        ({"ollama": {"enabled": "maybe"}}, "providers.ollama.enabled: is neither true nor false"),
        ({"ollama": {"gpu": "gpu"}}, "providers.ollama.gpu: is no device (given: 'gpu')"),
        ({"ollama": {"timeouts": {"load": 0}}}, "providers.ollama.timeouts.load: is less than a millisecond"),
        ({"openai": {"lab": {}}}, "providers.openai.lab.url: is missing"),
        ({"openai": {"La b": {"url": LAB}}}, 'providers.openai."La b": is no name for a provider'),
        ({"openai": {"a__b": {"url": LAB}}}, "providers.openai.a__b: is no name for a provider"),
        ({"openai": {"lab": {"url": LAB, "gpus": 1}}}, "Did you mean providers.openai.lab.gpu?"),
        ({"lmstudio": {"key": "x"}}, "Set providers.lmstudio.url, so that it is sent nowhere else."),
        ({"lmstudio": {"url": LAB, "key": "x", "key_file": "y"}}, "is given beside key_file"),
    ],
)
def test_what_is_wrong_is_said_at_its_place(written: Any, message: str) -> None:
    assert message in _refused(providers=written)


def test_a_misspelt_variable_of_a_named_server_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURSAR_PROVIDERS__OPENAI__LAB__ULR", LAB)
    assert "Did you mean BURSAR_PROVIDERS__OPENAI__LAB__URL?" in _refused()
