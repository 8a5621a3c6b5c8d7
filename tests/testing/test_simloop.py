"""The simulated loop: what it promises to the simulations that stand on it."""

import asyncio
import contextlib
import gc
import hashlib
import os
import random
import subprocess
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from bursar.testing.simloop import EPOCH_NS, Deadlock, SimLoop, run

HOUR_S = 3600.0


async def busy_world(loop: SimLoop) -> list[str]:
    """Return the trace of a world that uses what asyncio keeps in sets, races, cancellations and a kill."""
    trace: list[str] = []
    queue: asyncio.Queue[int] = asyncio.Queue(maxsize=3)

    def note(what: object) -> None:
        task = asyncio.current_task()
        trace.append(f"{loop.now_ns()} {task.get_name() if task else '-'} {what}")

    async def nap(duration_s: float) -> float:
        try:
            await asyncio.sleep(duration_s)
            note("rested")
        except asyncio.CancelledError:
            note("disturbed")
            raise
        return duration_s

    async def produce() -> None:
        for number in range(10):
            await queue.put(number)
            note(f"put {number}")

    async def consume() -> None:
        while True:
            note(f"got {await queue.get()}")
            await asyncio.to_thread(note, "in a thread")
            queue.task_done()

    async def fail_at(when_s: float) -> None:
        await asyncio.sleep(when_s)
        raise ValueError("planned")

    with contextlib.suppress(ExceptionGroup):
        async with asyncio.TaskGroup() as group:
            for _ in range(12):
                group.create_task(nap(2))
            group.create_task(fail_at(1))
    naps = [asyncio.create_task(nap(1)) for _ in range(12)]
    done, pending = await asyncio.wait(naps, timeout=1.00000005)
    note([task.get_name() for task in done])
    for task in pending:
        task.cancel()
    promises = [loop.create_future() for _ in range(9)]
    for promise in promises:
        loop.call_later(1, promise.set_result, None)
    arrived, _ = await asyncio.wait(promises, return_when=asyncio.FIRST_COMPLETED)
    note([promises.index(promise) for promise in arrived])
    consumers = [loop.spawn(consume()) for _ in range(3)]
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.001):
            await produce()
    consumers[0].kill()
    await asyncio.gather(*(nap(0.5) for _ in range(5)), return_exceptions=True)
    return trace


def digest(seed: int) -> str:
    return hashlib.sha256("\n".join(run(busy_world, seed=seed)).encode()).hexdigest()


# -- time


def test_an_hour_of_sleep_is_an_hour_of_virtual_time() -> None:
    async def main(loop: SimLoop) -> tuple[float, int]:
        assert (loop.time(), loop.now_ns()) == (0.0, 7)
        for _ in range(1_000):
            await asyncio.sleep(HOUR_S)
        return loop.time(), loop.now_ns()

    elapsed_s, now_ns = run(main, seed=1, start_ns=7)
    assert elapsed_s == pytest.approx(1_000 * HOUR_S)
    assert now_ns - 7 == round(elapsed_s * 10**9)


def test_virtual_time_begins_at_a_fixed_moment_and_the_loop_is_a_clock() -> None:
    async def main(loop: SimLoop) -> int:
        return loop.now()

    assert run(main, seed=1) == EPOCH_NS


def test_no_timer_fires_early_and_timeouts_fire() -> None:
    async def main(loop: SimLoop) -> None:
        draw = random.Random(5)
        for _ in range(500):
            due = loop.time() + draw.random()
            await asyncio.sleep(due - loop.time())
            assert loop.time() >= due
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(HOUR_S):
                await asyncio.sleep(HOUR_S + 1)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.sleep(10), timeout=5)

    run(main, seed=3)


def test_a_cancelled_timer_does_not_move_the_clock() -> None:
    async def main(loop: SimLoop) -> float:
        loop.call_later(HOUR_S, print).cancel()
        await asyncio.sleep(1)
        return loop.time()

    assert run(main, seed=1) == pytest.approx(1, abs=1e-3)


def test_time_passes_while_steps_follow_one_another_without_a_pause() -> None:
    async def main(loop: SimLoop) -> None:
        fired = asyncio.Event()
        loop.call_later(0.001, fired.set)
        while not fired.is_set():
            await asyncio.sleep(0)

    run(main, seed=1)


# -- order


def test_the_same_seed_gives_the_same_run_whatever_ran_before() -> None:
    first = run(busy_world, seed=11)
    litter = [run(busy_world, seed=seed) for seed in range(5)]
    assert run(busy_world, seed=11) == first
    assert len(litter) == 5


def test_other_seeds_give_other_interleavings() -> None:
    async def main(_: SimLoop) -> tuple[int, ...]:
        order: list[int] = []

        async def step(number: int) -> None:
            order.append(number)

        await asyncio.gather(*(step(number) for number in range(4)))
        return tuple(order)

    assert len({run(main, seed=seed) for seed in range(300)}) == 24


def test_equal_deadlines_race() -> None:
    async def main(_: SimLoop) -> str:
        first: list[str] = []

        async def nap(name: str) -> None:
            await asyncio.sleep(1)
            first.append(name)

        await asyncio.gather(nap("a"), nap("b"))
        return first[0]

    async def plain(loop: SimLoop) -> str:
        first: list[str] = []
        loop.call_at(1, first.append, "a")
        loop.call_at(1, first.append, "b")
        await asyncio.sleep(2)
        return first[0]

    assert {run(main, seed=seed) for seed in range(20)} == {"a", "b"}
    assert {run(plain, seed=seed) for seed in range(20)} == {"a", "b"}


