"""What `bursar doctor` finds, at stand-ins and at servers that are not what the settings say."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from starlette.types import ASGIApp

from bursar.adapters.cli.group import build
from bursar.commands import MANAGING
from bursar.configured import find_sites
from bursar.doctor.command import examine
from bursar.doctor.findings import Findings, ProviderFinding
from bursar.doctor.machine import read_journal, why_no_gpu
from bursar.doctor.providers import ask_all
from bursar.domain.providers.events import ProviderObserved
from bursar.domain.providers.values import Capabilities
from bursar.domain.resilience.events import BreakerSet
from bursar.eventstore.journal import Journal
from bursar.settings import Settings
from bursar.testing.gguf import write_model
from bursar.testing.provider import llamacpp, lmstudio, ollama, openai, vllm
from bursar.testing.provider.serving import serving
from bursar.testing.provider.world import World

from ..discovery.servers import saying, silent, world
from ..projections.world import World as Running
from ..projections.world import evicting

SECRET = "sk-not-to-be-shown"  # noqa: S105 - it opens nothing
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def nothing_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty working directory, no variables, and nobody looked for."""
    for name in list(os.environ):
        if name.startswith("BURSAR_") or name == "OLLAMA_HOST":
            monkeypatch.delenv(name)
    monkeypatch.setenv("BURSAR_PROVIDERS__DISCOVER", "false")
    monkeypatch.chdir(tmp_path)


async def _examined(**providers: Any) -> Findings:
    return await examine(Settings(providers={"discover": False, **providers}), Path("journal.db"))


def _found(app: ASGIApp, name: str, **settings: Any) -> ProviderFinding:
    """What the doctor says of a server that the settings call `name`."""

    async def main() -> ProviderFinding:
        async with serving(app) as server:
            section: dict[str, Any] = {"url": server.url, **settings}
            kind, _, own = name.partition(":")
            (found,) = (await _examined(**{kind: {own: section} if own else section})).providers
            return found

    return asyncio.run(main())


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(build(MANAGING), ["doctor", *arguments])


_WELL: dict[str, tuple[Callable[[World], ASGIApp], set[str], int | None]] = {
    "ollama": (ollama.build, {"load", "unload", "measure_memory"}, 0),
    "lmstudio": (lmstudio.build, {"load", "unload"}, 0),
    "llamacpp": (llamacpp.build_router, {"load", "unload"}, 0),
    "vllm": (vllm.build, {"sleep", "tokenize"}, None),
    "openai:lab": (openai.build, set(), None),
}


@pytest.mark.parametrize("name", _WELL)
def test_a_provider_that_is_well_says_what_it_is_and_can(name: str) -> None:
    app, abilities, loaded = _WELL[name]
    asked = world()
    found = _found(app(asked), name)
    assert (found.well, found.name, found.source, found.code) == (True, name, "settings", "")
    assert found.latency_ms is not None
    assert found.latency_ms > 0
    assert (found.installed, found.loaded) == (1, loaded)
    assert abilities <= set(found.capabilities)
    # Whatever it cannot do, it says why.
    assert set(found.lacks).isdisjoint(found.capabilities)
    assert all(found.lacks.values())
    assert asked.loads == 0


def test_what_its_version_is_known_to_do_wrong_is_told() -> None:
    old = llamacpp.RouterFlags(build=10312)
    assert "ends models that are answering" in _found(llamacpp.build_router(world(), old), "llamacpp").note
    assert _found(llamacpp.build_router(world()), "llamacpp").note == ""


def test_what_only_a_manager_that_runs_can_know_is_told(tmp_path: Path) -> None:
    """That loads hang, and what its breaker lets through; nothing of it when that manager is gone."""
    running = Running.started(tmp_path / "journal.db")
    running.record(
        ProviderObserved(
            provider="ollama",
            reachable=True,
            engine="0.12.11",
            capabilities=Capabilities(load=True),
            lacks={},
            code="PROVIDER_TIMEOUT",
            cause_text="it answers questions, but a load of a has been open for 121 s",
        )
    )
    running.record(BreakerSet(provider="ollama", state="forced_open"))
    running.write()
    found = _found(ollama.build(world()), "ollama")
    assert found.well
    assert f"the manager that runs (process {os.getpid()}) found: PROVIDER_TIMEOUT: it answers" in found.note
    assert found.note.endswith("its breaker is forced_open there: see `bursar breaker ollama`")
    running.close()
    assert _found(ollama.build(world()), "ollama").note == ""


