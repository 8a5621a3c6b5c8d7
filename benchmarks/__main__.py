"""Run benchmarks: `python -m benchmarks [NAME …] [--data PATH] [--quick] [--json]`; without names, all."""

import argparse
from collections.abc import Callable
from pathlib import Path

from .streams import DATA, MissingData


def main() -> None:
    """Run what was asked for, each under its heading; exit with 1 when traces are missing."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(BENCHMARKS)} (all)")
    parser.add_argument(
        "--data", type=Path, default=DATA, help="contexts, eviction: the folder with the data"
    )
    parser.add_argument(
        "--quick", action="store_true", help="eviction: two of the four streams; others: small"
    )
    parser.add_argument(
        "--json", action="store_true", help="contexts, journal or http alone: its figures as JSON"
    )
    options = parser.parse_args()
    names = [_ALSO_CALLED.get(name, name) for name in options.names or BENCHMARKS]
    for name in names:
        if name not in BENCHMARKS:
            parser.error(f"no benchmark {name!r}: there are {', '.join(BENCHMARKS)}")
    if options.json:
        if names not in (["contexts"], ["journal"], ["http"]):
            parser.error("--json is for contexts, the journal or http alone")
        BENCHMARKS[names[0]][1](options)
        return
    missing = False
    for name in dict.fromkeys(names):
        heading, run = BENCHMARKS[name]
        print(f"== {name}: {heading}", flush=True)
        try:
            run(options)
        except MissingData as error:
            print(error)
            missing = True
        print()
    if missing:
        raise SystemExit(1)


def _contexts(options: argparse.Namespace) -> None:
    from .contexts.main import main as measure

    measure(options.data, quick=options.quick, as_json=options.json)


def _eviction(options: argparse.Namespace) -> None:
    from . import bench_eviction

    bench_eviction.main(["--data", str(options.data), *(["--quick"] if options.quick else [])])


def _journal(options: argparse.Namespace) -> None:
    from .journal.main import main as measure

    measure(quick=options.quick, as_json=options.json)


def _http(options: argparse.Namespace) -> None:
    from .http.main import main as measure

    measure(quick=options.quick, as_json=options.json)


def _kernel(_options: argparse.Namespace) -> None:
    from . import bench_kernel

    bench_kernel.main()


def _start(_options: argparse.Namespace) -> None:
    from . import bench_start

    bench_start.main()


#: By name: what is measured, and what runs it.
BENCHMARKS: dict[str, tuple[str, Callable[[argparse.Namespace], None]]] = {
    "contexts": ("what of a conversation is kept, counted and packed, beside what others do", _contexts),
    "eviction": ("load time against the least possible", _eviction),
    "http": ("our HTTP client beside httpx and beside bare sockets", _http),
    "journal": ("the journal beside a bare loop of inserts and beside eventsourcing", _journal),
    "kernel": ("decisions, and replay of a journal", _kernel),
    "start": ("`bursar status` against a bare interpreter", _start),
}
_ALSO_CALLED = {"replay": "kernel"}

if __name__ == "__main__":
    main()
