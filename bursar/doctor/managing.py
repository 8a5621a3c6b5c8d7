"""What a manager that runs knows of its providers, and nobody else can find out by asking once."""

from collections.abc import Iterator
from pathlib import Path

from ..domain.errors import BursarError
from ..projections.status import ProviderStatus, status


def notes_of_manager(journal: Path) -> dict[str, str]:
    """What is worth saying of a provider, by its name; nothing when no manager runs."""
    if not journal.exists():
        return {}
    try:
        found = status(journal)
    except BursarError:
        return {}
    if found.owner is None:
        return {}
    return {one.provider: joined(*_of(one, found.owner)) for one in found.providers}


def joined(*notes: str) -> str:
    """All of them that say something."""
    return "; ".join(note for note in notes if note)


def _of(provider: ProviderStatus, owner: int) -> Iterator[str]:
    if provider.code:
        yield f"the manager that runs (process {owner}) found: {provider.code}: {provider.cause}"
    if provider.breaker not in (None, "closed"):
        yield f"its breaker is {provider.breaker} there: see `bursar breaker {provider.provider}`"
