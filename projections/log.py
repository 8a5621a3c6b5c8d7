"""One line for each event: when, what, about what, and the figures that matter."""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from ..eventstore.records import Record
from . import contexts, residency, resilience
from .fields import fields
from .figures import amounts, count, listed, moment, size, span
from .residency import residency_text

Data = dict[str, Any]

#: How it is known that a prompt was cut, by signature.
_CUTS = {
    "halved": "the provider halved the prompt, as Ollama does when it shifts the context",
    "filled": "it fills the window to the last token, and the rest is gone",
    "far_below_estimate": "the provider counted far fewer than the prompt must have",
    "reported": "the provider says so",
}
#: Of an event whose data is gone.
REDACTED = "its data has been redacted"
_UNKNOWN_MAX = 120


class Line(NamedTuple):
    """An event in a list."""

    position: int
    at: int
    kind: str
    type: str
    subject: str
    actor: str
    #: What happened, from the fields of the event; never stored.
    summary: str

    def __str__(self) -> str:
        return f"{self.position} {moment(self.at)} {self.type} {self.subject}: {self.summary}"


def line(record: Record) -> Line:
    """The line of one event."""
    return Line(
        position=record.position,
        at=record.at,
        kind=record.kind,
        type=record.type,
        subject=record.subject,
        actor=record.actor,
        summary=REDACTED if record.data is None else summary(record.type, fields(record)),
    )


def summary(event_type: str, data: Data) -> str:
    """What an event says, short; the data itself for a type that this code does not know."""
    known = SUMMARIES.get(event_type)
    if known is not None:
        try:
            return known(data)
        except (LookupError, TypeError, ValueError, AttributeError):
            # It says less than its type does: redacted, or changed. Here one looks for what is wrong.
            if data.keys() <= {"reason"}:
                return REDACTED
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return text if len(text) <= _UNKNOWN_MAX else f"{text[: _UNKNOWN_MAX - 1]}…"


def error_text(data: Data) -> str:
    """Code and values of a rejection: `QUEUE_FULL (waiting 4, limit 4)`."""
    values = ", ".join(f"{name} {value}" for name, value in data["values"].items() if name != "model")
    return f"{data['code']} ({values})" if values else str(data["code"])


def _rule(data: Data) -> str:
    return str(data["reason"]["rule"])


def _arrived(data: Data) -> str:
    parts = [f"{data['purpose']} with {data['model']}"]
    if data["agent"]:
        parts.append(f"for {data['agent']}")
    if data["priority"]:
        parts.append(f"priority {data['priority']}")
    if data["deadline_ms"] is not None:
        parts.append(f"within {span(data['deadline_ms'])}")
    return ", ".join(parts)


def _truncated(data: Data) -> str:
    left, had = data["prompt_tokens"], data["expected_tokens"]
    window = f" (window {data['context_tokens']})" if data["context_tokens"] else ""
    return f"{data['model']} was told {left} of about {had} tokens{window}: {_CUTS[data['signature']]}"


def _finished(data: Data) -> str:
    parts = [f"{data['outcome']} after {span(data['held_ms'])}"]
    if data["prompt_tokens"] is not None:
        parts.append(f"{data['prompt_tokens']} tokens in, {data['completion_tokens'] or 0} out")
    if data["error_code"]:
        parts.append(f"{data['error_code']}: {data['error']}")
    return ", ".join(parts)


def _described(data: Data) -> str:
    known = data["description"]
    expected = known["weights_bytes"] + known["kv_bytes_per_token"] * known["context_tokens"]
    return (
        f"{size(expected + known['overhead_bytes'])} expected on {known['device']} ({known['provenance']}), "
        f"{known['context_tokens']} tokens, {count(known['slots'], 'slot')}"
    )


def _planned(data: Data) -> str:
    short = f"short of {amounts(data['shortfall'])}" if data["shortfall"] else "waits for memory"
    victims = f"{listed(data['victims'])} must leave" if data["victims"] else "nobody more must leave"
    return f"{short}: {victims} ({_rule(data)})"


def _drain(data: Data) -> str:
    held = f", {count(data['leases'], 'lease')} still held" if data["leases"] else ""
    return f"{data['motive']}{held}"


