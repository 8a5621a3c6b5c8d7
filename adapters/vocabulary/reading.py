"""The vocabulary of a model by its GGUF file."""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

from .header import NoVocabulary, Value, read_tokenizer
from .merging import merged
from .splitting import SPLITTINGS, splitter
from .vocabulary import Vocabulary

__all__ = ["NoVocabulary", "vocabulary_of"]

#: Types of tokens that are found in a text as they are: unknown, control, and the user's own.
_SPECIAL = (2, 3, 4)
_BLANK = "\u2581"
#: Characters of a word that are put together at once: as many as take some milliseconds.
_LONGEST = 1 << 12


def vocabulary_of(path: Path) -> Vocabulary:
    """Read it, unless that was done lately. Raises `NoVocabulary` or `OSError`.

    Takes seconds for a large one: not for the event loop's thread.
    """
    status = path.stat()
    return _read(path, status.st_ino, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=8)
def _read(path: Path, *_identity: int) -> Vocabulary:
    fields = read_tokenizer(path)
    kind = fields.get("model")
    if kind == "gpt2":
        return _byte_pairs(fields)
    if kind == "llama":
        return _scored(fields)
    raise NoVocabulary(f"its tokenizer {kind!r} is not known here")


def _byte_pairs(fields: dict[str, Value]) -> Vocabulary:
    """Bytes, written as characters, that are merged in the order of a list."""
    name = fields.get("pre", "default")
    splitting = SPLITTINGS.get(name) if isinstance(name, str) else None
    if splitting is None:
        raise NoVocabulary(f"how it splits texts ({name!r}) is not known here")
    tokens = _texts(fields, "tokens")
    known = frozenset(tokens)
    ranks: dict[tuple[str, str], int] = {}
    for place, merge in enumerate(_texts(fields, "merges")):
        blank = merge.find(" ", 1)
        ranks.setdefault((merge[:blank], merge[blank + 1 :]), place)

    def rank(left: str, right: str) -> int | None:
        return ranks.get((left, right))

    def count(word: str) -> int:
        written = word.encode("utf-8", "replace").decode("latin-1").translate(_WRITTEN)
        if splitting.whole_words and written in known:
            return 1
        return sum(
            1 if part in known else sum(byte in known for byte in part) for part in merged(written, rank)
        )

    return Vocabulary(splitter(splitting.expressions), count, _special(fields, tokens))


def _scored(fields: dict[str, Value]) -> Vocabulary:
    """Characters that are merged into tokens, those of the highest score first, as SentencePiece does it."""
    tokens = _texts(fields, "tokens")
    scores = fields.get("scores", ())
    if not isinstance(scores, tuple) or len(scores) != len(tokens):
        raise NoVocabulary("its tokens have no scores")
    ranks = {
        token: -score for token, score in zip(tokens, scores, strict=True) if isinstance(score, int | float)
    }

    def rank(left: str, right: str) -> float | None:
        return ranks.get(left + right)

    def count(word: str) -> int:
        return sum(
            1 if part in ranks else len(part.encode("utf-8", "replace")) for part in merged(word, rank)
        )

    prefix = _BLANK if fields.get("add_space_prefix", True) else ""

    def prepare(text: str) -> str:
        return prefix + text.replace(" ", _BLANK)

    return Vocabulary(_word_by_word(tokens), count, _special(fields, tokens), prepare, _LONGEST)


def _word_by_word(tokens: Sequence[str]) -> Callable[[str], Iterator[str]]:
    """Nothing is merged across the beginning of a word: at a blank, unless tokens go on over blanks.

    Then words end where two characters meet that meet in no token.
    """
    if not any(_BLANK in token.lstrip(_BLANK) for token in tokens):
        return splitter((f"{_BLANK}+[^{_BLANK}]*|[^{_BLANK}]+",))
    pairs = frozenset(pair for token in tokens for pair in pairwise(token))

    def split(text: str) -> Iterator[str]:
        start = 0
        for place, pair in enumerate(pairwise(text), 1):
            if pair not in pairs:
                yield text[start:place]
                start = place
        yield text[start:]

    return split


def _texts(fields: dict[str, Value], name: str) -> tuple[str, ...]:
    found = fields.get(name)
    texts = tuple(text for text in found if isinstance(text, str)) if isinstance(found, tuple) else ()
    if not texts:
        raise NoVocabulary(f"it has no {name}")
    return texts


def _special(fields: dict[str, Value], tokens: Sequence[str]) -> list[str]:
    kinds = fields.get("token_type", ())
    given = kinds if isinstance(kinds, tuple) else ()
    return [token for token, kind in zip(tokens, given, strict=False) if kind in _SPECIAL]


def _as_written() -> dict[int, str]:
    """How GPT-2 writes bytes: printable ones as they are, and the others as characters from U+0100."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in plain]
    return {byte: chr(256 + place) for place, byte in enumerate(others)}


_WRITTEN = _as_written()
