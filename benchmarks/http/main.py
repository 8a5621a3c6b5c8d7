"""Runs the clients in turns, and prints what a request took of this process and of the clock."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import NamedTuple

from ..journal.figures import Others
from .clients import CLIENTS, Client
from .server import CHUNKS

CONCURRENT = (1, 10, 50)
_WARM_UP = 3
#: At most so much of the processor time of httpx; a stream's is mostly that of its hundred reads.
_GOALS = {"whole": 0.2, "stream": 0.4}


class Sizes(NamedTuple):
    """How much of everything."""

    rounds: int
    whole: int
    streams: int


FULL = Sizes(5, 1500, 150)
QUICK = Sizes(3, 300, 100)


class Cost(NamedTuple):
    """Of one request."""

    #: Processor time of this process, in microseconds.
    cpu_us: float
    #: Of the clock: the whole turn by its requests.
    wall_us: float


class Row(NamedTuple):
    """A kind of request, so many at a time, by one client: medians over the rounds."""

    kind: str
    concurrent: int
    client: str
    cpu_us: float
    per_s: float
    #: Processor time beside that of httpx, the median of the rounds' ratios.
    of_httpx: float


def main(*, quick: bool, as_json: bool) -> None:
    """Measure, and print the table or the JSON."""
    others = Others()
    with serving() as url:
        rows = asyncio.run(measure(url, QUICK if quick else FULL))
    share = others.share()
    if as_json:
        print(json.dumps({"rows": [row._asdict() for row in rows], "others": share}, indent=2))
    else:
        print(table(rows, share))


@contextmanager
def serving() -> Generator[str, None, None]:
    """The server, in a process of its own."""
    command = [sys.executable, str(Path(__file__).with_name("server.py"))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()


async def measure(url: str, sizes: Sizes) -> list[Row]:
    """Everything."""
    rows: list[Row] = []
    for kind, count in (("whole", sizes.whole), ("stream", sizes.streams)):
        for concurrent in CONCURRENT:
            costs: dict[str, list[Cost]] = {name: [] for name in CLIENTS}
            for _ in range(sizes.rounds):
                for name in CLIENTS:
                    costs[name].append(await _turn(url, name, kind, count, concurrent))
            rows += [_row(kind, concurrent, name, costs) for name in CLIENTS]
    return rows


def table(rows: list[Row], others: float) -> str:
    """The rows for people."""
    lines = [f"{'':<8}{'at once':>8}  {'client':<18}{'CPU µs':>9}{'per s':>9}{'CPU of httpx':>14}"]
    for kind, concurrent, client, cpu_us, per_s, of_httpx in rows:
        lines.append(f"{kind:<8}{concurrent:>8}  {client:<18}{cpu_us:>9.0f}{per_s:>9,.0f}{of_httpx:>14.2f}")
    for kind, goal in _GOALS.items():
        worst = max(row.of_httpx for row in rows if (row.kind, row.client) == (kind, "bursar"))
        met = "met" if worst <= goal else "not met"
        lines.append(f"goal, {kind}: at most {goal} of the processor time of httpx, however many: {met}")
    lines.append(
        f"a stream has {CHUNKS} events; other programs took {others:.0%} of the processors meanwhile"
    )
    return "\n".join(lines)


async def _turn(url: str, name: str, kind: str, count: int, concurrent: int) -> Cost:
    async with CLIENTS[name](url) as client:
        ask = _checked(client, kind)
        # With no more connections than are needed: httpx looks at all that it has before each request.
        await asyncio.gather(*(_repeat(ask, _WARM_UP) for _ in range(concurrent)))
        cpu, wall = process_time(), perf_counter()
        await asyncio.gather(*(_repeat(ask, count // concurrent) for _ in range(concurrent)))
        done = count // concurrent * concurrent
        return Cost((process_time() - cpu) / done * 1e6, (perf_counter() - wall) / done * 1e6)


def _checked(client: Client, kind: str) -> Callable[[], Awaitable[None]]:
    async def whole() -> None:
        assert await client.whole() > 500

    async def stream() -> None:
        assert await client.stream() == CHUNKS

    return whole if kind == "whole" else stream


async def _repeat(ask: Callable[[], Awaitable[None]], count: int) -> None:
    for _ in range(count):
        await ask()


def _row(kind: str, concurrent: int, name: str, costs: dict[str, list[Cost]]) -> Row:
    mine = costs[name]
    pairs = zip(mine, costs["httpx"], strict=True)
    return Row(
        kind,
        concurrent,
        name,
        median(cost.cpu_us for cost in mine),
        1e6 / median(cost.wall_us for cost in mine),
        median(cost.cpu_us / other.cpu_us for cost, other in pairs),
    )
