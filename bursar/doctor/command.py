"""`bursar doctor`."""

import asyncio
import sys
from pathlib import Path

import click

from ..adapters.cli.options import reading
from ..adapters.cli.output import emit
from ..configured import find_sites
from ..settings import Settings
from .findings import Findings
from .machine import read_journal, read_machine, read_versions
from .providers import ask_all
from .telling import tell


@click.command(
    epilog="Exit codes: 0 every provider that is to be used is well, 1 one is not, 2 wrong settings."
)
@click.option("--config", type=click.Path(path_type=Path), help="Settings instead of bursar.toml.")
@reading
def doctor(config: Path | None, journal: str, as_json: bool) -> None:
    """What is reachable, how fast, and what it lacks; and what to do.

    Asks every provider that the settings name or that is found at its default port, the sensors and the
    journal. Loads nothing, writes nothing, and needs no running manager.
    """
    found = asyncio.run(examine(Settings.load(config), Path(journal)))
    if as_json:
        emit(found.to_json())
    else:
        tell(found)
    if not found.well:
        sys.exit(1)


async def examine(settings: Settings, journal: Path) -> Findings:
    """Ask everybody."""
    sites = await find_sites(settings)
    return Findings(
        providers=await ask_all(sites, settings, journal),
        ignored=sites.ignored,
        machine=read_machine(),
        journal=read_journal(journal),
        versions=read_versions(),
    )
