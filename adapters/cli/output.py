"""What commands write: aligned text in a pipe; tables and colours, by rich, on a terminal."""

import json
import sys
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from typing import Any

from ...projections.figures import columns
from .pipes import write

#: Blanks between two columns.
_GAP = 2
#: What a long last column must have at least.
_LAST = 32
#: Journals shorter than this are read before a bar could be seen.
_BAR_FROM = 20_000


def on_terminal() -> bool:
    """Whether a person looks at standard output."""
    return sys.stdout.isatty()


def emit(value: object, *, lines: bool = False) -> None:
    """One JSON document, or one line of JSON Lines."""
    write(json.dumps(value, ensure_ascii=False, indent=None if lines else 2, default=str))


def table(
    heading: Sequence[str],
    rows: Iterable[Sequence[str]],
    right: Sequence[str] = (),
    optional: Sequence[str] = (),
) -> None:
    """A table; the columns named in `right` hold numbers.

    On a terminal those in `optional` are left out, in that order, until it is no wider than the terminal.
    """
    if on_terminal():
        _rich_table(*fitting(heading, list(rows), optional, _console().width), right)
        return
    padded = [[cell or "-" for cell in row] for row in rows]
    write("\n".join(columns([heading, *padded])))


def fitting(
    heading: Sequence[str], rows: list[Sequence[str]], optional: Sequence[str], width: int
) -> tuple[Sequence[str], list[Sequence[str]]]:
    """The table without the optional columns that are empty, or for which there is no room."""
    for name in sorted(optional, key=lambda name: any(_column(heading, rows, name))):
        if not any(_column(heading, rows, name)) or _width(heading, rows) > width:
            index = heading.index(name)
            heading = [*heading[:index], *heading[index + 1 :]]
            rows = [[*row[:index], *row[index + 1 :]] for row in rows]
    return heading, rows


def _column(heading: Sequence[str], rows: list[Sequence[str]], name: str) -> list[str]:
    return [row[heading.index(name)] for row in rows]


def _width(heading: Sequence[str], rows: list[Sequence[str]]) -> int:
    """As wide as it is drawn when no cell is folded but those of the last column, which may be."""
    *longest, last = [max(map(len, cells)) for cells in zip(heading, *rows, strict=True)]
    return sum(longest) + _GAP * len(longest) + min(last, _LAST)


def styled(text: str, style: str) -> None:
    """A line that has a colour on a terminal that wants colours."""
    if on_terminal():
        _console().print(text, style=style, soft_wrap=True, markup=False)
    else:
        write(text)


@contextmanager
def progress(what: str, events: int) -> Generator[Callable[[int, int], None] | None]:
    """A bar on standard error, for a long journal and a person who looks."""
    if events < _BAR_FROM or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    shown = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*shown, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=events)
        yield lambda position, head: bar.update(task, completed=position, total=head)


def _console() -> Any:
    from rich.console import Console

    return Console(highlight=False)


def _rich_table(heading: Sequence[str], rows: list[Sequence[str]], right: Sequence[str]) -> None:
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=None, pad_edge=False, header_style="bold")
    for name in heading:
        shown.add_column(name, justify="right" if name in right else "left", overflow="fold")
    for row in rows:
        shown.add_row(*(Text(cell) for cell in row))
    _console().print(shown)
