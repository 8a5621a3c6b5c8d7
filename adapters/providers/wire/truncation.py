"""Whether a provider cut a prompt without a word: it counts fewer tokens than the prompt can have had.

The estimate counts what no tokenizer known to us puts into one token: a run of letters, of up to three
digits, of punctuation, and of up to three characters of Chinese, Japanese or Korean. Against the vocabulary
of Llama 3.2 (128,000 entries, as it lies in Ollama's tests) it is 0.6 to 0.9 of the real count for English
prose, dialogue, Markdown, JSON and Python, and 0.45 to 0.57 for Russian, Thai, Chinese, Japanese and
Korean. It was never above it: the highest of 480 windows of 4,000 characters was 0.97, and one word
repeated a thousand times has 1.00. A larger vocabulary has fewer tokens for the same text, hence the margin
of `far_below`.

Ollama halves a prompt that is too long: what is left of the first kind is seen to be too little, of the
second only sometimes. A conversation whose oldest messages were left out is seen when about half of it is
gone.
"""

import asyncio
import re
from collections.abc import Callable, Sequence
from typing import TypeVar

from ....domain.ports import Message, Truncation

_DENSE = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_PIECE = re.compile(
    rf"[{_DENSE}]{{1,3}}"
    # Words longer than this are often put together from several entries.
    rf"|[^\W\d_{_DENSE}]{{1,12}}"
    r"|\d{1,3}"
    # A single mark may be one token with the letters behind it: `_name`, `(name`.
    r"|(?:[^\w\s]|_){2,}|(?:[^\w\s]|_)(?![^\W\d_])"
)
#: Tokens that are within the error of any estimate.
_SLACK = 32
#: Characters that are looked at in one go, a millisecond or two; and of a prompt that is judged at once.
_SLICE = 1 << 13

T = TypeVar("T")


def estimate_tokens(messages: Sequence[Message]) -> int:
    """Tokens that a conversation has at least, without what the model's template adds."""
    return sum(_estimate(text) for message in messages for text in _texts(message))


async def aside(judge: Callable[[], T], messages: Sequence[Message]) -> T:
    """What a judgement of a prompt comes to: a megabyte takes a quarter of a second, and is for a thread."""
    if sum(len(text) for message in messages for text in _texts(message)) <= _SLICE:
        return judge()
    return await asyncio.to_thread(judge)


def _estimate(text: str) -> int:
    """Of a long text slice by slice: a regular expression lets no other thread run. A cut makes one more."""
    starts = range(0, len(text), _SLICE)
    found = sum(len(_PIECE.findall(text, start, start + _SLICE)) for start in starts)
    return max(0, found - max(0, len(starts) - 1))


def _texts(message: Message) -> list[str]:
    """What a template writes of a message: its text, and its calls."""
    called = [text for call in message.tool_calls for text in (call.name, call.arguments)]
    return [message.content, *called]


def far_below(expected_tokens: int, prompt_tokens: int) -> bool:
    """Whether so few tokens cannot be all of a prompt that should have at least `expected_tokens`."""
    missing = expected_tokens - prompt_tokens
    return missing > _SLACK and missing * 8 > expected_tokens


def cut(messages: Sequence[Message], prompt_tokens: int, context_tokens: int) -> Truncation | None:
    """What to say of a prompt of which the provider counted so many tokens; None where nothing is missing.

    `prompt_tokens` has to count the cached ones, too: a provider that leaves them out must not be judged.
    """
    # No tokenizer has more tokens than bytes: what is that short fits, and none of it can be missing.
    size = sum(len(text.encode()) for message in messages for text in _texts(message))
    if size <= max(prompt_tokens, context_tokens):
        return None
    expected = estimate_tokens(messages)
    if not far_below(expected, prompt_tokens):
        return None
    return Truncation(prompt_tokens, expected, context_tokens, "far_below_estimate")
