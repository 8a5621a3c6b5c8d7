"""What is left when somebody is killed: a clear error, a true journal, nothing that runs on for ever."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

import bursar
from bursar.domain.models.events import ModelLost
from bursar.domain.models.machine import ModelState
from bursar.testing.gguf import write_model

from .support import HELLO, history, make_models, names, opened, run

#: Loads two models, begins to chat with one, says what has been committed, and waits to be killed.
DOOMED = """
import asyncio, sys
from pathlib import Path
import bursar
sys.path.insert(0, sys.argv[2])
from tests.manager.support import HELLO, opened

async def main() -> None:
    async with opened(Path(sys.argv[1])) as manager:
        await manager.load_model("llama:a")
        await manager.load_model("llama:b")
        stream = await manager.chat("llama:a", HELLO, stream=True, max_tokens=900, temperature=0)
        await anext(stream)
        last = manager.state.position
        async for event in manager.events():
            if event.position == last:
                break
        print(last, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""

ROOT = Path(__file__).parents[2]


def _child_of(folder: Path, model: str) -> psutil.Process:
    """The process that holds a model of this journal, by the file it was given."""
    wanted = f"{folder / 'models' / model}.gguf"
    for process in psutil.process_iter(["cmdline"]):
        if any(wanted in argument for argument in process.info["cmdline"] or ()):
            return process
    raise AssertionError(f"no process holds {wanted}")


def test_a_model_killed_while_it_answers_fails_the_request_and_is_loaded_again(tmp_path: Path) -> None:
    # Large enough to be at it for seconds, and without chance, so that it does not happen to stop early.
    write_model(tmp_path / "models" / "a.gguf", embedding=512)

    async def work() -> None:
        async with opened(tmp_path) as manager:
            await manager.load_model("llama:a")
            child = _child_of(tmp_path, "a")
            stream = await manager.chat("llama:a", HELLO, stream=True, max_tokens=900, temperature=0)
            await anext(stream)
            os.kill(child.pid, signal.SIGKILL)
            with pytest.raises(bursar.ModelVanished, match=r"llama:a.*killed by signal 9"):
                async for _ in stream:
                    pass
            answer = await manager.chat("llama:a", HELLO, max_tokens=4, temperature=0)
            assert answer.completion_tokens == 4
            assert "killed by signal 9" in str(manager.why(_position_of_loss(tmp_path)))

    run(work)
    recorded = history(tmp_path)
    assert names(recorded, "model/llama:a")[:5] == [
        "ModelLoadStarted",
        "ModelLoaded",
        "ModelLost",
        "ModelWrittenOff",
        "ModelLoadStarted",
    ]
    ends = [event.body.name for event in recorded if event.body.name in ("LeaseRevoked", "RequestFinished")]
    assert ends == ["RequestFinished", "LeaseRevoked", "RequestFinished"]


def _position_of_loss(folder: Path) -> int:
    return next(event.position for event in history(folder) if isinstance(event.body, ModelLost))


def test_a_killed_manager_loses_nothing_acknowledged_and_its_models_are_adopted(tmp_path: Path) -> None:
    make_models(tmp_path / "models", "a", "b")
    doomed = subprocess.Popen(
        [sys.executable, "-c", DOOMED, tmp_path, ROOT], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert doomed.stdout is not None
    with doomed, doomed.stdout:
        acknowledged = int(doomed.stdout.readline())
        orphans = {name: _child_of(tmp_path, name).pid for name in ("a", "b")}
        doomed.kill()
    assert [event.position for event in history(tmp_path)][:acknowledged] == list(range(1, acknowledged + 1))

    async def work() -> None:
        async with opened(tmp_path) as manager:
            assert manager.state.totals.aborted == 1
            for name, pid in orphans.items():
                assert manager.state.models[f"llama:{name}"].state is ModelState.READY
                assert _child_of(tmp_path, name).pid == pid
            answer = await manager.chat("llama:a", HELLO, max_tokens=4, temperature=0)
            assert answer.completion_tokens == 4
            assert manager.state.totals.loads == 2

    run(work)
    assert not any(psutil.pid_exists(pid) for pid in orphans.values())


def test_orphans_that_are_gone_are_written_off(tmp_path: Path) -> None:
    make_models(tmp_path / "models", "a", "b")
    doomed = subprocess.Popen(
        [sys.executable, "-c", DOOMED, tmp_path, ROOT], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert doomed.stdout is not None
    with doomed, doomed.stdout:
        doomed.stdout.readline()
        orphan = _child_of(tmp_path, "b")
        doomed.kill()
    orphan.kill()
    orphan.wait()

    async def work() -> None:
        async with opened(tmp_path) as manager:
            assert manager.state.models["llama:a"].state is ModelState.READY
            assert manager.state.models["llama:b"].state is ModelState.ABSENT
            await manager.load_model("llama:b")

    run(work)
    assert "ModelLost" in names(history(tmp_path), "model/llama:b")


def test_a_second_manager_is_refused_and_told_who_owns_the_journal(tmp_path: Path) -> None:
    make_models(tmp_path / "models", "a")
    second = f"""
import asyncio, sys
sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
from tests.manager.support import opened
async def main():
    async with opened(Path({str(tmp_path)!r})):
        pass
asyncio.run(main())
"""

    async def work() -> None:
        async with opened(tmp_path):
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", second, stderr=asyncio.subprocess.PIPE
            )
            _, error = await process.communicate()
            assert process.returncode == 1
            assert (
                f"JournalConflict: {tmp_path}/journal.db is owned by process {os.getpid()}" in error.decode()
            )

    run(work)


def test_a_model_that_cannot_be_loaded_leaves_nothing_running(tmp_path: Path) -> None:
    folder = make_models(tmp_path / "models", "a")
    whole = (folder / "a.gguf").read_bytes()
    (folder / "half.gguf").write_bytes(whole[: len(whole) // 2])

    async def work() -> None:
        async with opened(tmp_path) as manager:
            with pytest.raises(bursar.ModelLoadFailed):
                await manager.load_model("llama:half")
            assert psutil.Process().children() == []

    run(work)
