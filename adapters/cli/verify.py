"""`bursar verify`."""

import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import TextIO

import click

from ...eventstore.proof.notes import VerifierKey
from ...eventstore.proof.verify import Report
from ...eventstore.reader import Reader
from ...projections.figures import count
from ...projections.redecide import Redecided
from ...projections.verify import Verification
from ...projections.verify import verify as check
from .checkpoint import known
from .options import reading
from .output import emit, progress, styled


@click.command()
@click.option(
    "--against",
    metavar="NOTE",
    type=click.File("r", encoding="utf-8", errors="replace"),
    help="A file with a checkpoint that was kept elsewhere, or -: the journal must still begin like that.",
)
@click.option(
    "--key",
    "given",
    metavar="KEY",
    multiple=True,
    help="Whose checkpoints to take, NAME+HASH+KEY; may be repeated. Default: the journal's own key.",
)
@reading
def verify(against: TextIO | None, given: tuple[str, ...], journal: str, as_json: bool) -> None:
    """Check the tree, and decide every fact again.

    The hash of every event must fold to the roots that were written down or signed, and today's rules must
    come to the recorded decisions, byte for byte. Exits with 1 when anything is different, and says where.
    Who can write the journal and its key can write another history that is right in itself: --against tells.
    """
    keys = tuple(map(VerifierKey.parse, given)) or _own(journal)
    note = None if against is None else against.read()
    with progress("verifying", _length(journal)) as report:
        found = check(journal, report, keys=keys, against=note)
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


def _own(journal: str) -> tuple[VerifierKey, ...]:
    key = known(journal)
    return () if key is None else (key,)


def _document(found: Verification) -> dict[str, object]:
    decisions = found.decisions and {"ok": found.decisions.ok, **asdict(found.decisions)}
    return {"ok": found.ok, "tree": {"ok": found.tree.ok, **asdict(found.tree)}, "decisions": decisions}


def _told(found: Verification) -> Iterator[str]:
    tree = found.tree
    if tree.ok:
        yield f"tree: {count(tree.size, 'event')} as written, root {tree.root}"
        yield from _signed(tree)
    else:
        yield f"tree: {count(len(tree.problems) + tree.unlisted, 'problem')}"
        yield from (f"  #{problem.position}: {problem.text}" for problem in tree.problems)
    if found.decisions is None:
        yield "decisions: the file cannot be read"
    else:
        yield from _decisions(found.decisions)


def _signed(tree: Report) -> Iterator[str]:
    if tree.checkpoints:
        signed = "and signed" if tree.signatures else "and signed by nobody knows whom: no key to check with"
        yield f"checkpoints: {count(tree.checkpoints, 'signed root')} as the events give them, {signed}"
    if tree.uncompared:
        yield f"checkpoints: {tree.uncompared} about archived events, which are not here to be compared"
    if tree.extends is not None:
        yield f"note: the journal still begins with the {count(tree.extends, 'event')} that it is about"


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
