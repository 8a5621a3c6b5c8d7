"""What providers hold, what that takes, and by whose hand it changed, in words."""

from collections.abc import Callable
from typing import Any

from .figures import amounts, count, listed, span

Data = dict[str, Any]

#: What happened to whom.
HAPPENED = {
    "ProviderObserved": "{provider} was asked how it is",
    "ModelSlept": "{model} was put to sleep",
    "ModelWoken": "{model} was woken",
    "ModelWakeFailed": "{model} could not be woken",
    "ResidencyChanged": "{model} in memory was not as it had been",
    "MemoryMeasured": "what loading {model} takes was measured",
    "ResidencyAssumed": "{model} was taken to be in memory",
    "EstimateExceeded": "{model} took more than was set aside for it",
    "ContextShrunk": "{model} had a smaller window than was asked for",
    "UnderreportingNoticed": "{provider} was noticed to say too little of what its models take",
}


def by_whom(data: Data) -> str:
    """Whose hand it was, where it was another's; nothing of an older event, which does not say."""
    return "somebody else or its provider did it, not bursar" if data.get("origin") == "external" else ""


def residency_text(data: Data) -> str:
    """What a model in memory takes and grants, as far as its provider says."""
    residency = data["residency"]
    taken = amounts(residency["memory"]) or "an amount that nobody says"
    return f"{taken} ({residency['provenance']})"


def _observed(data: Data) -> str:
    if not data["reachable"]:
        return f"{data['provider']} does not answer: {data['code']}: {data['cause_text']}"
    can = [name for name, has in data["capabilities"].items() if has]
    lacks = "; ".join(f"no {name}: {why}" for name, why in data["lacks"].items())
    who = f"{data['provider']} {data['engine']}".strip()
    most = data.get("max_loaded")
    holds = f"; it holds {count(most, 'model')} at a time, as its loads have shown" if most else ""
    if data["code"]:
        return f"{who} answers, but not as it should: {data['code']}: {data['cause_text']}"
    return f"{who} answers, and can {listed(can) or 'only answer'}{holds}{f'; {lacks}' if lacks else ''}"


def _slept(data: Data) -> str:
    return _parts(_took(data["sleep_ms"]), f"it takes {residency_text(data)} asleep", by_whom(data))


def _woken(data: Data) -> str:
    return _parts(_took(data["wake_ms"]), residency_text(data), by_whom(data))


def found_text(data: Data) -> str:
    """What was found in memory, and who had loaded it."""
    who = "loaded by somebody else" if data.get("origin") == "external" else "in memory without us"
    return f"{who}: {residency_text(data)}"


def _changed(data: Data) -> str:
    tokens = data["residency"]["context_tokens"]
    return _parts(residency_text(data), f"{tokens} tokens" if tokens else "", by_whom(data))


def _measured(data: Data) -> str:
    reported = f"{amounts(data['reported'])} reported" if data["reported"] else "nothing reported"
    return f"{amounts(data['sensed'])} by {data['provenance']}, {reported}"


def _underreported(data: Data) -> str:
    share = f"{data['added_per_mille'] / 10:g} %"
    return f"{share} is added to what it reports from here on, seen last with {data['model']}"


def _took(milliseconds: int) -> str:
    return f"in {span(milliseconds)}" if milliseconds else ""


def _parts(*parts: str) -> str:
    return ", ".join(part for part in parts if part)


#: Name of an event to what it says.
SUMMARIES: dict[str, Callable[[Data], str]] = {
    "ProviderObserved": _observed,
    "ModelSlept": _slept,
    "ModelWoken": _woken,
    "ModelWakeFailed": lambda data: f"{data['code']}: {data['cause_text']}",
    "ModelFound": found_text,
    "ResidencyChanged": _changed,
    "MemoryMeasured": _measured,
    "ResidencyAssumed": lambda _data: "its provider cannot load models, so it is there whenever that is",
    "EstimateExceeded": lambda data: f"{amounts(data['measured'])}, expected {amounts(data['expected'])}",
    "ContextShrunk": lambda data: f"{data['granted']} tokens of {data['asked']} asked for",
    "UnderreportingNoticed": _underreported,
}
