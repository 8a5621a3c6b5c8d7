"""Texts that no event names: they were put by a manager that was killed before it could write the event."""

import asyncio
import json

from ..adapters.logs import get_logger
from ..domain.errors import BursarError
from ..domain.registry import REGISTRY
from ..eventstore.reader import Reader
from .vault import Shelf, Vault

_log = get_logger("bursar.contexts")

#: Events that name a text.
_NAMING = sorted({name for (name, _version), body in REGISTRY.items() if "address" in body.model_fields})


async def sweep_orphans(vault: Vault) -> None:
    """Delete them, but for young ones, whose events may be on their way."""
    try:
        if not await vault.do(lambda shelf: shelf.kept):
            return
        journal = await vault.do(lambda shelf: shelf.journal)
        named = await asyncio.to_thread(_named, journal)
        swept = await vault.do(lambda shelf: _sweep(shelf, named))
    except BursarError as error:
        _log.warning("texts without events were not swept", cause=error.code)
        return
    if swept:
        _log.info("texts without events were swept", texts=swept)


def _named(journal: str) -> list[str]:
    """Addresses of all texts that events name."""
    with Reader(journal) as reader:
        data = (row[4] for row in reader.rows(types=_NAMING))
        return [str(json.loads(one)["address"]) for one in data if one is not None]


def _sweep(shelf: Shelf, named: list[str]) -> int:
    return shelf.bodies.sweep(named).bodies