def _load_started(data: Data) -> str:
    who = f"for request/{data['request']}, " if data["request"] else ""
    woken = ", by waking it" if data.get("how") == "wake" else ""
    return f"{who}{amounts(data['need'])}{woken} ({_rule(data)})"


def _sampled(data: Data) -> str:
    reading = data["reading"]
    devices = [
        f"{device['device']} {size(device['used_bytes'])} of {size(device['total_bytes'])} used"
        for device in reading["devices"]
    ]
    return ", ".join([*devices, f"cpu {reading['cpu_per_mille'] / 10:g} %"])


def _settings(data: Data) -> str:
    settings = data["settings"]
    limits = settings["limits"]
    memory = limits["memory_bytes"]
    parts = [
        f"at most {count(limits['max_models_loaded'], 'model')}",
        "no limit of bytes" if memory is None else size(memory),
        f"{limits['memory_threshold_per_mille'] / 10:g} % of a device",
        f"eviction {settings['eviction']['policy']}",
    ]
    return ", ".join(parts)


#: Name of an event to what it says.
SUMMARIES: dict[str, Callable[[Data], str]] = {
    "RequestArrived": _arrived,
    "RequestQueued": lambda data: f"waits for {data['model']} ({_rule(data)})",
    "LeaseGranted": lambda data: f"{data['model']} after {span(data['waited_ms'])}",
    "RequestFinished": _finished,
    "PromptTruncated": _truncated,
    "RequestCancelled": lambda _data: "whoever asked went away",
    "RequestRejected": lambda data: f"{data['model']}: {error_text(data)}",
    "RequestExpired": lambda data: f"{data['model']} was not free within {span(data['waited_ms'])}",
    "LeaseRevoked": lambda data: f"{data['model']}: {error_text(data)}",
    "RequestAborted": lambda data: f"{data['model']} ({_rule(data)})",
    **resilience.SUMMARIES,
    **residency.SUMMARIES,
    **contexts.SUMMARIES,
    "ModelDescribed": _described,
    "ModelLoadStarted": _load_started,
    "ModelLoaded": lambda data: f"in {span(data['load_ms'])}, {residency_text(data)}",
    "ModelLoadFailed": lambda data: f"{data['code']}: {data['cause_text']}",
    "ModelCooledDown": lambda _data: "it may be tried again",
    "ModelDrainStarted": _drain,
    "ModelDrainCancelled": lambda _data: "it may stay",
    "ModelUnloadStarted": lambda data: f"{data['motive']}{', by sleep' * (data.get('how') == 'sleep')}",
    "ModelUnloaded": lambda data: f"in {span(data['unload_ms'])}",
    "ModelUnloadFailed": lambda data: str(data["cause_text"]),
    "ModelLost": lambda data: str(data["cause_text"]),
    "ModelWrittenOff": lambda _data: "struck from the books",
    "EffectOutcomeUnknown": lambda data: f"nobody heard what became of position {data['intent']}",
    "PinChanged": lambda data: "pinned" if data["pinned"] else "unpinned",
    "UnloadRequested": lambda data: f"{data['model']} is to leave",
    "FreeRequested": lambda _data: "whatever nobody uses is to leave",
    "EvictionPlanned": _planned,
    "PlanAbandoned": lambda data: f"no room for {data['model']} after all ({_rule(data)})",
    "ResourcesFreed": lambda data: f"{amounts(data['freed'])} by {count(len(data['models']), 'model')}",
    "MemoryOvercommitted": lambda data: f"{amounts(data['excess'])} too much in use",
    "MemoryRelieved": lambda _data: "within the limits again",
    "MetricsSampled": _sampled,
    "SettingsChanged": _settings,
    "StateDigested": lambda data: f"{data['digest'][:16]}…",
    "ManagerStarted": lambda data: f"bursar {data['code_version']}, process {data['pid']} on {data['host']}",
    "ManagerReconciled": lambda _data: "what is in memory is known; requests may be served",
    "ManagerStopping": lambda _data: "nothing new is served",
    "ManagerStopped": lambda _data: "in good order",
    "SubjectForgotten": lambda data: f"{size(data['stored_bytes'])} in {data['bodies']} bodies are gone",
    "EventRedacted": lambda data: f"the data of #{data['event']} is taken out: {data['because']}",
    "TimerFired": lambda _data: "a moment that was waited for has come",
}
