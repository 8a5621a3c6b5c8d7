"""Figures as a person reads them. Imports next to nothing: `status` uses it."""

import time
from collections.abc import Sequence

_NS_PER_S = 1_000_000_000
#: Longest first; two of them are enough to tell how long something took.
_SPANS = (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000))


def size(amount: int) -> str:
    """Bytes: `1.2 GiB`, `812 MiB`, `-3 KiB`."""
    magnitude, unit = float(abs(amount)), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB", "PiB"):
        if magnitude < 1024:
            break
        magnitude, unit = magnitude / 1024, larger
    digits = 0 if unit == "B" or magnitude >= 100 else 1
    text = f"{magnitude:.{digits}f}".removesuffix(".0")
    return f"{'-' if amount < 0 else ''}{text} {unit}"


def span(milliseconds: int) -> str:
    """A length of time: `4 ms`, `7.4 s`, `6 min 52 s`, `2 d 3 h`."""
    rest = abs(milliseconds)
    sign = "-" if milliseconds < 0 else ""
    if rest < 1000:
        return f"{sign}{rest} ms"
    if rest < 60_000:
        return f"{sign}{rest // 100 / 10:g} s"
    parts: list[str] = []
    for unit, length in (*_SPANS, ("s", 1000)):
        count, rest = divmod(rest, length)
        if count or parts:
            parts.append(f"{count} {unit}")
    return sign + " ".join(part for part in parts[:2] if not part.startswith("0 "))


def moment(at: int) -> str:
    """UTC nanoseconds as `2026-10-01T14:02:11.120Z`."""
    seconds, rest = divmod(at, _NS_PER_S)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{rest // 1_000_000:03}Z"


def ago(at: int, now: int) -> str:
    """How long before now, short: `3 s ago`; a moment ahead of this machine's clock is `now`."""
    elapsed = (now - at) // 1_000_000
    return f"{span(elapsed // 1000 * 1000)} ago" if elapsed >= 1000 else "now"


def count(number: int, noun: str) -> str:
    """`1 model`, `2 models`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def amounts(by_resource: dict[str, int]) -> str:
    """What is taken of each resource: `1.2 GiB of ram and 1 model`."""
    told = sorted(by_resource.items(), key=_models_last)
    if any(resource.startswith("models of ") for resource in by_resource):
        # It is the same model that counts for both.
        told = [(resource, value) for resource, value in told if resource != "models"]
    parts = [amount(resource, value) for resource, value in told]
    return listed(parts) or "nothing"


def amount(resource: str, value: int) -> str:
    """One of them: bytes of a device, or a number of models."""
    if not is_count(resource):
        return f"{size(value)} of {resource}"
    return f"{count(value, 'model')}{resource.removeprefix('models')}"


def is_count(resource: str) -> bool:
    """Whether its unit is models, and not bytes: `models`, `models of ollama`."""
    return resource == "models" or resource.startswith("models of ")


def listed(parts: list[str] | tuple[str, ...]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def columns(rows: Sequence[Sequence[str]], indent: int = 0) -> list[str]:
    """The rows as lines, every cell but a row's last as wide as its column."""
    widths: dict[int, int] = {}
    for row in rows:
        for index, cell in enumerate(row):
            widths[index] = max(widths.get(index, 0), len(cell))
    padded = [[cell.ljust(widths[index]) for index, cell in enumerate(row)] for row in rows]
    return [(" " * indent + "  ".join(cells)).rstrip() for cells in padded]


def _models_last(item: tuple[str, int]) -> tuple[bool, str]:
    return is_count(item[0]), item[0]
