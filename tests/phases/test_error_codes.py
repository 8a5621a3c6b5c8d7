"""The documented codes come out of the front door, over real HTTP, each as one error that says what to do."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

import bursar
from bursar.adapters.providers.ollama import OllamaProvider
from bursar.domain.errors import BursarError
from bursar.domain.models.values import Description, Residency
from bursar.eventstore.reader import Reader
from bursar.projections.history import to_event
from bursar.testing.provider.faults import Refusal
from bursar.testing.provider.world import GIB

from .stand import CHAT, HELLO, PATIENT, Stand, running

TOO_LONG = [{"role": "user", "content": "word " * 40_000}]


def refused(folder: Path, act: Callable[[Stand], Awaitable[object]], **how: Any) -> BursarError:
    """The error that came of it; it is on record with its code as well, and nothing is left behind."""
    caught: list[BursarError] = []

    async def test(stand: Stand) -> None:
        caught.append(await stand.failure(act(stand)))
        stand.world.may_load.set()
        stand.world.faults.unload_ignored = False
        if stand.world.may_answer.is_set():
            await stand.at_rest()

    running(folder, test, **how)
    (error,) = caught
    return error


def test_resource_limit_exceeded(tmp_path: Path) -> None:
    limits = {"memory": "2 GiB", "load_cooldown": 0}
    error = refused(tmp_path, lambda stand: stand.chat("large"), limits=limits)
    assert error.code == "RESOURCE_LIMIT_EXCEEDED"
    assert "ollama:large needs " in str(error)
    assert str(error).endswith("Raise the limit, or choose a smaller model or context.")
    assert error.values["ceiling"] == str(2 * GIB)


def test_model_load_failed(tmp_path: Path) -> None:
    async def act(stand: Stand) -> None:
        stand.world.faults.load_error = "unable to load model: its file is damaged"
        await stand.manager.load_model(stand.model())

    error = refused(tmp_path, act)
    assert error.code == "MODEL_LOAD_FAILED"
    assert "ollama:small could not be loaded" in str(error)
    assert "its file is damaged" in str(error)


def test_model_unload_failed(tmp_path: Path) -> None:
    async def act(stand: Stand) -> None:
        await stand.manager.load_model(stand.model())
        stand.world.faults.unload_ignored = True
        await stand.manager.unload_model(stand.model())

    error = refused(tmp_path, act, timeouts=PATIENT.__class__(status_s=10, load_s=20, unload_s=0.2))
    assert error.code == "MODEL_UNLOAD_FAILED"
    assert str(error).startswith("ollama:small could not be unloaded: ")


@pytest.mark.parametrize("model", ["ollama:nothing", "lmstudio:small", ""])
def test_invalid_model_id(tmp_path: Path, model: str) -> None:
    error = refused(tmp_path, lambda stand: stand.manager.chat(model, HELLO))
    assert error.code == "INVALID_MODEL_ID"
    assert str(error).startswith(f"{model!r} is not a model bursar can find: ")


def test_system_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody foresaw, such as a fault in an adapter: it has a code and says what it was."""

    async def load(_provider: OllamaProvider, _description: Description) -> Residency:
        raise ZeroDivisionError("by accident")

    monkeypatch.setattr(OllamaProvider, "load", load)
    error = refused(tmp_path, lambda stand: stand.manager.load_model(stand.model()))
    assert error.code == "SYSTEM_ERROR"
    assert "ZeroDivisionError: by accident" in str(error)


