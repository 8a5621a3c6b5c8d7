"""`./dev crash`: cut the power at many points, kill many processes, and say what became of it."""

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import asdict
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from .kills import Kills, kill_many
from .tally import Failure, Tally
from .worlds import HOPELESS, Tallies, hopeless, once_more, world

#: Runs on each kind of disk that nothing can be done about, to show it.
_HOPELESS_RUNS = 4
_USAGE = "./dev crash [--points N] [--kills N] [--seed S] [--again WHERE] [--json]"


def main() -> None:
    """Do what was asked for; exit with 1 when something was not as it must be."""
    parser = argparse.ArgumentParser(prog="./dev crash", description=__doc__, usage=_USAGE)
    parser.add_argument(
        "--points", type=int, metavar="N", help="crash points, at least (20,000 unless --kills)"
    )
    parser.add_argument("--kills", type=int, default=0, metavar="N", help="SIGKILLs of a real process (0)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="another one, other points (0)")
    parser.add_argument("--again", metavar="WHERE", help="the point that a failure named: 0/12:345")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes (one for each core)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args()
    if options.again is not None:
        _repeat(parser, options.again)
    points = options.points if options.points is not None else (0 if options.kills else 20_000)
    started = time.monotonic()
    modes = _points(points, options.seed, options.jobs) if points else {}
    seconds = time.monotonic() - started
    kills = _kills(options.kills, options.seed) if options.kills else None
    if options.json:
        _print([_as_json(options.seed, seconds, modes, kills)])
    else:
        _print(_lines(options.seed, seconds, modes, kills))
    sys.exit(1 if _failures(modes) or (kills is not None and kills.violations) else 0)


def _points(wanted: int, seed: int, jobs: int) -> Tallies:
    """Run worlds until so many points are done, then some on hopeless disks."""
    modes: Tallies = {}
    started = time.monotonic()
    with ProcessPoolExecutor(jobs, initializer=_deaf) as pool:
        numbers = count()
        running = {pool.submit(world, seed, next(numbers)) for _ in range(2 * jobs)}
        try:
            while _count(modes) < wanted:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                _add(modes, done)
                running |= {pool.submit(world, seed, next(numbers)) for _ in done}
                _progress(modes, wanted, started)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
    with ProcessPoolExecutor(jobs, initializer=_deaf) as pool:
        _add(
            modes,
            {
                pool.submit(hopeless, mode, seed, n, _every_third)
                for mode in HOPELESS
                for n in range(_HOPELESS_RUNS)
            },
        )
    _show("")
    return modes


def _every_third(point: int) -> bool:
    return point % 3 == 0


def _deaf() -> None:
    """Ctrl-C is for the process that was started; the others end with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _add(modes: Tallies, done: "set[Future[Tallies]]") -> None:
    for future in done:
        for mode, tally in future.result().items():
            modes.setdefault(mode, Tally()).add(tally)


def _kills(wanted: int, seed: int) -> Kills:
    with TemporaryDirectory(prefix="bursar-kills-") as folder:
        kills = kill_many(
            Path(folder) / "journal.db", wanted, seed, lambda done: _show(f"{done:,} of {wanted:,} kills")
        )
    _show("")
    return kills


def _repeat(parser: argparse.ArgumentParser, where: str) -> None:
    """Run one point again, and exit."""
    name, _, point = where.rpartition(":")
    try:
        failures = once_more(name, int(point))
    except ValueError:
        parser.error(f"--again wants what a failure names, as in 0/12:345, and not {where!r}")
    _print([*map(str, failures), f"{len(failures)} failures at {where}"])
    sys.exit(1 if failures else 0)


def _count(modes: Tallies) -> int:
    return sum(tally.points for mode, tally in modes.items() if mode not in HOPELESS)


def _failures(modes: Tallies) -> list[Failure]:
    return [failure for mode, tally in modes.items() if mode not in HOPELESS for failure in tally.failures]


def _progress(modes: Tallies, wanted: int, started: float) -> None:
    points = _count(modes)
    rate = points / (time.monotonic() - started)
    failed = len(_failures(modes))
    _show(f"{points:,} of {wanted:,} points, {rate:,.0f} a second, {failed} failures")


def _show(line: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{line}")
        sys.stderr.flush()


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        sys.stdout.write(f"{line}\n")


def _lines(seed: int, seconds: float, modes: Tallies, kills: Kills | None) -> Iterator[str]:
    points = _count(modes)
    if points:
        yield f"{'':54} {'':>8} {'points that':>12} {'events lost,':>13} {'oldest,':>8} {'broken':>7}"
        yield f"{'disk':54} {'points':>8} {'lose events':>12} {'mean / most':>13} {'ms':>8} {'promise':>7}"
    for mode, tally in sorted(modes.items(), key=partial(_order)):
        mean = tally.lost / tally.lossy if tally.lossy else 0
        yield (
            f"{mode:54} {tally.points:8,} {tally.lossy:12,} {f'{mean:.1f} / {tally.lost_most}':>13}"
            f" {tally.lost_s * 1000:8.0f} {len(tally.failures):7,}"
        )
    if points:
        yield f"{points:,} points in {seconds:.0f} s, {points / seconds:,.0f} a second; seed {seed}"
    if kills is not None:
        yield str(kills)
    failures = _failures(modes)
    if failures:
        first = failures[0]
        yield f"FAILED at {len(failures)} points; the first:"
        yield f"{first}"
        yield f"to repeat it: ./dev crash --again {first.seed}:{first.point}"


def _order(item: tuple[str, Tally]) -> tuple[bool, str]:
    return item[0] in HOPELESS, item[0]


def _as_json(seed: int, seconds: float, modes: Tallies, kills: Kills | None) -> str:
    figures = {
        "seed": seed,
        "seconds": round(seconds, 1),
        "points": _count(modes),
        "modes": {mode: tally.figures() for mode, tally in modes.items()},
        "kills": None if kills is None else asdict(kills),
        "ok": not _failures(modes) and not (kills is not None and kills.violations),
    }
    return json.dumps(figures, indent=2)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
