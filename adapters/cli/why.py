"""`bursar why`."""

import click

from ...eventstore.views.index import IndexedReader
from ...projections.why import why as explain
from .options import MOMENT, position_of, reading
from .output import emit, on_terminal, styled
from .pipes import write


@click.command(epilog=MOMENT)
@click.argument("what", metavar="POSITION|MODEL|REQUEST|CONTEXT")
@click.option("--at", "at", metavar="POSITION|TIME", help="Its last move, or decision, up to this moment.")
@reading
def why(what: str, at: str | None, journal: str, as_json: bool) -> None:
    """Why something happened: causes, comparisons, effects.

    The position of an event, the id of a model (its last move is explained), request/N, or context/ID.
    """
    if at is not None and what.isdecimal():
        raise click.UsageError("--at says which move is meant, and a position says that by itself.")
    with IndexedReader(journal) as reader:
        explanation = explain(reader, what, None if at is None else position_of(reader, at))
    if as_json:
        emit(explanation.model_dump(mode="json"))
        return
    first, _, rest = str(explanation).partition("\n")
    if on_terminal():
        styled(first, "bold")
        write(rest)
    else:
        write(f"{first}\n{rest}".rstrip())
