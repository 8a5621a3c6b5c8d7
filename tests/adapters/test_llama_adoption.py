"""Children outlive their manager: they are adopted by the next one, or end."""

import os
import signal
import stat
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

import bursar
from bursar.adapters.providers.llama import LlamaProvider
from bursar.adapters.providers.llama.records import Record, Records
from bursar.domain.errors import ProviderUnavailable

from .llama_world import PATIENCE_S, within_patience, world

MANAGER = """
import asyncio, sys
from pathlib import Path
from bursar.adapters.providers.llama import LlamaProvider

async def main(models, run, grace_s):
    provider = LlamaProvider(Path(models), Path(run), orphan_grace_s=float(grace_s))
    await provider.start(lambda model, cause: None)
    residency = await provider.load(await provider.describe("tiny"))
    print(residency.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(main(*sys.argv[1:]))
"""


def test_children_and_their_files_are_private_and_away_from_the_terminal(
    models: Path, run_folder: Path
) -> None:
    async def test() -> None:
        async with world(LlamaProvider(models, run_folder)) as here:
            residency = await here.load("tiny")
            assert residency.pid is not None
            assert os.getsid(residency.pid) == residency.pid
            assert stat.S_IMODE(run_folder.stat().st_mode) == 0o700
            names = sorted(path.suffix for path in run_folder.iterdir())
            assert names == [".json", ".sock"]
            assert {stat.S_IMODE(path.stat().st_mode) for path in run_folder.iterdir()} == {0o600}

    within_patience(test)


def test_a_manager_that_was_killed_leaves_its_model_to_the_next_one(models: Path, run_folder: Path) -> None:
    pid = manager_that_dies(models, run_folder, grace_s=PATIENCE_S)

    async def test() -> None:
        async with world(LlamaProvider(models, run_folder)) as here:
            (adopted,) = await here.provider.resident()
            assert (adopted.model, adopted.pid, adopted.slots) == ("tiny", pid, 2)
            assert adopted.memory["ram"] > 10 << 20
            assert (await here.ask("tiny"))[-1].done
            assert (await here.load("tiny")).pid == pid
            await here.provider.unload("tiny")
            assert is_gone(pid)
            assert list(run_folder.iterdir()) == []
            assert here.lost.empty()

    within_patience(test)


def test_an_adopted_child_that_is_killed_is_reported_as_gone(models: Path, run_folder: Path) -> None:
    pid = manager_that_dies(models, run_folder, grace_s=PATIENCE_S)

    async def test() -> None:
        async with world(LlamaProvider(models, run_folder)) as here:
            os.kill(pid, signal.SIGKILL)
            assert await here.lost.get() == ("tiny", f"process {pid} is gone")
            assert await here.provider.resident() == ()
            assert list(run_folder.iterdir()) == []

    within_patience(test)


def test_an_orphan_that_nobody_adopts_ends_by_itself(models: Path, run_folder: Path) -> None:
    assert is_gone(manager_that_dies(models, run_folder, grace_s=0.3))
    assert list(run_folder.iterdir()) == []


def test_closing_leaves_the_models_to_the_next_provider(models: Path, run_folder: Path) -> None:
    async def test() -> None:
        first = LlamaProvider(models, run_folder)
        await first.start(lambda model, cause: None)
        pid = (await first.load(await first.describe("tiny"))).pid
        await first.close()
        assert await first.resident() == ()
        async with world(LlamaProvider(models, run_folder)) as here:
            assert [residency.pid for residency in await here.provider.resident()] == [pid]
            assert (await here.ask("tiny"))[-1].done

    within_patience(test)


def test_a_child_serves_one_manager_at_a_time(models: Path, run_folder: Path) -> None:
    async def test() -> None:
        async with (
            world(LlamaProvider(models, run_folder)) as here,
            world(LlamaProvider(models, run_folder)) as there,
        ):
            residency = await here.load("tiny")
            failure = await there.failure(there.load("tiny"))
            assert str(failure).endswith(f"process {residency.pid} serves another manager")
            assert (await here.ask("tiny"))[-1].done
            assert here.lost.empty()

    within_patience(test)


def test_files_that_lead_nowhere_are_cleared_away(models: Path, run_folder: Path) -> None:
    pid = manager_that_dies(models, run_folder, grace_s=PATIENCE_S)
    os.kill(pid, signal.SIGKILL)
    assert is_gone(pid)
    (run_folder / "0123456789abcdef.json").write_text("{")
    assert len(list(run_folder.iterdir())) == 3

    async def test() -> None:
        async with world(LlamaProvider(models, run_folder)) as here:
            assert await here.provider.resident() == ()
            assert list(run_folder.iterdir()) == []

    within_patience(test)


def test_a_child_that_was_loading_for_a_manager_that_died_is_ended(models: Path, run_folder: Path) -> None:
    pid = manager_that_dies(models, run_folder, grace_s=PATIENCE_S)
    records = Records(run_folder)
    (record,) = records.all()
    records.write(record.model_copy(update={"port": None}))

    async def test() -> None:
        async with world(LlamaProvider(models, run_folder)) as here:
            assert is_gone(pid)
            assert await here.provider.resident() == ()
            assert list(run_folder.iterdir()) == []

    within_patience(test)


def test_a_process_that_has_the_pid_of_a_child_by_chance_is_left_alone(
    models: Path, run_folder: Path
) -> None:
    async def test() -> None:
        records = Records(run_folder)
        records.prepare()
        socket = str(records.socket("tiny"))
        by_chance = Record(
            model="tiny", digest="", pid=os.getpid(), started_ms=1, socket=socket, slots=1, context_tokens=1
        )
        records.write(by_chance)
        async with world(LlamaProvider(models, run_folder)) as here:
            assert await here.provider.resident() == ()
            assert list(run_folder.iterdir()) == []

    within_patience(test)


def test_a_path_too_long_for_a_socket_has_its_socket_elsewhere(models: Path, tmp_path: Path) -> None:
    async def test() -> None:
        run_folder = tmp_path / ("long" * 20) / ("longer" * 10)
        async with world(LlamaProvider(models, run_folder)) as here:
            await here.load("tiny")
            assert [path.suffix for path in run_folder.iterdir()] == [".json"]
            await here.provider.close()
        async with world(LlamaProvider(models, run_folder)) as here:
            assert [residency.model for residency in await here.provider.resident()] == ["tiny"]

    within_patience(test)


def test_a_run_folder_that_others_can_write_to_is_refused(models: Path, run_folder: Path) -> None:
    async def test() -> None:
        run_folder.mkdir()
        run_folder.chmod(0o777)
        with pytest.raises(ProviderUnavailable, match="only its owner"):
            await LlamaProvider(models, run_folder).start(lambda model, cause: None)

    within_patience(test)


def is_gone(pid: int) -> bool:
    """Wait for a process that may not be ours to end."""
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        _, alive = psutil.wait_procs([process], timeout=PATIENCE_S)
        return not alive or process.status() == psutil.STATUS_ZOMBIE
    return True


def manager_that_dies(models: Path, run_folder: Path, grace_s: float) -> int:
    """A manager that has loaded `tiny` and is killed by the system; the pid of its child."""
    package = str(Path(bursar.__file__).parents[1])
    process = subprocess.Popen(
        [sys.executable, "-c", MANAGER, str(models), str(run_folder), str(grace_s)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": package},
    )
    with process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        process.kill()
    return child
