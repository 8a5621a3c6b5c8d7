"""Processes of the simulated loop: what they own, and how they die."""

import asyncio
import contextlib
import gc
import random
import weakref
from collections.abc import AsyncGenerator, AsyncIterator, Generator

import pytest

from bursar.testing.simloop import Deadlock, Process, SimLoop, current_process, run

HOUR_S = 3600.0


class Diary:
    """Code that writes at every turn of its life, so that a line written after death is seen."""

    def __init__(self, loop: SimLoop) -> None:
        self.loop = loop
        self.lines: list[str] = []
        self.inbox: asyncio.Queue[int] = asyncio.Queue()
        self.posted = loop.create_future()

    async def live(self) -> None:
        loop = self.loop
        loop.call_later(0.02, self.write, "timer")
        self.posted.add_done_callback(lambda _: self.write("callback"))
        try:
            with self.opened("with"):
                async with self.entered("async with"), asyncio.TaskGroup() as group:
                    group.create_task(self.read_letters())
                    group.create_task(self.listen())
                    group.create_task(self.work_in_thread())
                    group.create_task(self.wait_for_post())
        except BaseException:
            self.write("except")
            raise
        finally:
            self.write("finally")

    async def read_letters(self) -> None:
        try:
            while True:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.01):
                        self.write(f"letter {await self.inbox.get()}")
        finally:
            self.write("letters finally")

    async def wait_for_post(self) -> None:
        await asyncio.shield(self.posted)
        self.write("post")

    async def listen(self) -> None:
        async for tick in self.ticks():
            self.write(f"tick {tick}")

    async def ticks(self) -> AsyncIterator[int]:
        try:
            for tick in range(1_000_000):
                yield tick
                await asyncio.sleep(0.003)
        finally:
            self.write("ticks finally")

    async def work_in_thread(self) -> None:
        while True:
            await asyncio.to_thread(self.write, "thread")

    @contextlib.contextmanager
    def opened(self, name: str) -> Generator[None]:
        try:
            yield
        finally:
            self.write(name)

    @contextlib.asynccontextmanager
    async def entered(self, name: str) -> AsyncGenerator[None]:
        try:
            yield
        finally:
            self.write(name)

    def write(self, line: str) -> None:
        self.lines.append(line)


@pytest.mark.parametrize("seed", range(25))
def test_a_killed_process_runs_no_further_line_and_others_go_on(seed: int) -> None:
    async def main(loop: SimLoop) -> tuple[Diary, list[str], Diary]:
        victim, survivor = Diary(loop), Diary(loop)
        process, other = loop.spawn(victim.live(), name="victim"), loop.spawn(survivor.live())
        await asyncio.sleep(random.Random(seed).random() * 0.04)
        process.kill()
        process.kill()
        last_lines, at_that_time = list(victim.lines), len(survivor.lines)
        for diary in (victim, survivor):
            diary.inbox.put_nowait(1)
            diary.posted.set_result(None)
        process.task.cancel()
        gc.collect()
        await asyncio.sleep(0.5)
        assert {"letter 1", "post", "callback"} <= set(survivor.lines[at_that_time:])
        assert (process.alive, other.alive) == (False, True)
        assert process.task not in asyncio.all_tasks()
        return victim, last_lines, survivor

    victim, last_lines, survivor = run(main, seed=seed)
    gc.collect()
    assert victim.lines == last_lines
    assert survivor.lines[-1] == "finally"


def test_the_dead_stay_silent_when_the_run_fails() -> None:
    diaries: list[Diary] = []

    async def main(loop: SimLoop) -> None:
        diaries.append(Diary(loop))
        process = loop.spawn(diaries[0].live(), name="victim")
        await asyncio.sleep(0.01)
        process.kill()
        await process.task

    with pytest.raises(Deadlock) as caught:
        run(main, seed=1)
    assert [waiting.split()[0] for waiting in caught.value.waiting] == ["Task-1"]
    gc.collect()
    assert {"finally", "except"}.isdisjoint(diaries[0].lines)


