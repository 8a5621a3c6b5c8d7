"""What is said of settings that cannot be."""

from pathlib import Path
from typing import Any

import pytest

from bursar.domain.errors import SettingsInvalid
from bursar.settings import Settings


def refused(config: str | Path | None = None, **arguments: Any) -> str:
    """The message of the refusal."""
    with pytest.raises(SettingsInvalid) as error:
        Settings.load(config, **arguments)
    message = str(error.value)
    assert "\n" not in message
    return message