def test_circuit_open(tmp_path: Path) -> None:
    async def act(stand: Stand) -> None:
        await stand.manager.load_model(stand.model())
        stand.world.faults.refusals[CHAT["ollama"]] = Refusal(500, '{"error": "it is out of order"}')
        for _ in range(3):
            assert (await stand.failure(stand.chat())).code == "PROVIDER_UNAVAILABLE"
        asked = len(stand.world.requests)
        try:
            await stand.chat()
        finally:
            assert not any(path == CHAT["ollama"] for _method, path, _body in stand.world.requests[asked:])

    breaker = {"mode": "enforce", "minimum_number_of_calls": 4}
    error = refused(tmp_path, act, breaker=breaker)
    assert error.code == "CIRCUIT_OPEN"
    assert str(error).startswith("ollama is not asked now, its breaker is open: 3 of 4 calls failed.")
    assert 0 < int(str(error.values["retry_after_ms"])) <= 60_000


def test_queue_full(tmp_path: Path) -> None:
    async def act(stand: Stand) -> None:
        stand.world.may_load.clear()
        queued = stand.recorded("RequestQueued")
        first = asyncio.create_task(stand.chat())
        await queued.wait()
        try:
            await stand.chat()
        finally:
            stand.world.may_load.set()
            await first

    error = refused(tmp_path, act, queue={"max_waiting": 1})
    assert error.code == "QUEUE_FULL"
    assert (int(str(error.values["waiting"])), int(str(error.values["limit"]))) == (1, 1)


def test_deadline_exceeded(tmp_path: Path) -> None:
    async def act(stand: Stand) -> None:
        stand.world.may_load.clear()
        await stand.chat(deadline_s=0.1)

    error = refused(tmp_path, act)
    assert error.code == "DEADLINE_EXCEEDED"
    assert "ollama:small" in str(error)


def test_context_too_large(tmp_path: Path) -> None:
    error = refused(tmp_path, lambda stand: stand.manager.chat(stand.model(), TOO_LONG, max_tokens=4))
    assert error.code == "CONTEXT_TOO_LARGE"
    assert "does not fit the window of ollama:small (4096)" in str(error)


def test_provider_unavailable(tmp_path: Path) -> None:
    async def act(stand: Stand) -> None:
        await stand.server.stop()
        await stand.chat()

    error = refused(tmp_path, act)
    assert error.code == "PROVIDER_UNAVAILABLE"
    assert str(error).startswith("ollama is not available: nobody listens at http://127.0.0.1:")


def test_journal_conflict(tmp_path: Path) -> None:
    async def act(stand: Stand) -> None:
        async with bursar.open(tmp_path / "journal.db", providers={}):
            pass

    error = refused(tmp_path, act)
    assert error.code == "JOURNAL_CONFLICT"
    assert "stop it, or read the journal without owning it" in str(error)


def test_journal_corrupt(tmp_path: Path) -> None:
    async def nothing(_stand: Stand) -> None:
        """Come and go."""

    running(tmp_path, nothing)
    # With what can be made anew, opening reads nothing that old.
    shutil.rmtree(tmp_path / "journal.db.views")
    content = (tmp_path / "journal.db").read_bytes()
    (tmp_path / "journal.db").write_bytes(content.replace(b'"reachable":true', b'"reachable":tr!e', 1))

    async def again() -> None:
        async with bursar.open(tmp_path / "journal.db", providers={}):
            pass

    with pytest.raises(BursarError) as caught:
        asyncio.run(again())
    assert caught.value.code == "JOURNAL_CORRUPT"
    assert "is damaged at position " in str(caught.value)


def test_settings_invalid(tmp_path: Path) -> None:
    async def act(stand: Stand) -> None:
        await stand.manager.configure(limits={"max_models_loaded": "many"})

    error = refused(tmp_path, act)
    assert error.code == "SETTINGS_INVALID"
    assert "limits.max_models_loaded" in str(error)
    assert "many" in str(error)


def test_what_was_heard_is_on_record(tmp_path: Path) -> None:
    """The code that the caller heard is that of the journal, where `why` finds it."""
    error = refused(tmp_path, lambda stand: stand.chat("large"), limits={"memory": "2 GiB"})
    with Reader(tmp_path / "journal.db") as reader:
        (rejected,) = reader.read(types=["RequestRejected"])
    assert getattr(to_event(rejected).body, "code", "") == error.code
