"""Logs, through the standard library: whoever embeds bursar decides where they go; never to stdout."""

import logging
from collections.abc import MutableMapping
from typing import Any, cast

import structlog

_LINE = structlog.processors.KeyValueRenderer(key_order=["event"], drop_missing=True)


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """A structlog logger under the standard one of that name: `log.warning("what happened", model=…)`."""
    logger = structlog.wrap_logger(
        logging.getLogger(name),
        processors=[structlog.stdlib.filter_by_level, _render],
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    return cast(structlog.stdlib.BoundLogger, logger)


def _render(logger: Any, method: str, event: MutableMapping[str, Any]) -> tuple[tuple[str], dict[str, Any]]:
    """The event and its values as the message; the exception as the standard library wants it."""
    passed = {"exc_info": event.pop("exc_info")} if "exc_info" in event else {}
    return (str(_LINE(logger, method, event)),), passed