def test_plain_callbacks_keep_the_order_in_which_they_were_registered() -> None:
    async def main(loop: SimLoop) -> list[int]:
        called: list[int] = []
        victim = asyncio.create_task(asyncio.sleep(1))
        loop.call_soon(victim.cancel)
        loop.call_soon(lambda: called.append(victim.cancelling()))
        naps = [asyncio.create_task(asyncio.sleep(0)) for _ in range(10)]
        for number in range(2, 10):
            loop.call_soon(called.append, number)
        loop.call_soon_threadsafe(called.append, 10)
        await asyncio.gather(victim, *naps, return_exceptions=True)
        return called

    for seed in range(10):
        assert run(main, seed=seed) == list(range(1, 11))


def test_every_process_repeats_the_run_whatever_its_hash_seed() -> None:
    root = Path(__file__).parents[2]
    children = [
        subprocess.Popen(
            [sys.executable, __file__],
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(root)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for hash_seed in ("0", "1", "4242", "random")
    ]
    printed = {child.communicate()[0].strip() for child in children}
    assert printed == {digest(2026)}


# -- what goes wrong is seen


def test_a_deadlock_names_the_tasks_that_wait_and_unwinds_them() -> None:
    unwound: list[str] = []

    async def main(loop: SimLoop) -> None:
        async def wait_for_godot(name: str) -> None:
            try:
                await loop.create_future()
            finally:
                unwound.append(name)

        async with asyncio.TaskGroup() as group:
            group.create_task(wait_for_godot("vladimir"), name="vladimir")
            group.create_task(wait_for_godot("estragon"), name="estragon")

    with pytest.raises(
        Deadlock, match=r"nothing is left to run at 0\.0.*vladimir \(.*wait_for_godot, line"
    ) as caught:
        run(main, seed=1)
    assert [waiting.split()[0] for waiting in caught.value.waiting] == ["Task-1", "vladimir", "estragon"]
    assert sorted(unwound) == ["estragon", "vladimir"]
    assert "simulated with seed 1" in caught.value.__notes__


def test_a_loop_that_spins_is_stopped() -> None:
    async def main(loop: SimLoop) -> None:
        loop.turns_max = 1_000
        while True:
            await asyncio.sleep(0)

    with pytest.raises(Deadlock, match="the loop spins"):
        run(main, seed=1)


def test_the_exception_of_main_is_raised() -> None:
    async def main(_: SimLoop) -> None:
        await asyncio.sleep(1)
        raise LookupError("lost")

    with pytest.raises(LookupError, match="lost"):
        run(main, seed=1)


def test_an_error_in_a_background_task_is_raised_at_the_end() -> None:
    kept: list[asyncio.Task[None]] = []

    async def violate() -> None:
        raise AssertionError("invariant 9")

    async def main(_: SimLoop) -> None:
        kept.append(asyncio.create_task(violate()))
        await asyncio.sleep(1)

    async def careless(_: SimLoop) -> None:
        asyncio.create_task(violate())  # noqa: RUF006 - dropped on purpose
        await asyncio.sleep(1)

    for world in (main, careless):
        with pytest.raises(ExceptionGroup) as caught:
            run(world, seed=1)
        assert [str(error) for error in caught.value.exceptions] == ["invariant 9"]


def test_a_background_error_is_noted_on_the_error_that_ended_the_run() -> None:
    async def violate() -> None:
        raise AssertionError("invariant 9")

    async def main(loop: SimLoop) -> None:
        loop.call_soon(lambda: 1 // 0)
        task = asyncio.create_task(violate())
        await loop.create_future()
        await task

    with pytest.raises(Deadlock) as caught:
        run(main, seed=1)
    assert [note for note in caught.value.__notes__ if "invariant 9" in note]
    assert [note for note in caught.value.__notes__ if "ZeroDivisionError" in note]


def test_a_task_that_will_not_be_cancelled_is_reported_and_let_go() -> None:
    lines: list[str] = []

    async def stubborn(loop: SimLoop) -> None:
        try:
            while True:
                with contextlib.suppress(asyncio.CancelledError):
                    await loop.create_future()
        finally:
            lines.append("finally")

    async def main(loop: SimLoop) -> None:
        task = asyncio.create_task(stubborn(loop))
        await asyncio.sleep(1)
        assert not task.done()

    with pytest.raises(ExceptionGroup) as caught:
        run(main, seed=1)
    assert [type(error) for error in caught.value.exceptions] == [Deadlock]
    del caught
    gc.collect()
    assert lines == []


def test_what_still_runs_at_the_end_is_cancelled_and_generators_are_closed_by_age() -> None:
    ends: list[str] = []

    async def linger() -> None:
        try:
            await asyncio.sleep(HOUR_S)
        finally:
            ends.append("task")

    async def count(name: str) -> AsyncGenerator[int, None]:
        try:
            yield 1
        finally:
            await asyncio.sleep(1)
            ends.append(name)

    generators = [count("first"), count("second")]

    async def main(_: SimLoop) -> None:
        task = asyncio.create_task(linger())
        for generator in generators:
            await anext(generator)
        dropped = count("dropped")
        await anext(dropped)
        del dropped
        await asyncio.sleep(2)
        assert not task.done()

    run(main, seed=1)
    assert ends == ["dropped", "task", "first", "second"]


def test_the_garbage_collector_sleeps_during_a_run_and_is_left_as_it_was() -> None:
    async def main(_: SimLoop) -> bool:
        return gc.isenabled()

    assert gc.isenabled()
    assert run(main, seed=1) is False
    assert gc.isenabled()
    gc.disable()
    try:
        run(main, seed=1)
        assert not gc.isenabled()
    finally:
        gc.enable()


if __name__ == "__main__":
    sys.stdout.write(digest(2026))
