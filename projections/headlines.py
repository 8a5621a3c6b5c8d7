"""The first sentence of an explanation: what happened, and because of what."""

from collections.abc import Callable
from typing import Any

from . import contexts, residency, resilience
from .explanation import Findings, Link
from .figures import amounts, count, listed, moment, span
from .log import REDACTED, error_text, summary

#: What happened to whom; `{model}` and `{request}` are the event's own.
_HAPPENED = {
    "RequestArrived": "request/{position} arrived",
    "RequestQueued": "{subject} had to wait",
    "LeaseGranted": "request/{request} got {model}",
    "RequestFinished": "request/{request} ended",
    "RequestCancelled": "request/{request} was withdrawn",
    "PromptTruncated": "the prompt of request/{request} was cut",
    "RequestRejected": "request/{request} was turned away",
    "RequestExpired": "request/{request} was given up",
    "LeaseRevoked": "request/{request} lost its lease on {model}",
    "RequestAborted": "request/{request} was aborted",
    "ModelLoadStarted": "{model} was to be loaded",
    "ModelLoaded": "{model} was loaded",
    "ModelLoadFailed": "{model} could not be loaded",
    "ModelCooledDown": "{model} could be tried again after its failed load",
    "ModelDrainStarted": "{model} was to leave",
    "ModelDrainCancelled": "{model} could stay, for the load that displaced it was off",
    "ModelUnloadStarted": "{model} was to be unloaded",
    "ModelUnloaded": "{model} was unloaded",
    "ModelUnloadFailed": "{model} could not be unloaded",
    "ModelLost": "{model} vanished without us",
    "ModelFound": "{model} was found in memory",
    "ModelWrittenOff": "{model} was struck from the books",
    "PlanAbandoned": "the plan to make room for {model} was given up",
    "ResourcesFreed": "what was to be freed was free",
    "MemoryOvercommitted": "more memory was in use than may be",
    "MemoryRelieved": "memory was within its limits again",
    **resilience.HAPPENED,
    **residency.HAPPENED,
    **contexts.HAPPENED,
}
#: Why a plan was given up, by rule.
_ABANDONED = {
    "plan.unwanted": "nobody waited for it any more",
    "plan.needless": "it needed no room any more",
    "plan.outdated": "it needs another amount by now",
    "plan.pinned": "somebody who was to leave has been pinned",
    "plan.better": "there was room by now without taking a model that is in use",
    "plan.unfit": "the plans did not fit the limits together any more",
}
#: Why a request was aborted, by rule.
_ABORTED = {
    "manager.started": "the manager that it had asked was gone",
    "manager.stopping": "the manager was closing",
}
#: Why a request has to wait, by rule.
_WAITS = {
    "queue.starting": "the manager was still finding out what is in memory",
    "queue.loading": "{model} was still being loaded",
    "queue.draining": "{model} was about to leave",
    "queue.unloading": "{model} was being unloaded",
    "queue.slots": "{model} served as many as it can already",
    **resilience.WAITS,
    "queue.barrier": "a request that had waited too long already goes first",
    "admission.wait": "there was no room for {model}, and nobody who could leave",
}
_LEAVES = ("ModelDrainStarted", "ModelUnloadStarted", "ModelUnloaded", "ModelUnloadFailed", "ModelSlept")
_LOADS = ("ModelLoadStarted", "ModelLoaded", "ModelLoadFailed", "ModelWoken", "ModelWakeFailed")


def headline(findings: Findings) -> str:
    """`llama:a was unloaded at … (#31): room had to be made for llama:b, which request/24 asked for.`"""
    because = _because(findings)
    return f"{happened(findings)}{': ' if because else ''}{because}."


def happened(findings: Findings) -> str:
    """What happened, when and where it is written."""
    link = findings.asked
    named = ("model", "request", "provider", "after", "fallback", "context", "agent", "pattern")
    values = {"position": link.position, **{name: link.data.get(name) for name in named}}
    phrase = _HAPPENED.get(link.type, "{type} was recorded").format(
        type=link.type, subject=link.subject, **values
    )
    if link.redacted and link.type != "RequestQueued":
        phrase = f"{link.type} of {link.subject} was recorded"
    elif link.type == "EvictionPlanned":
        phrase = f"it was planned that {listed(link.data['victims']) or 'nobody more'} should leave"
    return f"{phrase} at {moment(link.at)} (#{link.position})"


