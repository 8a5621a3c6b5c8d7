"""`bursar why`."""

import click

from ...eventstore.reader import Reader
from ...projections.why import why as explain
from .options import reading
from .output import emit, on_terminal, styled
from .pipes import write


@click.command()
@click.argument("what", metavar="POSITION|MODEL|REQUEST")
@reading
def why(what: str, journal: str, as_json: bool) -> None:
    """Why something happened: causes, comparisons, alternatives, effects.

    WHAT is the position of an event, the id of a model (its last move is explained), or request/N.
    """
    with Reader(journal) as reader:
        explanation = explain(reader, what)
    if as_json:
        emit(explanation.model_dump(mode="json"))
        return
    first, _, rest = str(explanation).partition("\n")
    if on_terminal():
        styled(first, "bold")
        write(rest)
    else:
        write(f"{first}\n{rest}".rstrip())
