"""Which variables of the environment are settings."""

import os
import re

from .origin import Key

PREFIX = "BURSAR_"
DELIMITER = "__"

#: The command line's own.
_NOT_SETTINGS = frozenset({"BURSAR_JOURNAL", "BURSAR_SIGNING_KEY", "BURSAR_BODY_KEY"})
#: What Kubernetes tells every container of a service that is called bursar.
_OF_KUBERNETES = re.compile(r"BURSAR_(SERVICE_(HOST|PORT)(_\w+)?|PORT(_[0-9]+_(TCP|UDP|SCTP)(_\w+)?)?)")


def variables() -> dict[Key, str]:
    """The variable of each setting that has one; empty ones are none, as in `BURSAR_PINS=$PINS`."""
    return {
        tuple(name.removeprefix(PREFIX).lower().split(DELIMITER)): name
        for name, text in os.environ.items()
        if text
        and name.startswith(PREFIX)
        and name not in _NOT_SETTINGS
        and not _OF_KUBERNETES.fullmatch(name)
    }
