"""Contexts on real engines: llama.cpp in a process of ours, and a server over HTTP."""

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import bursar
from bursar.domain.contexts.machine import ContextState

from ...manager.support import make_models, opened
from ...phases.stand import Stand, running
from .support import Talker, bodies, dialogue, history, run, talking, user

ROOT = Path(__file__).parents[3]

#: Has a summary made by a model that never comes to an end, says so, and waits to be killed.
DOOMED = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from tests.contexts.manager.support import Talker, dialogue, talking

async def main() -> None:
    talker = Talker(window=8192)
    async with talking(Path(sys.argv[1]), talker) as manager:
        handle = await manager.open_context("talk", model="sim:a")
        await handle.chat("Hello")
        await manager.add_messages("talk", dialogue(40))
        talker.pause = asyncio.Event()
        asyncio.ensure_future(handle.compress(method="model"))
        await talker.half.wait()
        print("now", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


def test_a_conversation_with_llama_cpp_stays_within_its_window(tmp_path: Path) -> None:
    make_models(tmp_path / "models", "a")
    before: list[bursar.Message] = []

    async def work() -> None:
        async with opened(tmp_path) as manager:
            handle = await manager.open_context("talk", model="llama:a", reserve_tokens=64)
            assert handle.limit_tokens == 1024 - 64
            for number in range(12):
                await manager.add_messages("talk", dialogue(number + 3)[-4:])
                answer = await handle.chat(f"What about {number}?", max_tokens=8, temperature=0)
                assert answer.prompt_tokens is not None
                assert answer.prompt_tokens <= 1024 - 8
            before.extend(await handle.messages())
        async with opened(tmp_path) as manager:
            assert await manager.messages("talk") == before

    run(work)
    assert bodies(tmp_path, "ContextCompressed")


def test_a_conversation_over_http_with_several_agents_at_once(tmp_path: Path) -> None:
    async def test(stand: Stand) -> None:
        async def talk(number: int) -> None:
            handle = await stand.manager.open_context(
                f"talk {number}", model=stand.model(), agent=f"a{number}"
            )
            for turn in range(3):
                await handle.chat(f"turn {turn}", max_tokens=4)
            assert [message.role for message in await handle.messages()] == ["user", "assistant"] * 3

        await asyncio.gather(*map(talk, range(10)))
        assert len(stand.manager.contexts()) == 10

    running(tmp_path, test)


def test_a_manager_killed_while_a_summary_is_made_leaves_a_whole_context(tmp_path: Path) -> None:
    doomed = subprocess.Popen(
        [sys.executable, "-c", DOOMED, tmp_path, ROOT], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert doomed.stdout is not None
    with doomed, doomed.stdout:
        assert doomed.stdout.readline() == "now\n"
        doomed.kill()
    assert doomed.returncode == -signal.SIGKILL

    async def work() -> None:
        async with talking(tmp_path, Talker(window=8192)) as manager:
            handle = await manager.open_context("talk")
            assert handle.state is ContextState.ACTIVE
            assert (await handle.messages())[2:] == dialogue(40)
            await handle.add(user("Go on."))
            assert (await handle.compress()).removed_messages > 60

    run(work)
    history(tmp_path)


def test_a_script_without_await_has_the_same(tmp_path: Path) -> None:
    make_models(tmp_path / "models", "a")
    llama = {"folder": str(tmp_path / "models"), "context_tokens": 1024}
    settings = bursar.Settings(providers={"discover": False, "llama": llama})
    with bursar.open_sync(tmp_path / "journal.db", settings) as manager:
        manager.open_context("talk", model="llama:a", reserve_tokens=100)
        assert manager.add_message("talk", {"role": "user", "content": "Hello"}) == 0
        answer = manager.chat_in("talk", "Hello again", max_tokens=4)
        assert isinstance(answer, bursar.Answer)
        chunks = list(manager.chat_in("talk", stream=True, max_tokens=4))
        assert len(chunks) > 1
        assert [message.role for message in manager.messages("talk")] == [
            "user",
            "user",
            "assistant",
            "assistant",
        ]
        assert manager.contexts()[0].messages == 4
        assert not manager.should_throttle("")
        manager.forget_context("talk")
        assert manager.contexts() == []
