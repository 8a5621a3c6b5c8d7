"""Vocabularies that are at hand without a download: those that litellm's package brings with it."""

from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from .tokens import MissingExtra, encoding

if TYPE_CHECKING:
    from tokenizers import Tokenizer


def families() -> dict[str, Callable[[str], int]]:
    """What counts, by the name that the estimator has for the vocabulary. Raises `MissingExtra`."""
    return {
        "o200k": _openai("o200k_base"),
        "cl100k": _openai("cl100k_base"),
        "p50k": _openai("p50k_base"),
        "claude": _claude,
    }


def claude_file() -> Path:
    """The vocabulary of Claude 2, as Hugging Face writes it. Raises `MissingExtra`."""
    litellm = find_spec("litellm")
    if litellm is None or litellm.origin is None:
        raise MissingExtra("litellm")
    return Path(litellm.origin).parent / "litellm_core_utils" / "tokenizers" / "anthropic_tokenizer.json"


@cache
def claude() -> "Tokenizer":
    """The same, loaded."""
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise MissingExtra("tokenizers") from None
    return Tokenizer.from_file(str(claude_file()))


def _openai(name: str) -> Callable[[str], int]:
    found = encoding(name)
    return lambda text: len(found.encode_ordinary(text))


def _claude(text: str) -> int:
    return len(claude().encode(text, add_special_tokens=False).ids)
