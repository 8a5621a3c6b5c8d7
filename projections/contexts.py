"""Contexts, agents and patterns in words."""

from collections.abc import Callable
from typing import Any

from .figures import count, listed, size, span

Data = dict[str, Any]

#: What happened to whom.
HAPPENED = {
    "ContextOpened": "context {context} was opened",
    "ContextRefused": "context {context} was not opened",
    "MessageAdded": "a message came to context {context}",
    "MessageRefused": "a message to context {context} was not taken in",
    "MessagePinned": "a message of context {context} was marked",
    "CompressionAsked": "context {context} was to be compressed",
    "ContextCompressionStarted": "the older messages of context {context} were to be summed up",
    "SummaryAttempted": "a summary of context {context} was of no use",
    "SummaryMade": "a summary of context {context} was made",
    "ContextCompressed": "the older messages of context {context} were replaced by a summary",
    "CompressionDiscarded": "a summary of context {context} was thrown away",
    "CompressionFailed": "context {context} could not be compressed",
    "PruneAsked": "messages of context {context} were to be left out",
    "ContextPruned": "messages of context {context} were left out",
    "OptimizationRefused": "context {context} was left as it was",
    "MessagesWanted": "messages of context {context} were wanted back",
    "MessagesRestored": "messages of context {context} were put back",
    "ContextUsed": "context {context} was sent to its model",
    "WindowWanted": "context {context} wanted a larger window",
    "WindowChosen": "another window was chosen for {model}",
    "CacheAsked": "context {context} was to be packed",
    "ContextCacheStarted": "the texts of context {context} were to be packed",
    "ModelCached": "context {context} was packed",
    "ContextCacheFailed": "context {context} could not be packed",
    "RestoreAsked": "context {context} was wanted back from the cache",
    "ContextRestoreStarted": "the texts of context {context} were to be unpacked",
    "ContextRestored": "context {context} was unpacked",
    "ContextRestoreFailed": "context {context} could not be unpacked",
    "ContextClosed": "context {context} was closed",
    "ContextRetired": "context {context} was closed",
    "ContextSettled": "what was under way with context {context} was given up",
    "ContextForgotten": "context {context} was forgotten",
    "AgentThrottled": "agent {agent} was throttled",
    "AgentReleased": "agent {agent} was throttled no more",
    "WorkingMemoryReduced": "what was held ready for {model} was let go",
    "MemoryOptimized": "memory was given back",
    "TokensReported": "{model} counted a prompt",
    "PatternStored": "pattern {pattern} was stored",
    "PatternsUsed": "patterns were used",
    "PatternRefused": "pattern {pattern} was not kept",
    "PatternTextsDeleted": "the texts of patterns were destroyed",
    "PatternRemoved": "pattern {pattern} was removed",
    "PatternsReclaimed": "patterns were given up",
}
#: Patterns that are named before the others are counted.
_NAMED = 5
#: Why something was decided, by rule; nothing where that goes without saying.
_RULES = {
    "compress.asked": "",
    "compress.done": "",
    "compress.due": "for little room was left",
    "compress.moved_on": "the context had moved on meanwhile",
    "compress.no_better": "it would have been no shorter with it",
    "prune.scores": "",
    "restore.wanted": "",
    "cache.asked": "somebody asked for it",
    "contexts.idle": "nobody had used it for long enough",
    "restore.asked": "somebody asked for it",
    "contexts.age": "nobody had used it for as long as one is kept open",
    "contexts.packed_age": "it had been packed for as long as one is kept open",
    "patterns.unused": "nobody had used them for long, nor often",
    "patterns.age": "for room, those unused for longest first",
    "patterns.usage": "for room, those used least first",
    "patterns.size": "for room, the largest first",
    "patterns.importance": "for room, the least important first",
    "patterns.limit": "",
}
_METHODS = {"extractive": "by excerpts", "model": "by its model"}


def error(data: Data) -> str:
    """Code and cause of a refusal: `CONTEXT_TOO_LARGE: it would have 1600 tokens, and 1500 are allowed`."""
    if "cause" in data["values"]:
        return f"{data['code']}: {data['values']['cause']}"
    values = ", ".join(f"{name} {value}" for name, value in data["values"].items() if name != "context")
    return f"{data['code']} ({values})" if values else str(data["code"])


def _because(data: Data) -> str:
    """Why it was decided, after a comma; nothing where the figures say it."""
    rule = str(data["reason"]["rule"])
    words = _RULES.get(rule, rule)
    return f", {words}" if words else ""


