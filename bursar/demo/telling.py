"""The demo's story for people: tables and a bar where there is a terminal, the same text in a pipe."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from ..projections.models import ModelRow
from . import run
from .story import Story


@contextmanager
def progress_bar(total: int) -> Generator[run.Progress, None, None]:
    """A bar that shows how many are done and what is in memory."""
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=total)
        yield lambda done, _total, loaded: progress.update(task, completed=done, description=loaded)


def tell(story: Story) -> None:
    """Print what happened, why one model had to leave, and whether the journal proves it."""
    console = Console(highlight=False)
    outcome = story.outcome
    console.print(
        f"\n{outcome.completed} of {outcome.requests} requests answered in {story.seconds:.1f} s, "
        f"{outcome.failed} failed\n"
    )
    console.print(_table(story.rows))
    if story.eviction:
        console.print(f"\nWhy did a model have to leave?  bursar why {story.eviction.what}\n", style="bold")
        console.print(str(story.eviction), soft_wrap=True, markup=False)
    console.print()
    for line in _proofs(story):
        console.print(line, markup=False)
    console.print("\nTry next:")
    for command in _suggestions(story):
        console.print(f"  bursar {command} --journal {story.journal}", soft_wrap=True)


def _table(rows: list[ModelRow]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("model")
    for heading in ("loads", "evictions", "load seconds", "requests", "tokens in", "tokens out"):
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(
            row.model,
            str(row.counts.loads),
            str(row.evictions),
            f"{row.counts.load_ms / 1000:.2f}",
            str(sum(row.counts.requests.values())),
            str(row.counts.prompt_tokens),
            str(row.counts.completion_tokens),
        )
    return table


def _suggestions(story: Story) -> Iterator[str]:
    busiest = max(story.rows, key=lambda row: (row.counts.loads, row.model))
    last = story.replay.state.position
    yield "log --limit 20"
    yield f"why {busiest.model}"
    yield f"diff {last // 3} {last // 2}"


def _proofs(story: Story) -> Iterator[str]:
    replayed, tree = story.replay, story.verification.tree
    equal = "equal to" if replayed.equal else "DIFFERENT from"
    folded = f"{replayed.state.position} events folded"
    yield f"replay   {folded}; {equal} the live state ({replayed.compared} digests)"
    again = "all alike" if story.divergences == 0 else f"{story.divergences} differ"
    yield f"verify   every decision decided again: {again}"
    proof = f"root {tree.root}" if tree.ok else f"DAMAGED: {tree.problems[0].text}"
    yield f"tree     {proof}"
    yield f"journal  {story.journal}"
