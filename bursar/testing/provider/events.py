"""Server-sent events."""

import json


def event(data: object, name: str = "") -> bytes:
    """One of them, with `data` as JSON; most have no name."""
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(data, separators=(',', ':'), ensure_ascii=False)}\n\n".encode()
