"""The manager without `await`."""

from pathlib import Path

import pytest

import bursar

from .support import HELLO, make_models


def _settings(folder: Path) -> bursar.Settings:
    return bursar.Settings(
        providers={"discover": False, "llama": {"folder": str(folder), "context_tokens": 1024}}
    )


def test_a_script_loads_chats_leases_and_asks_why(tmp_path: Path) -> None:
    folder = make_models(tmp_path / "models", "a")
    with bursar.open_sync(tmp_path / "journal.db", _settings(folder)) as manager:
        manager.load_model("llama:a")
        assert manager.chat("llama:a", HELLO, max_tokens=4, temperature=0).completion_tokens == 4
        with manager.lease("llama:a") as lease:
            assert lease.model == "llama:a"
        assert manager.why("llama:a").chain
        assert [row.model for row in manager.models()] == ["llama:a"]
        assert manager.catalogue() == ("llama:a",)
        assert manager.resource_metrics().models.loads == 1
        manager.unload_model("llama:a")


def test_a_stream_is_an_iterator(tmp_path: Path) -> None:
    folder = make_models(tmp_path / "models", "a")
    with bursar.open_sync(tmp_path / "journal.db", _settings(folder)) as manager:
        chunks = list(manager.chat("llama:a", HELLO, stream=True, max_tokens=4, temperature=0))
        assert chunks[-1].completion_tokens == 4


def test_an_error_inside_a_lease_is_the_callers_and_ends_it(tmp_path: Path) -> None:
    folder = make_models(tmp_path / "models", "a")
    with bursar.open_sync(tmp_path / "journal.db", _settings(folder)) as manager:
        with pytest.raises(ZeroDivisionError), manager.lease("llama:a"):
            raise ZeroDivisionError
        assert manager.resource_metrics().system.running == 0


def test_errors_come_through(tmp_path: Path) -> None:
    folder = make_models(tmp_path / "models", "a")
    with (
        bursar.open_sync(tmp_path / "journal.db", _settings(folder)) as manager,
        pytest.raises(bursar.InvalidModelId),
    ):
        manager.load_model("llama:nobody")
