"""The real world is out of a simulated loop's reach."""

import asyncio
import contextlib
import threading

import pytest

from bursar.testing.simloop import RealIO, SimLoop, run

HOUR_S = 3600.0


@pytest.mark.parametrize("attempt", ["connection", "server", "name", "subprocess", "socket", "thread"])
def test_the_real_world_is_out_of_reach(attempt: str) -> None:
    async def main(loop: SimLoop) -> None:
        match attempt:
            case "connection":
                await asyncio.open_connection("127.0.0.1", 11434)
            case "server":
                await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
            case "name":
                await loop.getaddrinfo("localhost", 80)
            case "subprocess":
                await asyncio.create_subprocess_exec("true")
            case "socket":
                loop.add_reader(0, print)
            case _:
                raised: list[BaseException] = []
                thread = threading.Thread(target=call_into, args=(loop, raised))
                thread.start()
                thread.join()
                raise raised[0]

    def call_into(loop: SimLoop, raised: list[BaseException]) -> None:
        try:
            loop.call_soon_threadsafe(print)
        except RealIO as error:
            raised.append(error)

    with pytest.raises(RealIO):
        run(main, seed=1)


def test_real_io_is_not_taken_for_a_failure_of_a_provider() -> None:
    async def main(loop: SimLoop) -> None:
        with contextlib.suppress(Exception):
            await loop.getaddrinfo("localhost", 80)

    with pytest.raises(RealIO):
        run(main, seed=1)


def test_work_for_a_thread_is_done_inline_and_its_outcome_arrives_later() -> None:
    def work(number: int) -> int:
        assert threading.current_thread() is threading.main_thread()
        if number < 0:
            raise ValueError("negative")
        return number + 1

    async def main(loop: SimLoop) -> tuple[int, float]:
        with pytest.raises(ValueError, match="negative"):
            await asyncio.to_thread(work, -1)
        abandoned = loop.run_in_executor(None, work, 1)
        abandoned.cancel()
        return await asyncio.to_thread(work, 41), loop.time()

    answers = {run(main, seed=seed) for seed in range(5)}
    assert {answer for answer, _ in answers} == {42}
    assert len({when_s for _, when_s in answers}) == 5
    assert min(when_s for _, when_s in answers) > 0
