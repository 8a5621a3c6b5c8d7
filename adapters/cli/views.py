"""`bursar views`."""

import click
from click.core import ParameterSource

from ...eventstore.reader import Reader
from ...eventstore.views.survey import Standing, survey
from ...eventstore.views.upkeep import Upkeep
from ...projections.figures import size
from ...projections.views import VIEWS
from .options import journal_option, reading
from .output import emit, progress, table

_NUMBERS = ("VERSION", "POSITION", "BEHIND", "SIZE")
_HEADING = ("VIEW", "VERSION", "STATE", "POSITION", "BEHIND", "SIZE")
_KNOWN = {projection.name: projection for projection in VIEWS}


@click.group(invoke_without_command=True)
@reading
@click.pass_context
def views(context: click.Context, journal: str, as_json: bool) -> None:
    """What is kept beside the journal so that it answers sooner, and how far behind it is.

    A view can be deleted at any time: the journal is read instead, and a running manager builds it again. One
    that is distrusted is of another journal, or of one that a power cut took something from.
    """
    context.obj = journal
    if context.invoked_subcommand is not None:
        return
    with Reader(journal) as reader:
        found = survey(reader)
    if as_json:
        emit([standing._asdict() for standing in found])
    elif found:
        table(_HEADING, map(_cells, found), right=_NUMBERS)
    else:
        click.echo("There are none; a manager makes them.")


@views.command()
@click.argument("name", metavar="NAME", type=click.Choice(sorted(_KNOWN)))
@journal_option
@click.pass_context
def rebuild(context: click.Context, name: str, journal: str) -> None:
    """Build a view anew while the present one serves, then switch."""
    given = context.get_parameter_source("journal") is ParameterSource.COMMANDLINE
    path = journal if given else context.obj  # of the group
    with Reader(path) as reader:
        head = reader.head()
    with Upkeep(path, _KNOWN[name]) as upkeep, progress(f"building {name}", head) as report:
        position = upkeep.rebuild(report)
    click.echo(f"{name} is built anew, up to position {position}.")


def _cells(standing: Standing) -> list[str]:
    return [
        standing.name,
        str(standing.version),
        standing.state,
        str(standing.position),
        str(standing.lag),
        size(standing.size_bytes),
    ]