@pytest.mark.parametrize("place", ["cycle", "callback", "timer", "generator", "result"])
def test_what_only_the_dead_held_is_not_finalised_when_it_is_dropped(place: str) -> None:
    lines: list[str] = []
    shared: list[object] = []

    def generate() -> Generator[None]:
        try:
            yield
        finally:
            lines.append("finally")

    async def generate_slowly() -> AsyncGenerator[None]:
        try:
            yield
        finally:
            lines.append("finally")

    async def wait(future: asyncio.Future[None]) -> None:
        try:
            await future
        finally:
            lines.append("finally")

    async def leave(loop: SimLoop, promise: asyncio.Future[None]) -> None:
        match place:
            case "cycle":
                await wait(loop.create_future())
            case "generator":
                slow = generate_slowly()
                await anext(slow)
                shared.append(slow)
            case "result":
                await wait(promise)
            case _:
                generator = generate()
                next(generator)
                if place == "timer":
                    loop.call_later(1, next, generator)
                else:
                    promise.add_done_callback(lambda _: next(generator))

    async def main(loop: SimLoop) -> None:
        promise = loop.create_future()
        process = loop.spawn(leave(loop, promise))
        await asyncio.sleep(0.1)
        process.kill()
        del process
        shared.clear()
        promise.set_result(None)
        del promise
        gc.collect()
        await asyncio.sleep(5)
        gc.collect()

    run(main, seed=1)
    gc.collect()
    assert lines == []


@pytest.mark.parametrize("fails", [False, True])
def test_what_a_run_leaves_is_freed_by_the_next_without_a_word(fails: bool) -> None:
    class Belongings:
        pass

    left: list[weakref.ref[Belongings]] = []
    lines: list[str] = []

    async def hoard(mine: Belongings) -> None:
        try:
            await asyncio.sleep(HOUR_S)
        finally:
            lines.append(str(mine))

    async def main(loop: SimLoop) -> None:
        belongings = Belongings()
        left.append(weakref.ref(belongings))
        process = loop.spawn(hoard(belongings))
        await asyncio.sleep(1)
        process.kill()
        if fails:
            raise LookupError

    for _ in range(3):
        with contextlib.suppress(LookupError):
            run(main, seed=1)
    assert [belongings() for belongings in left[:2]] == [None, None]
    assert lines == []


def test_a_generator_begun_before_the_run_is_not_taken_for_one_of_the_dead() -> None:
    lines: list[str] = []

    def generate() -> Generator[None]:
        try:
            yield
        finally:
            lines.append("finally")

    async def main(loop: SimLoop) -> None:
        loop.spawn(asyncio.sleep(1)).kill()

    generator = generate()
    next(generator)
    run(main, seed=1)
    del generator
    assert lines == ["finally"]


def test_a_process_killed_before_its_first_step_does_nothing() -> None:
    async def main(loop: SimLoop) -> list[str]:
        diary = Diary(loop)
        loop.spawn(diary.live()).kill()
        await asyncio.sleep(1)
        return diary.lines

    assert run(main, seed=1) == []


def test_a_process_that_kills_itself_gets_as_far_as_its_next_await() -> None:
    lines: list[str] = []

    async def main(loop: SimLoop) -> None:
        async def jump() -> None:
            process = current_process()
            assert process is not None
            try:
                process.kill()
                lines.append("falling")
                await asyncio.sleep(0)
                lines.append("flying")
            finally:
                lines.append("finally")

        loop.spawn(jump())
        await asyncio.sleep(1)

    run(main, seed=1)
    gc.collect()
    assert lines == ["falling"]


def test_the_last_error_of_a_killed_process_is_its_own_business() -> None:
    async def main(loop: SimLoop) -> None:
        async def fail() -> None:
            process = current_process()
            assert process is not None
            process.kill()
            raise ValueError("nobody hears this")

        loop.spawn(fail())
        await asyncio.sleep(1)

    run(main, seed=1)


def test_a_process_is_that_of_the_code_that_runs_and_one_it_spawns_outlives_it() -> None:
    async def main(loop: SimLoop) -> None:
        seen: list[Process[None] | None] = []
        children: list[Process[str]] = []

        async def look() -> None:
            await asyncio.sleep(0.1)
            seen.append(current_process())

        async def child() -> str:
            await asyncio.sleep(10)
            return "grown up"

        async def parent() -> None:
            children.append(loop.spawn(child()))
            await asyncio.gather(look(), look())
            await asyncio.sleep(HOUR_S)

        process = loop.spawn(parent())
        await look()
        await asyncio.sleep(1)
        process.kill()
        assert sorted(map(str, seen)) == sorted(map(str, [None, process, process]))
        assert await children[0].task == "grown up"

    run(main, seed=1)
