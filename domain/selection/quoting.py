"""Messages' own words within another text, so that they cannot be taken for anything but words."""

import re
from typing import Final

from .identifiers import UNSEEN, is_json

_CONTROL: Final = re.compile(f"[\x00-\x1f\x7f-\x9f\u2028\u2029{UNSEEN}]+")
#: What chat templates take for the end of a message, the beginning of another, or a call: `<|im_end|>`,
#: `<\uff5cUser\uff5c>`, `</s>`, `<end_of_turn>`, `<tool_call>`, `[INST]`, `<<SYS>>`.
_TAGS: Final = re.compile(
    r"<(?=[|\uff5c]|/?(?:s|sys|bos|eos|pad|unk|think|thinking|tools?|tool_calls?|tool_response|tool_result|"
    r"function_calls?|invoke|start_of_turn|end_of_turn|start_of_image|system|user|assistant|human|model|context|instructions?)\b)|"
    r"\[(?=/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|TOOL_CONTENT|ARGS|THINK|IMG)\b)",
    re.IGNORECASE,
)
#: How a summary names a message.
_CITATION: Final = re.compile(r"\[(?=m[0-9]+[\],])")
#: A string, closed or not; space; or the rest.
_JSON: Final = re.compile(r'"(?:[^"\\]|\\.)*+"?|\s++', re.DOTALL)


def quoted(text: str) -> str:
    """The text on one line, word for word, with one space between its words."""
    return defused(" ".join(text.split()))


def defused(line: str) -> str:
    """A line without control characters; what commands a model, or cites, loses its meaning by a space."""
    return _CITATION.sub("[ ", _TAGS.sub(_opened, _CONTROL.sub("", line)))


def minified(text: str) -> str:
    """JSON without the space between its values, each of which stays as it is written; others as they are."""
    return _JSON.sub(_kept, text) if is_json(text) else text


def _opened(match: re.Match[str]) -> str:
    return f"{match.group()} "


def _kept(match: re.Match[str]) -> str:
    return match.group() if match.group()[0] == '"' else ""
