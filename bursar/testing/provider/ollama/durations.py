"""`keep_alive` as Ollama reads it: seconds as a number, or a duration in Go's notation."""

import re

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
#: What Go's largest duration has, 292 years.
FOREVER_S = (2**63 - 1) / 1e9


def keep_alive_s(given: object) -> float | None:
    """Seconds; None where nothing is given. Negative is for ever. Raises `ValueError` with Go's text."""
    if given is None:
        return None
    if isinstance(given, str):
        seconds = _duration(given)
    elif isinstance(given, int | float) and not isinstance(given, bool):
        seconds = float(given)
    else:
        raise ValueError(f"Unsupported type: '{_GO_TYPES.get(type(given), 'bool')}'")
    return FOREVER_S if seconds < 0 else seconds


_GO_TYPES: dict[type, str] = {list: "[]interface {}", dict: "map[string]interface {}", bool: "bool"}


def _duration(text: str) -> float:
    """Go's time.ParseDuration."""
    bare = text.lstrip("+-") if text[:1] in "+-" else text
    sign = -1 if text[:1] == "-" else 1
    if bare == "0":
        return 0.0
    at, seconds = 0, 0.0
    while at < len(bare):
        part = _PART.match(bare, at)
        if part is None:
            raise ValueError(_complaint(text, bare, at))
        seconds += float(part[1]) * _UNITS[part[2]]
        at = part.end()
    if not bare:
        raise ValueError(f'time: invalid duration "{text}"')
    return sign * seconds


def _complaint(text: str, bare: str, at: int) -> str:
    number = re.compile(r"\d+\.?\d*|\.\d+").match(bare, at)
    if number is None:
        return f'time: invalid duration "{text}"'
    unit = re.compile(r"[^\d.]*").match(bare, number.end())
    if unit and unit[0]:
        return f'time: unknown unit "{unit[0]}" in duration "{text}"'
    return f'time: missing unit in duration "{text}"'
