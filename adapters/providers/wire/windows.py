"""Whether an error says that a prompt is too long, and the numbers it gives, in the words of many servers."""

import re

from .complaint import Complaint

_KINDS = {"exceed_context_size_error", "context_length_exceeded"}
_OVERFLOW = re.compile(
    "maximum context length"
    "|context_length_exceeded|exceed_context_size"
    # llama.cpp; LM Studio when an answer grows out of the window; Ollama, three times
    "|exceeds? the (?:available |model's |maximum )?context (?:size|length|window)"
    "|context (?:size|length|window) (?:has been )?exceeded"
    "|longer than the (?:model's )?context length|exceeds maximum context length"
    # LM Studio; vLLM's engine; Anthropic's dialect; llama.cpp's embeddings
    "|when context (?:the )?overflows|maximum model length|prompt is too long|too large to process"
)

#: Where the number of the prompt's tokens is, the most exact first: `requested` may count the answer's too.
_PROMPT = (
    re.compile(r"(\d+) in the (?:messages|prompt|input)"),
    re.compile(r"prompt contains (?:at least )?(\d+)"),
    re.compile(r"has (\d+) input tokens"),
    re.compile(r"resulted in (\d+) tokens"),
    re.compile(r"prompt \(length (\d+)\)"),
    re.compile(r"(?:request|input) \((\d+) tokens\)"),
    re.compile(r"keep the first (\d+) tokens"),
    re.compile(r"too long: (\d+) tokens"),
    re.compile(r"requested (\d+)"),
)
_CONTEXT = (
    re.compile(r"maximum (?:context|model) length (?:is|of) (\d+)"),
    re.compile(r"context (?:size|length|window) \((\d+)"),
    re.compile(r"context length of only (\d+)"),
    re.compile(r"tokens > (\d+)"),
    re.compile(r"batch size: (\d+)"),
)


def overflows(complaint: Complaint) -> bool:
    """Whether it says that the prompt does not fit."""
    return not _KINDS.isdisjoint(complaint.kinds) or bool(_OVERFLOW.search(complaint.words))


def prompt_tokens(complaint: Complaint) -> int | str:
    """How long it says the prompt is, or `unknown`."""
    given = complaint.prompt_tokens
    return given if given is not None else _number(_PROMPT, complaint.words)


def context_tokens(complaint: Complaint) -> int | str:
    """How long it says the window is, or `unknown`."""
    given = complaint.context_tokens
    return given if given is not None else _number(_CONTEXT, complaint.words)


def _number(places: tuple[re.Pattern[str], ...], words: str) -> int | str:
    found = next((match[1] for place in places if (match := place.search(words))), "")
    # More digits than these are no number of tokens.
    return int(found) if 0 < len(found) < 16 else "unknown"