def _since(data: Data) -> str:
    """The same where there is nothing else to say."""
    return _because(data).removeprefix(", ")


def messages(spans: list[list[int]]) -> str:
    """Ordinals as a person reads them: `3, 5–9`."""
    return ", ".join(str(first) if first == last else f"{first}–{last}" for first, last in spans) or "none"


def _number(spans: list[list[int]]) -> int:
    return sum(last - first + 1 for first, last in spans)


def _opened(data: Data) -> str:
    budget = data["budget_tokens"]
    parts = [
        f"{data['model']}, window {data['window_tokens']} tokens",
        f"{data['reserve_tokens']} of them for the answer",
        "" if budget is None else f"at most {budget} tokens of messages",
        f"held by {data['agent']}" if data["agent"] else "",
    ]
    return ", ".join(part for part in parts if part)


def _added(data: Data) -> str:
    error = data["error_per_mille"]
    parts = [
        f"{data['role']}, {data['tokens']} tokens by {data['counted_by']}",
        f"(± {error / 10:g} %)" if error else "",
        f", {size(data['size'])}",
        f", {count(data['calls'], 'tool call')}" if data["calls"] else "",
        "" if data["answers"] is None else f", result of a call in message {data['answers']}",
        ", pinned" if data["pinned"] else "",
    ]
    return " ".join(part for part in parts[:2] if part) + "".join(parts[2:])


def _marked(data: Data) -> str:
    importance = data["importance"]
    said = "" if importance is None else f", importance {importance / 1000:g}"
    return f"message {data['ordinal']} {'pinned' if data['pinned'] else 'unpinned'}{said}"


def _asked_to_compress(data: Data) -> str:
    target = data["target_tokens"]
    aim = "" if target is None else f", to {target} tokens"
    return f"{_METHODS[data['method']]}{aim}"


def _compressing(data: Data) -> str:
    number = _number(data["replacing"])
    return (
        f"{count(number, 'message')} ({messages(data['replacing'])}) by at most {data['max_tokens']} tokens, "
        f"{_METHODS[data['method']]}{_because(data)}"
    )


def _attempted(data: Data) -> str:
    facts = f", {data['struck']} of {count(data['facts'], 'fact')} struck" if data["facts"] else ""
    return f"attempt {data['attempt']} by {data['model']}: {data['problem']}{facts}"


def _summary(data: Data) -> str:
    struck = f", {data['struck']} that could not be verified struck" if data["struck"] else ""
    return (
        f"{data['tokens']} tokens for messages {messages(data['replacing'])}, {_METHODS[data['method']]}, "
        f"{count(data['facts'], 'fact')}{struck}"
    )


def _from_to(data: Data) -> str:
    return f"{data['before_tokens']} → {data['after_tokens']} tokens"


def _saved(data: Data) -> str:
    texts = data["before_bytes"] - data["after_bytes"]
    kv = data["saved_kv_bytes"]
    return f"{size(texts)} of text{f' and about {size(kv)} of keys and values' if kv else ''} less"


def _compressed(data: Data) -> str:
    left = f"{count(data['removed_messages'], 'message')} ({messages(data['dropped'])})"
    return f"{_from_to(data)}: {left} stand in the summary {data['summary']}, {_saved(data)}"


def _pruned(data: Data) -> str:
    left = f"{count(data['removed_messages'], 'message')} ({messages(data['dropped'])})"
    return f"{_from_to(data)}: {left} left out, {_saved(data)}"


def _asked_to_prune(data: Data) -> str:
    tokens, octets = data["target_tokens"], data["target_bytes"]
    targets = [
        "" if tokens is None else f"{tokens} tokens",
        "" if octets is None else size(octets),
    ]
    return f"to {listed([target for target in targets if target])}, scored by {data['scorer']}"


def _cached(data: Data) -> str:
    return (
        f"{count(data['messages'], 'message')}, {size(data['before_bytes'])} → {size(data['after_bytes'])} "
        f"in {count(data['blocks'], 'block')} of {data['cache_path']}"
    )


def _restored(data: Data) -> str:
    lost = f"; damaged and lost: {messages(data['lost'])}" if data["lost"] else ""
    return f"{count(data['messages'], 'message')}, {size(data['bytes'])} in {span(data['restore_ms'])}{lost}"


def _put_back(data: Data) -> str:
    return f"{_from_to(data)}: {messages(data['restored'])}"