def _because(findings: Findings) -> str:
    link = findings.asked
    if link.redacted:
        return REDACTED
    known = _GROUNDS.get(link.type)
    if link.data.get("origin") == "external" and link.type not in ("ModelLost", "ModelFound"):
        return summary(link.type, link.data)
    if known is not None:
        return known(findings, link)
    if link.type in _LEAVES:
        return _left(findings, link)
    if link.type in _LOADS:
        return _loaded(findings, link)
    return _summary(link)


def _summary(link: Link) -> str:
    return summary(link.type, {**link.data, "reason": {"rule": link.reason.rule if link.reason else ""}})


def _left(findings: Findings, link: Link) -> str:
    """Why a model had to leave."""
    drain = findings.link("ModelDrainStarted")
    if drain is None:
        return summary(link.type, link.data)
    plan = findings.link("EvictionPlanned")
    match drain.data["motive"]:
        case "evicted" | "pressure" if plan is not None:
            because = _room(findings, plan)
        case "idle":
            because = _idle(drain)
        case "operator":
            because = f"{_wished_by(findings)} wanted it out of memory"
        case "recovery":
            because = "its provider kept failing, and was to have less to do"
        case "shutdown":
            because = "the manager was closing"
        case "window":
            because = "a conversation had outgrown its window, and it was to come back with a larger one"
        case motive:
            because = str(motive)
    held = drain.data["leases"]
    parts = [
        link.data["cause_text"] if link.type == "ModelUnloadFailed" else "",
        because,
        f"{count(held, 'request')} still held it and could finish first" if held else "",
    ]
    return "; ".join(part for part in parts if part)


def _room(findings: Findings, plan: Link) -> str:
    """For whom room was made, and what was missing."""
    if plan.data["model"] is None:
        return f"{amounts(plan.data['shortfall'])} more was in use than may be"
    what = f"room had to be made for {plan.data['model']}, {_wanted_by(findings)}"
    missing = plan.data["shortfall"]
    return f"{what} (short of {amounts(missing)})" if missing else what


def _idle(drain: Link) -> str:
    tests = drain.reason.tests if drain.reason else ()
    figures = [test for test in tests if test.what == "idle_ms"]
    if not figures:
        return "nobody had used it for long enough"
    idle, limit = int(figures[0].left), int(figures[0].right)
    return f"nobody had used it for {span(idle)}, and it was worth keeping idle for {span(limit)}"


def _loaded(findings: Findings, link: Link) -> str:
    """For whom a model was loaded, who left for it, and what came of it."""
    order = findings.link("ModelLoadStarted")
    request = findings.link("RequestArrived") if order and order.data["request"] else None
    room = findings.link("EvictionPlanned")
    victims = listed(room.data["victims"]) if room else ""
    parts = [
        f"{_asker(request)} asked for it" if request else "the settings want it in memory from the start",
        f"{victims} left for it" if victims else "",
        summary(link.type, link.data) if link.type != "ModelLoadStarted" else "",
    ]
    return "; ".join(part for part in parts if part)


def _planned(findings: Findings, link: Link) -> str:
    return _room(findings, link)


def _waits(findings: Findings, link: Link) -> str:
    rule = link.reason.rule if link.reason else ""
    plan = findings.link("EvictionPlanned")
    if rule == "queue.plan" and plan is not None:
        return f"{listed(plan.data['victims']) or 'somebody'} had to leave first"
    if rule in _WAITS:
        return _WAITS[rule].format(model=link.data["model"])
    return summary(link.type, {**link.data, "reason": {"rule": rule}})


def _granted(findings: Findings, link: Link) -> str:
    waited = link.data["waited_ms"]
    ended = findings.link("RequestFinished", "RequestCancelled")
    if ended is not None:
        return f"after {span(waited)}, when {ended.subject} had let go of it"
    if findings.link("ModelLoadStarted") is None:
        return f"it was in memory and free, after {span(waited)}"
    plan = findings.link("EvictionPlanned")
    victims = listed(plan.data["victims"]) if plan else ""
    left = f", and {victims} had to leave" if victims else ""
    return f"after {span(waited)}, for it had to be loaded{left}"


