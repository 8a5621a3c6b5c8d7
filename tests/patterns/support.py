"""Patterns with defaults, so that a test says only what it is about."""

from typing import Any

from bursar.domain.contexts.settings import PatternSettings
from bursar.domain.patterns.events import PatternStored
from bursar.domain.settings import Settings
from bursar.testing.facts import running
from bursar.testing.specification import Happening

#: Of a text that nobody reads here.
ADDRESS = "0" * 64


def stored(name: str, size: int = 100, **fields: Any) -> PatternStored:
    """A pattern is stored."""
    given: dict[str, Any] = {"sort": "prompt", "address": ADDRESS, **fields}
    return PatternStored(pattern=name, size=size, **given)


def keeping(**patterns: Any) -> Happening:
    """A manager that keeps patterns by these settings."""
    return running(Settings(patterns=PatternSettings(**patterns)))
