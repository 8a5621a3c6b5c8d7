"""How a prompt that Ollama cut without a word can be told from one that it did not."""

from collections.abc import Sequence

from ....domain.ports import Message, Truncation
from ..wire.truncation import cut, estimate_tokens
from .versions import Version

#: Tokens that it keeps from the beginning, without and with the one that begins every prompt.
_KEPT = (4, 5)
#: Our estimate is nearly always at least so many twentieths of the real number; see wire/truncation.py.
_ESTIMATE_TWENTIETHS = 9


def truncation(
    messages: Sequence[Message], prompt_tokens: int | None, window: int, version: Version
) -> Truncation | None:
    """What was cut; None where nothing was, or nobody can tell.

    Since 0.30 half a window is left of a prompt that is longer than it: exactly so many tokens that it is a
    signature. Before, a whole window is. Either can be a prompt's own length, so it has to be a text that
    could have filled the window. The oldest messages of a conversation are left out by every version: that
    shows as far fewer tokens than were sent, from versions on that count cached ones.
    """
    if prompt_tokens is None or not window:
        return None
    if prompt_tokens >= window or prompt_tokens in halves(window):
        expected = estimate_tokens(messages)
        if expected * 20 >= window * _ESTIMATE_TWENTIETHS:
            signature = "halved" if prompt_tokens < window else "filled"
            return Truncation(prompt_tokens, max(expected, window), window, signature)
    return cut(messages, prompt_tokens, window) if version.since(0, 12) else None


def halves(window: int) -> set[int]:
    """Numbers of tokens that are left of a prompt longer than the window."""
    return {window - max((window - kept) // 2, 1) for kept in _KEPT if window > kept}
