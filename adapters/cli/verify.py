"""`bursar verify`."""

import sys
from collections.abc import Iterator
from dataclasses import asdict

import click

from ...eventstore.reader import Reader
from ...projections.figures import count
from ...projections.redecide import Redecided
from ...projections.verify import Verification
from ...projections.verify import verify as check
from .options import reading
from .output import emit, progress, styled


@click.command()
@reading
def verify(journal: str, as_json: bool) -> None:
    """Check the tree, and decide every fact again.

    The hash of every event must fold to the roots that were written down, and today's rules must come to the
    recorded decisions, byte for byte. Exits with 1 when anything is different, and says where.
    """
    with progress("verifying", _length(journal)) as report:
        found = check(journal, report)
    if as_json:
        emit(_document(found))
    else:
        for line in _told(found):
            styled(line, "green" if found.ok else "bold red")
    if not found.ok:
        sys.exit(1)


def _length(journal: str) -> int:
    """How many events there are, for the bar; a damaged journal is for the check to judge."""
    from ...domain.errors import JournalCorrupt

    try:
        with Reader(journal) as reader:
            return reader.head()
    except JournalCorrupt:
        return 0


def _document(found: Verification) -> dict[str, object]:
    decisions = found.decisions and {"ok": found.decisions.ok, **asdict(found.decisions)}
    return {"ok": found.ok, "tree": {"ok": found.tree.ok, **asdict(found.tree)}, "decisions": decisions}


def _told(found: Verification) -> Iterator[str]:
    tree = found.tree
    if tree.ok:
        yield f"tree: {count(tree.size, 'event')} as written, root {tree.root}"
    else:
        yield f"tree: {count(len(tree.problems) + tree.unlisted, 'problem')}"
        yield from (f"  #{problem.position}: {problem.text}" for problem in tree.problems)
    if found.decisions is None:
        yield "decisions: the file cannot be read"
    else:
        yield from _decisions(found.decisions)


def _decisions(found: Redecided) -> Iterator[str]:
    decided = f"decisions: {count(found.facts, 'fact')} decided again, {count(found.decisions, 'decision')}"
    if found.ok:
        yield f"{decided}, all as recorded"
        return
    yield f"{decided}, {count(len(found.divergences) + found.unlisted, 'divergence')}"
    for divergence in found.divergences:
        yield f"  #{divergence.position}, from fact #{divergence.fact}:"
        yield from (f"    {line}" for line in divergence.lines)
    if found.stopped is not None:
        yield f"  nothing after #{found.stopped} could be decided"
