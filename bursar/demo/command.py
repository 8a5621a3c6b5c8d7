"""`bursar demo`."""

import asyncio
import json
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import click

from ..adapters.cli.group import Refused
from ..settings import Settings
from .models import MODELS, make_models
from .run import Progress, run
from .story import Story, read_back
from .workload import Arrival, from_trace, mixed

_REQUESTS = 60


@click.command()
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("bursar-demo"),
    show_default=True,
    help="Where the models and the journals are kept.",
)
@click.option(
    "--requests",
    type=click.IntRange(1, 100_000),
    default=_REQUESTS,
    show_default=True,
    help="How many requests are sent.",
)
@click.option("--seed", type=int, default=7, show_default=True, help="What the workload is drawn from.")
@click.option(
    "--trace",
    type=click.Path(path_type=Path),
    help="Arrivals and lengths from a CSV file in the Azure LLM inference trace format.",
)
@click.option(
    "--speed",
    type=click.FloatRange(0, min_open=True),
    default=10.0,
    show_default=True,
    help="How much faster than in the trace the requests arrive.",
)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    help="Settings for the manager instead of bursar.toml; the memory limit is the demo's own.",
)
@click.option("--json", "as_json", is_flag=True, help="End with one JSON object, and nothing else on stdout.")
def demo(
    folder: Path,
    requests: int,
    seed: int,
    trace: Path | None,
    speed: float,
    config: Path | None,
    as_json: bool,
) -> None:
    """Show the main job end to end on a real engine.

    Four small models are made, more than memory may hold; agents ask for them, and bursar loads, leases,
    drains, evicts and reloads. Then the journal tells what happened, and proves it.
    """
    llama = {"folder": str(folder / "models"), "context_tokens": 2048, "slots": 2}
    settings = Settings.load(config, providers={"discover": False, "llama": llama})
    arrivals = from_trace(trace, MODELS, requests, seed, speed) if trace else mixed(MODELS, requests, seed)
    story = _act(folder, settings, arrivals, as_json)
    if as_json:
        click.echo(json.dumps(story.to_dict()))
    else:
        from .telling import tell

        tell(story)
    if not story.ok:
        sys.exit(1)


def _act(folder: Path, settings: Settings, arrivals: list[Arrival], quiet: bool) -> Story:
    """Make the models, send the requests, and read the journal back; what is said goes to stderr."""

    def say(text: str) -> None:
        click.echo(text, err=True)

    try:
        make_models(folder / "models", say)
    except ImportError as missing:
        raise Refused(str(missing)) from missing
    journal = _fresh(folder)
    agents = len({arrival.agent for arrival in arrivals})
    say(f"sending {len(arrivals)} requests of {agents} agents to {len(MODELS)} models")
    started = time.monotonic()
    with _progress(arrivals, quiet) as progress:
        outcome = asyncio.run(run(journal, settings, MODELS, arrivals, progress))
    seconds = time.monotonic() - started
    for error in outcome.errors[:5]:
        say(error)
    return read_back(journal, outcome, seconds, say)


def _fresh(folder: Path) -> Path:
    """The journal of this run: the first number that is not taken."""
    number = 1
    while (journal := folder / f"run-{number}.db").exists():
        number += 1
    return journal


@contextmanager
def _progress(arrivals: list[Arrival], quiet: bool) -> Generator[Progress, None, None]:
    """A bar on a terminal; elsewhere a line for every tenth of the way; always on stderr."""
    if sys.stderr.isatty() and not quiet:
        from .telling import progress_bar

        with progress_bar(len(arrivals)) as bar:
            yield bar
        return
    tenth = max(1, len(arrivals) // 10)

    def line(done: int, total: int, loaded: str) -> None:
        if done % tenth == 0 or done == total:
            click.echo(f"{done:>6} of {total}   in memory: {loaded}", err=True)

    yield line
