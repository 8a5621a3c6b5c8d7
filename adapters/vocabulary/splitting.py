"""How texts are split into words before anything is merged, by the names that GGUF files have for it.

As llama.cpp does it, which is what runs these files: its source is the only place where the names are
written down. Each expression splits what the ones before it left whole; what lies between its matches is a
word, too. Names that are missing here could not be compared with the engine, and are not counted with.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from .letters import compiled

_GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?[\p{L}]+| ?[\p{N}]+| ?[\p{Rest}]+|[\p{s}]+(?![^\p{s}])"
_SHORT_FORMS = r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"
_REST = r" ?[\p{Rest}]+[\r\n]*|[\p{s}]*[\r\n]+|[\p{s}]+(?![^\p{s}])|[\p{s}]+"
_MARKED_WORD = r"[\p{Free}]?[\p{L}]+"
_LLAMA3 = rf"{_SHORT_FORMS}|{_MARKED_WORD}|[\p{{N}}]{{1,3}}|{_REST}"
_QWEN2 = rf"{_SHORT_FORMS}|{_MARKED_WORD}|[\p{{N}}]|{_REST}"
_CASED = (
    r"[\p{{Free}}]?[\p{{Large}}]*[\p{{Small}}]+{0}"
    r"|[\p{{Free}}]?[\p{{Large}}]+[\p{{Small}}]*{0}"
)
_CASED_REST = r" ?[\p{Rest}]+[\r\n/]*|[\p{s}]*[\r\n]+|[\p{s}]+(?![^\p{s}])|[\p{s}]+"
_DEEPSEEK3 = (
    r"[\p{N}]{1,3}",
    "[一-龥\u3040-\u309f\u30a0-\u30ff]+",
    (
        r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[\p{Loose}]?[\p{L}\p{M}]+"
        r"| ?[\p{P}\p{S}]+[\r\n]*|[\p{s}]*[\r\n]+|[\p{s}]+(?![^\p{s}])|[\p{s}]+"
    ),
)


class Splitting(NamedTuple):
    """The expressions, and whether a word that is a token is not put together from its parts."""

    expressions: tuple[str, ...]
    whole_words: bool = False


_PLAIN = ("gpt-2", "phi-2", "mpt", "olmo", "jais", "roberta-bpe", "jina-v2-code", "modern-bert")
_PLAIN_TOO = ("gigachat", "mellum", "a.x-4.0", "trillion")
_DIGIT_BY_DIGIT = ("starcoder", "refact", "command-r", "smollm", "codeshell", "exaone", "minerva-7b")
_LLAMAS = ("llama3", "llama-v3", "llama-bpe", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2", "glm4")
_QWENS = ("qwen2", "deepseek-r1-qwen", "stablelm2", "megrez", "kormo", "hunyuan", "grok-2")

#: By the name of the pre-tokenizer in the file; one without a name has the default.
SPLITTINGS: dict[str, Splitting] = {
    "default": Splitting((r"[\p{P}$+<=>^~|]+", _GPT2, r"[\p{N}]+", "[0-9][0-9][0-9]")),
    **dict.fromkeys((*_PLAIN, *_PLAIN_TOO), Splitting((_GPT2,))),
    **dict.fromkeys(_DIGIT_BY_DIGIT, Splitting((r"[\p{N}]", _GPT2))),
    "falcon": Splitting((r"[\p{P}$+<=>^~|`]+", _GPT2, "[0-9][0-9][0-9]")),
    **dict.fromkeys(_LLAMAS, Splitting((_LLAMA3,), whole_words=True)),
    **dict.fromkeys(("dbrx", "smaug-bpe", "chatglm-bpe"), Splitting((_LLAMA3,))),
    **dict.fromkeys(_QWENS, Splitting((_QWEN2,))),
    **dict.fromkeys(("deepseek-v3", "hunyuan-dense", "joyai-llm"), Splitting(_DEEPSEEK3)),
    "tekken": Splitting((rf"{_CASED.format('')}|[\p{{N}}]|{_CASED_REST}",), whole_words=True),
    **dict.fromkeys(
        ("gpt-4o", "llama4"),
        Splitting((rf"{_CASED.format(_SHORT_FORMS + '?')}|[\p{{N}}]{{1,3}}|{_CASED_REST}",)),
    ),
}


def splitter(expressions: Sequence[str]) -> Callable[[str], Iterator[str]]:
    """What yields a text's words one by one, no sooner than they are asked for."""
    find = compiled(expressions[0]).finditer

    def split(text: str) -> Iterator[str]:
        end = 0
        for match in find(text):
            start, stop = match.span()
            if start > end:
                yield text[end:start]
            if stop > start:
                yield text[start:stop]
            end = stop
        if end < len(text):
            yield text[end:]

    if len(expressions) == 1:
        return split
    further = splitter(expressions[1:])
    return lambda text: (word for part in split(text) for word in further(part))