def _agent(data: Data) -> str:
    used, limit = size(data["used_bytes"]), size(data["limit_bytes"])
    if used == limit:
        used, limit = f"{data['used_bytes']} B", f"{data['limit_bytes']} B"
    return f"its contexts have {used} of text, and {limit} are allowed"


def _reduced(data: Data) -> str:
    freed = [f"{size(octets)} of {what}" for what, octets in data["freed"].items()]
    slots = f"; {count(data['slots'], 'slot')}, about {size(data['saved_kv_bytes'])}" if data["slots"] else ""
    return f"{listed(freed) or 'nothing'}{slots}"


def _optimized(data: Data) -> str:
    whose = f" of {data['model']}" if data["model"] else ""
    return (
        f"{data['strategy']}: {count(data['contexts'], 'context')}{whose}, "
        f"{size(data['saved_text_bytes'])} of text, about {size(data['saved_kv_bytes'])} of keys and values"
    )


def _reported(data: Data) -> str:
    estimated, reported = data["estimated_tokens"], data["reported_tokens"]
    error = (estimated - reported) * 100 / reported if reported else 0
    return f"{reported} tokens, {estimated} expected ({error:+.1f} %)"


def _used(data: Data) -> str:
    request = data["request"]
    whither = "" if request is None else f" with request/{request}"
    return f"{count(data['messages'], 'message')}, {data['tokens']} tokens{whither}"


def _chosen(data: Data) -> str:
    whom = f" for context {data['context']}" if data["context"] else ""
    because = ", for the one before could not be had" if data["failed"] else ""
    return f"{data['before_tokens']} → {data['context_tokens']} tokens from its next load on{whom}{because}"


def _failed(data: Data) -> str:
    return f"{data['code']}: {data['cause_text']}"


def _stored(data: Data) -> str:
    return f"{data['sort']}, {size(data['size'])}, importance {data['importance'] / 1000:g}"


def _reclaimed(data: Data) -> str:
    return f"{_some(data['patterns'])}, {size(data['freed_bytes'])}{_because(data)}"


def _some(names: list[str]) -> str:
    more = [f"{len(names) - _NAMED} more"] if len(names) > _NAMED else []
    return listed([*names[:_NAMED], *more])


#: Name of an event to what it says.
SUMMARIES: dict[str, Callable[[Data], str]] = {
    "ContextOpened": _opened,
    "ContextRefused": error,
    "MessageAdded": _added,
    "MessageRefused": error,
    "MessagePinned": _marked,
    "CompressionAsked": _asked_to_compress,
    "ContextCompressionStarted": _compressing,
    "SummaryAttempted": _attempted,
    "SummaryMade": _summary,
    "ContextCompressed": _compressed,
    "CompressionDiscarded": _since,
    "CompressionFailed": _failed,
    "PruneAsked": _asked_to_prune,
    "ContextPruned": _pruned,
    "OptimizationRefused": lambda data: f"{data['what']}: {error(data)}",
    "MessagesWanted": lambda data: messages(data["wanted"]),
    "MessagesRestored": _put_back,
    "ContextUsed": _used,
    "WindowWanted": lambda data: f"{data['tokens']} tokens, the answer included",
    "WindowChosen": _chosen,
    "CacheAsked": lambda _data: "its texts are to be packed",
    "ContextCacheStarted": _since,
    "ModelCached": _cached,
    "ContextCacheFailed": _failed,
    "RestoreAsked": lambda _data: "its texts are wanted",
    "ContextRestoreStarted": _since,
    "ContextRestored": _restored,
    "ContextRestoreFailed": _failed,
    "ContextClosed": lambda _data: "nothing is added to it any more",
    "ContextRetired": _since,
    "ContextSettled": lambda data: f"it was {data['was']} when the manager before this one ended",
    "ContextForgotten": lambda _data: "its texts cannot be read any more",
    "AgentThrottled": _agent,
    "AgentReleased": _agent,
    "WorkingMemoryReduced": _reduced,
    "MemoryOptimized": _optimized,
    "TokensReported": _reported,
    "PatternStored": _stored,
    "PatternsUsed": lambda data: f"{count(sum(data['uses'].values()), 'use')} of {len(data['uses'])}",
    "PatternRefused": error,
    "PatternTextsDeleted": lambda data: _some(data["patterns"]),
    "PatternRemoved": lambda _data: "somebody removed it",
    "PatternsReclaimed": _reclaimed,
}
