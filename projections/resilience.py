"""Breakers, retries, recovery and fallbacks in words."""

from collections.abc import Callable
from typing import Any

from .figures import count, span

Data = dict[str, Any]

#: What happened to whom.
HAPPENED = {
    "BreakerSet": "an operator set the breaker of {provider}",
    "BreakerChanged": "the breaker of {provider} became {after}",
    "ConcurrencyChanged": "how many {provider} serves at once changed",
    "RecoveryStarted": "something was to be done for {provider}",
    "RecoveryFinished": "what was to be done for {provider} was done or given up",
    "RetryAsked": "request/{request} failed before its first byte",
    "RetryGranted": "request/{request} was to be tried again",
    "RetryDenied": "request/{request} was not tried again",
    "RequestRedirected": "request/{request} was given to {fallback}",
}
#: Why a request has to wait, by rule.
WAITS = {
    "queue.busy": "the provider of {model} was busy, and was not to be asked yet",
    "queue.breaker": "the breaker of its provider let no more calls through for the moment",
    "queue.ramp": "the provider of {model} was recovering, and served as many as it might by then",
    "queue.concurrency": "the provider of {model} served as many as it could bear",
}
_CHANGED = {
    "breaker.failure_rate": "{failed} of {calls} calls failed",
    "breaker.slow_call_rate": "{slow} of {calls} calls were slow",
    "breaker.wait_over": "it had been left alone for long enough",
    "breaker.probes_late": "the calls that were let through took too long",
    "breaker.probes_passed": "{calls} calls were let through, and {failed} failed",
    "breaker.ramp_over": "it had been serving more and more without failing",
    "breaker.operator": "an operator wanted it so",
    "breaker.handed_back": "an operator left it to the rules again",
    "breaker.mode": "the settings want it so",
}
_CONCURRENCY = {
    "concurrency.cut": "it was busy, slow or timed out",
    "concurrency.raised": "it answered as it should",
    "recovery.scale_down": "it kept failing",
}
_DENIED = {
    "retry.code": "a failure of that kind is not tried again",
    "retry.attempts": "it had been tried as often as it may",
    "retry.breaker": "the breaker of its provider was not closed",
    "retry.wait": "it would have had to wait for too long",
    "retry.budget": "too many requests were being tried again already",
}
_REDIRECTED = {
    "fallback.breaker": "the breaker of its provider was open",
    "fallback.load_failed": "it could not be loaded",
    "fallback.cool_down": "it could not be loaded a moment ago",
    "fallback.unknown": "its provider could not be asked for it",
    "fallback.failed": "its provider had failed",
}


def _rule(data: Data) -> str:
    return str(data["reason"]["rule"])


def _limit(limit: int | None) -> str:
    return "as many as its slots" if limit is None else str(limit)


def changed(data: Data) -> str:
    """Why a breaker moved."""
    phrase = _CHANGED.get(_rule(data))
    return phrase.format_map(data) if phrase else _rule(data)


def limited(data: Data) -> str:
    """Why a provider serves more or fewer at once."""
    because = _CONCURRENCY.get(_rule(data), _rule(data))
    return f"{_limit(data['before'])} → {_limit(data['after'])}: {because}"


def denied(data: Data) -> str:
    """Why a call was not made again."""
    return f"{data['code']}, and {_DENIED.get(_rule(data), _rule(data))}"


def redirected(data: Data) -> str:
    """Why another model answered."""
    return f"{_REDIRECTED.get(_rule(data), _rule(data))}, and the settings name {data['fallback']} for it"


def again(data: Data) -> str:
    """When a call is made again."""
    return f"attempt {data['attempt']} in {span(data['wait_ms'])}"


def begun(data: Data) -> str:
    """What is done for a provider."""
    return f"{data['action']}, after {count(data['failures'], 'failure')} in a row"


def _moved(data: Data) -> str:
    wait = f", for {span(data['wait_ms'])} at most" if data["wait_ms"] else ""
    return f"{data['before']} → {data['after']}{wait}: {changed(data)}"


def _finished(data: Data) -> str:
    return f"{data['action']}{'' if data['ok'] else ' failed'}: {data['cause_text']}"


#: What an event says, short, by its type.
SUMMARIES: dict[str, Callable[[Data], str]] = {
    "BreakerSet": lambda data: f"is to be {data['state']}",
    "BreakerChanged": _moved,
    "ConcurrencyChanged": limited,
    "RecoveryStarted": begun,
    "RecoveryFinished": _finished,
    "RetryAsked": lambda data: f"{data['code']}: {data['cause_text']}",
    "RetryGranted": again,
    "RetryDenied": denied,
    "RequestRedirected": lambda data: f"{data['model']} → {data['fallback']}: {redirected(data)}",
}
#: Why it was decided, by its type.
GROUNDS: dict[str, Callable[[Data], str]] = {
    "BreakerChanged": changed,
    "ConcurrencyChanged": limited,
    "RecoveryStarted": begun,
    "RetryGranted": again,
    "RetryDenied": denied,
    "RequestRedirected": redirected,
}