def _rejected(findings: Findings, link: Link) -> str:
    failed = findings.link("ModelLoadFailed")
    if failed is not None and link.reason and link.reason.rule == "load.failed":
        return f"{link.data['model']} could not be loaded, {failed.data['cause_text']}"
    return f"{link.data['model']}: {error_text(link.data)}"


def _aborted(_findings: Findings, link: Link) -> str:
    rule = link.reason.rule if link.reason else ""
    return _ABORTED.get(rule, rule)


def _lost(_findings: Findings, link: Link) -> str:
    whose = residency.by_whom(link.data)
    return f"{link.data['cause_text']}; {whose or 'no event of the journal caused it'}"


def _compressing(findings: Findings, link: Link) -> str:
    """Why older messages are summed up."""
    return f"{_filling(link) or _asked_for(findings, 'CompressionAsked')}; {_summary(link)}"


def _compressed(findings: Findings, link: Link) -> str:
    """Why older messages were summed up, and what came of it."""
    begun = findings.link("ContextCompressionStarted")
    because = (_filling(begun) if begun else "") or _asked_for(findings, "CompressionAsked")
    return f"{because}; {_summary(link)}"


def _filling(begun: Link) -> str:
    """How full the window was, where that is why; nothing where somebody asked."""
    if begun.reason is None or begun.reason.rule != "compress.due":
        return ""
    held = next(test for test in begun.reason.tests if test.what == "window_tokens")
    return f"{held.left} tokens were sent of it, and from {held.right} on it is compressed"


def _pruned(findings: Findings, link: Link) -> str:
    """Why messages were left out, and what came of it."""
    return f"{_asked_for(findings, 'PruneAsked')}; {_summary(link)}"


def _asked_for(findings: Findings, fact: str) -> str:
    asked = findings.link(fact)
    if asked is None:
        return "it was wanted"
    return f"it was wanted (#{asked.position}) {summary(asked.type, asked.data)}"


def _abandoned(_findings: Findings, link: Link) -> str:
    rule = link.reason.rule if link.reason else ""
    return _ABANDONED.get(rule, rule)


def _revoked(_findings: Findings, link: Link) -> str:
    return error_text(link.data)


def _written_off(findings: Findings, _link: Link) -> str:
    lost = findings.link("ModelLost")
    if lost is None:
        return "it had vanished"
    whose = residency.by_whom(lost.data)
    return f"it had vanished, {lost.data['cause_text']}{f'; {whose}' if whose else ''}"


def _says_it_all(_findings: Findings, _link: Link) -> str:
    return ""


def _wanted_by(findings: Findings) -> str:
    """Who asked for the model: the request at the end of the chain."""
    request = findings.link("RequestArrived")
    return f"which {_asker(request)} asked for" if request else "which nobody waited for"


def _asker(request: Link) -> str:
    agent = request.data["agent"]
    return f"request/{request.position}{f' of {agent}' if agent else ''}"


def _wished_by(findings: Findings) -> str:
    wish = findings.link("UnloadRequested", "FreeRequested")
    return wish.actor if wish and wish.actor != "bursar" else "an operator"


def _told(tell: Callable[[dict[str, Any]], str]) -> Callable[[Findings, Link], str]:
    def of_link(_findings: Findings, link: Link) -> str:
        return tell({**link.data, "reason": {"rule": link.reason.rule if link.reason else ""}})

    return of_link


_GROUNDS: dict[str, Callable[[Findings, Link], str]] = {
    "EvictionPlanned": _planned,
    "RequestQueued": _waits,
    "LeaseGranted": _granted,
    "RequestRejected": _rejected,
    "RequestAborted": _aborted,
    "LeaseRevoked": _revoked,
    "ModelWrittenOff": _written_off,
    "ModelCooledDown": _says_it_all,
    "ModelDrainCancelled": _says_it_all,
    "MemoryRelieved": _says_it_all,
    "ModelLost": _lost,
    "PlanAbandoned": _abandoned,
    "ContextCompressionStarted": _compressing,
    "ContextCompressed": _compressed,
    "ContextPruned": _pruned,
    **{kind: _told(tell) for kind, tell in resilience.GROUNDS.items()},
}