def test_the_version_is_told_where_there_is_one() -> None:
    assert _found(ollama.build(world()), "ollama").version == "0.32.15"


@pytest.mark.parametrize(
    ("name", "app", "code", "remedy"),
    [
        # Somebody else answers there.
        ("ollama", lambda: lmstudio.build(world()), "UNSUPPORTED", "LM Studio answers there"),
        ("lmstudio", lambda: ollama.build(world()), "UNSUPPORTED", "move it to providers.ollama.url"),
        ("llamacpp", lambda: openai.build(world()), "UNSUPPORTED", "move it to providers.openai.<name>.url"),
        # It wants a key.
        (
            "openai:lab",
            lambda: openai.build(world(), openai.Quirks(key="other")),
            "PROVIDER_AUTH_FAILED",
            "providers.openai.lab.key_file, or the variable BURSAR_PROVIDERS__OPENAI__LAB__KEY",
        ),
    ],
)
def test_a_provider_that_is_not_well_says_what_to_do(
    name: str, app: Callable[[], ASGIApp], code: str, remedy: str
) -> None:
    found = _found(app(), name)
    assert (found.well, found.code) == (False, code)
    assert remedy in found.remedy


def test_a_stranger_is_not_taken_for_a_provider() -> None:
    found = _found(saying({"/": "hello"}), "ollama")
    assert not found.well
    assert found.code in ("UNSUPPORTED", "PROVIDER_UNAVAILABLE")


def test_nobody_at_the_address_is_to_be_started() -> None:
    (found,) = asyncio.run(_examined(ollama={"url": NOWHERE})).providers
    assert (found.reachable, found.code) == (False, "PROVIDER_UNAVAILABLE")
    assert found.remedy == "start it (`ollama serve`, or its app), or mend providers.ollama.url"


def test_a_server_that_says_nothing_costs_a_bounded_time_and_nobody_elses() -> None:
    async def main() -> None:
        async with silent() as url, serving(ollama.build(world())) as server:
            named = {"lmstudio": {"url": url}, "ollama": {"url": server.url}}
            settings = Settings(providers={"discover": False, **named})
            sites = await find_sites(settings)
            well, deaf = await ask_all(sites, settings, Path("journal.db"), seconds=0.3)
        assert (well.name, well.well) == ("ollama", True)
        assert (deaf.name, deaf.code) == ("lmstudio", "PROVIDER_TIMEOUT")
        assert "raise providers.lmstudio.timeouts.status" in deaf.remedy

    asyncio.run(main())


def test_a_server_that_bursar_knows_better_is_said_to_be_that() -> None:
    found = _found(lmstudio.build(world()), "openai:lab")
    assert found.well
    assert found.note == "it is LM Studio: as providers.lmstudio bursar could do more with it"


def test_what_is_switched_off_is_listed_and_not_asked() -> None:
    asked = world()
    found = _found(ollama.build(asked), "ollama", enabled=False)
    assert (found.enabled, found.well, asked.requests) == (False, True, [])


def test_the_embedded_one_says_how_many_models_are_in_its_folder(tmp_path: Path) -> None:
    write_model(tmp_path / "models" / "small.gguf", seed=1, name="small")
    (found,) = asyncio.run(_examined(llama={"folder": "models"})).providers
    assert (found.well, found.installed, found.loaded) == (True, 1, None)
    (found,) = asyncio.run(_examined(llama={"folder": "nowhere"})).providers
    assert "nowhere is not a folder: mend providers.llama.folder" in found.cause
    # Neither asking nor looking made what a manager makes.
    assert sorted(path.name for path in tmp_path.iterdir()) == ["models"]


def test_a_key_that_cannot_be_read_is_that_providers_problem_alone(tmp_path: Path) -> None:
    async def main() -> None:
        async with serving(ollama.build(world())) as server:
            lab = {"url": server.url, "key_file": str(tmp_path / "none")}
            found = await _examined(ollama={"url": server.url}, openai={"lab": lab})
            assert [provider.code for provider in found.providers] == ["", "SETTINGS_INVALID"]

    asyncio.run(main())


# --- the machine and the journal -----------------------------------------------------------------------


