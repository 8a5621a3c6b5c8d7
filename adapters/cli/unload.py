"""`bursar unload`."""

import click

from ...domain.models.events import UnloadRequested
from ...eventstore.intake.submitting import Submitter
from ...eventstore.reader import Reader
from ...projections.log import Line, line
from .options import journal_option
from .output import emit
from .owning import submit
from .pipes import write


@click.command()
@click.argument("model")
@journal_option
@click.option("--json", "as_json", is_flag=True, help="Write JSON and nothing else.")
def unload(model: str, journal: str, as_json: bool) -> None:
    """Have a running manager unload a model.

    MODEL takes no new requests, serves those it has, and leaves; one that is wanted again is loaded again.
    Says what the manager decided, and does not wait for it to be done: `bursar log --follow` shows that.
    """
    with Reader(journal) as reader, Submitter(journal) as submitter:
        first, last = submit(submitter, UnloadRequested(model=model))
        decided = [line(record) for record in reader.read(after=first, until=last)]
    if as_json:
        emit({"position": first, "decided": [one._asdict() for one in decided]})
    else:
        write(
            "\n".join(map(_told, decided)) or f"{model} is not in memory, or is leaving already (#{first})."
        )


def _told(decided: Line) -> str:
    return f"#{decided.position} {decided.type} {decided.subject.removeprefix('model/')}: {decided.summary}"
