"""`bursar status`."""

import click

from ...projections.status import status as read_status
from .options import reading
from .quick import show


@click.command()
@reading
def status(journal: str, as_json: bool) -> None:
    """What is in memory and who waits, from the journal.

    Works beside a running manager and without one.
    """
    show(read_status(journal), as_json=as_json)
