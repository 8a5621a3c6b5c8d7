"""Small models with vocabularies of either kind, which tell right splitting and merging from wrong."""

import random
from collections import Counter
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from bursar.testing.gguf import write_model

if TYPE_CHECKING:
    import gguf

_CONTROL, _USERS = "<|end|>", "\u00abuser\u00bb"
#: Words that no merges lead to: only splittings that take whole words as they are find them.
_WHOLE = ("zebra", " zebra", "zZz")

#: What texts are made of, so that all that splits words is met, next to everything else.
PIECES = (
    *"aAbZ éßЖд中あ한ไम",
    *"0123٣²½",
    *" \t\n\r\u00a0\u3000",
    *"'.,!?-_/\\()[]{}\"#$%<>=+*&|^~`@:;",
    *"’“—…€😀\u0301",
    *(
        "'s",
        "'LL",
        "don't",
        "the ",
        " in",
        "  ",
        "\n\n",
        "    return",
        "HTTPServer",
        "camelCase",
        "x_1",
        "2024",
    ),
    *(
        "1234567",
        "3.14",
        '{"a": [1, 2]}',
        "こんにちは",
        "Привет",
        "<|end|>",
        "http://a.b/c?d=1",
        "\r\n",
        "ſ",
        "İ",
        "zebra",
        " zebra",
        "zZz",
    ),
)


def sample(seed: int, pieces: int) -> str:
    """A text of so many pieces, single ones and runs."""
    chance = random.Random(seed)
    return "".join(chance.choice(PIECES) * chance.choice((1, 1, 1, 2, 3, 9)) for _ in range(pieces))


def write_byte_pairs(path: Path, pre: str) -> Path:
    """Merges are learnt from texts that are not split: only splitting keeps words apart."""
    written = _written()
    merges = _learnt(tuple(written[byte] for byte in _learning(1).encode()), 500)
    joined = [left + right for left, right in merges]
    whole = ["".join(written[byte] for byte in word.encode()) for word in _WHOLE]
    tokens = list(dict.fromkeys([*sorted(set(written.values())), *joined, *whole]))

    def add(writer: "gguf.GGUFWriter") -> int:
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre(pre)
        everything = [*tokens, _CONTROL, _USERS]
        writer.add_token_list(everything)
        writer.add_token_types([*[1] * len(tokens), 3, 4])
        writer.add_token_merges([f"{left} {right}" for left, right in merges])
        writer.add_bos_token_id(len(tokens))
        writer.add_eos_token_id(len(tokens))
        return len(everything)

    return write_model(path, embedding=8, blocks=1, heads=1, vocabulary=add)


def write_scored(path: Path, *, over_blanks: bool = False) -> Path:
    """Tokens of several characters with scores, some of them equal; `over_blanks`: some go on over one."""
    text = _learning(2).replace(" ", "\u2581")
    pieces = dict.fromkeys(left + right for left, right in _learnt(tuple(text), 400))
    words = [piece for piece in pieces if over_blanks or "\u2581" not in piece.lstrip("\u2581")]
    single = [each for each in sorted(set(text)) if each not in "中ไ😀"]
    bytes_ = [f"<0x{byte:02X}>" for byte in range(256)]
    tokens = ["<unk>", _CONTROL, "</s>", *bytes_, *single, *words]
    scores = [0.0] * 259 + [-1000.0] * len(single) + [-float(place // 2) for place in range(len(words))]

    def add(writer: "gguf.GGUFWriter") -> int:
        writer.add_tokenizer_model("llama")
        writer.add_token_list(tokens)
        writer.add_token_scores(scores)
        writer.add_token_types([2, 3, 3, *[6] * 256, *[1] * (len(tokens) - 259)])
        writer.add_bos_token_id(1)
        writer.add_eos_token_id(2)
        writer.add_unk_token_id(0)
        return len(tokens)

    return write_model(path, embedding=8, blocks=1, heads=1, vocabulary=add)


def _learning(seed: int) -> str:
    """What merges are learnt from."""
    text = sample(seed, 900).replace(_CONTROL, "")
    for word in sorted(_WHOLE):
        text = text.replace(word, "")
    return text


@lru_cache(maxsize=4)
def _learnt(symbols: tuple[str, ...], count: int) -> list[tuple[str, str]]:
    """The pair that is met most often, again and again."""
    parts, merges = list(symbols), list[tuple[str, str]]()
    for _ in range(count):
        pairs = Counter(pairwise(parts))
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        merges.append(best)
        joined: list[str] = []
        for part in parts:
            if joined and (joined[-1], part) == best:
                joined[-1] += part
            else:
                joined.append(part)
        parts = joined
    return merges


def _written() -> dict[int, str]:
    """How GPT-2 writes bytes (`bytes_to_unicode` of its `encoder.py`)."""
    plain = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in plain]
    return {byte: chr(byte) for byte in plain} | {byte: chr(256 + place) for place, byte in enumerate(others)}