def test_the_journal_is_read_and_never_touched(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    assert read_journal(path).state == "absent"
    assert not path.exists()
    evicting(path).close()
    before = path.read_bytes()
    free = read_journal(path)
    assert (free.state, free.owner) == ("free", None)
    assert free.events > 0
    assert path.read_bytes() == before
    with Journal.open(path):
        assert (read_journal(path).state, read_journal(path).owner) == ("in use", os.getpid())
    (tmp_path / "other.db").write_bytes(b"not a database")
    assert read_journal(tmp_path / "other.db").state == "unusable"


def test_a_machine_without_a_graphics_card_says_why() -> None:
    found = asyncio.run(_examined()).machine
    assert [device.device for device in found.devices][:1] == ["ram"]
    has_gpu = any(device.device.startswith("gpu") for device in found.devices)
    assert bool(found.no_gpu) is not has_gpu
    assert why_no_gpu()


# --- the command ---------------------------------------------------------------------------------------


def test_the_command_says_it_as_json_and_ends_with_one_when_something_is_wrong(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BURSAR_PROVIDERS__OLLAMA__URL", NOWHERE)
    monkeypatch.setenv("BURSAR_PROVIDERS__OLLAMA__KEY", SECRET)
    ran = _run("--json")
    assert ran.exit_code == 1
    assert SECRET not in ran.output
    told = json.loads(ran.output)
    (ollama_,) = told["providers"]
    assert (ollama_["name"], ollama_["reachable"], ollama_["well"]) == ("ollama", False, False)
    assert ollama_["source"] == "BURSAR_PROVIDERS__OLLAMA__URL"
    assert (told["well"], told["journal"]["state"]) == (False, "absent")
    assert told["machine"]["cores"] >= 1
    assert {"bursar", "python", "sqlite"} <= set(told["versions"])


def test_without_providers_it_says_what_to_do_and_all_is_well() -> None:
    ran = _run()
    assert ran.exit_code == 0
    assert ran.output.startswith("No provider: start Ollama or LM Studio, or set providers.llama.folder")
    assert "bursar.db: not there yet" in ran.output
    assert ran.output.endswith("All is well.\n")


def test_wrong_settings_are_refused_before_anybody_is_asked() -> None:
    Path("bursar.toml").write_text('[providers.ollama]\nurl = "nowhere"\n')
    ran = _run()
    assert ran.exit_code == 2
    assert "providers.ollama.url" in ran.output


def test_the_text_has_a_table_and_each_provider_in_full() -> None:
    async def main() -> subprocess.CompletedProcess[str]:
        async with serving(ollama.build(world())) as server, serving(lmstudio.build(world())) as other:
            Path("bursar.toml").write_text(
                f'[providers.ollama]\nurl = "{server.url}"\n[providers.openai.lab]\nurl = "{other.url}"\n'
                f'[providers.lmstudio]\nurl = "{NOWHERE}"\n[providers.vllm]\nenabled = false\n'
            )
            command = [sys.executable, "-m", "bursar", "doctor"]
            process = await asyncio.create_subprocess_exec(
                *command, stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
            out, err = await process.communicate()
            return subprocess.CompletedProcess(command, process.returncode or 0, out.decode(), err.decode())

    ran = asyncio.run(main())
    assert (ran.returncode, ran.stderr) == (1, "")
    rows = {line.split()[0]: line for line in ran.stdout.split("\n\n")[0].splitlines()}
    assert list(rows) == ["PROVIDER", "ollama", "lmstudio", "openai:lab", "vllm"]
    assert " well " in rows["ollama"]
    assert "not reachable" in rows["lmstudio"]
    assert "switched off" in rows["vllm"]
    assert "cannot  tokenize: " in ran.stdout
    assert "remedy   start it (`lms server start`" in ran.stdout
    assert ran.stdout.endswith("Not all is well: see the problems above.\n")


def test_an_interrupt_ends_it_without_a_word() -> None:
    @asynccontextmanager
    async def deaf() -> AsyncGenerator[tuple[str, asyncio.Event], None]:
        asked = asyncio.Event()

        async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            asked.set()
            await reader.read(-1)
            writer.close()

        server = await asyncio.start_server(listen, "127.0.0.1", 0)
        async with server:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", asked

    async def main() -> tuple[int | None, bytes]:
        async with deaf() as (url, asked):
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "bursar", "doctor"),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env={**os.environ, "BURSAR_PROVIDERS__OLLAMA__URL": url},
            )
            await asked.wait()
            process.send_signal(signal.SIGINT)
            written, _ = await process.communicate()
            return process.returncode, written

    assert asyncio.run(main()) == (130, b"")
