"""What becomes of a prompt that is too long, version by version."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from .. import calling
from ..world import tokens
from .bodies import Ask, Refused
from .scheduler import Runner
from .switches import Switches

_NUM_KEEP = 4
_TOO_LONG = (
    "the prompt is longer than the context length currently available to the model; shorten the prompt, "
    "adjust the context length in settings, or use a model with a longer context length"
)
_TOO_LONG_EARLIER = "the input length exceeds the context length"


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a model computes."""

    text: str
    #: How many tokens of it there are, after whatever was cut.
    tokens: int


def prompt_of(ask: Ask, runner: Runner, switches: Switches) -> Prompt:
    """The prompt of a chat or a completion, cut as that version cuts it. Raises `Refused`."""
    window = runner.instance.context
    cuts = ask.flag("truncate", True) is not False or not switches.since(0, 12, 6)
    if "messages" in ask.fields:
        messages = _messages(ask)
        text = _render(_fitting(messages, window) if cuts else messages)
    else:
        text = _render([{"role": "user", "content": str(ask.fields.get("prompt") or "")}])
    count = len(tokens(text))
    if switches.since(0, 30):
        return Prompt(text, _counted(count, window, cuts, runner.wanted.shift, switches))
    if count > window:
        if not cuts:
            raise Refused(400, _TOO_LONG_EARLIER)
        count = window
    return Prompt(text, count)


def _counted(count: int, window: int, cuts: bool, shift: bool, switches: Switches) -> int:
    """Since 0.30: half of the window is left, or nothing is done."""
    if count < window:
        return count
    if not cuts:
        raise Refused(400, _nested(count, window))
    if not shift:
        raise Refused(400, _TOO_LONG if switches.since(0, 30, 9) else _nested(count, window))
    keep = min(_NUM_KEEP + switches.adds_bos, window - 1)
    return window - max((window - keep) // 2, 1)


def _nested(count: int, window: int) -> str:
    """The answer of llama-server as it is: JSON in a text."""
    text = "the request exceeds the available context size. try increasing the context size or enable shift"
    error = {"code": 400, "message": text, "type": "exceed_context_size_error"}
    return json.dumps({"error": {**error, "n_prompt_tokens": count, "n_ctx": window}})


def _messages(ask: Ask) -> list[dict[str, Any]]:
    return [cast("dict[str, Any]", each) for each in ask.fields["messages"] if isinstance(each, dict)]


def _fitting(messages: list[dict[str, Any]], window: int) -> Sequence[dict[str, Any]]:
    """Without the oldest that are not the system's, until it fits; the last one always stays."""
    for first in range(len(messages)):
        system = [each for each in messages[:first] if each.get("role") == "system"]
        left = [*system, *messages[first:]]
        if len(tokens(_render(left))) <= window:
            return left
    return [each for each in messages[:-1] if each.get("role") == "system"] + messages[-1:]


def _render(messages: Sequence[dict[str, Any]]) -> str:
    texts = [f"{each.get('content') or ''}{calling.written(each)}" for each in messages]
    roles = [each.get("role") for each in messages]
    return "".join(f"<|{role}|>{text}\n" for role, text in zip(roles, texts, strict=True)) + "<|answer|>"
