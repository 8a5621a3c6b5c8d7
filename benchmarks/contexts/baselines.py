"""What others do with a conversation and a question: none of it is the product's."""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from math import log
from random import Random

from bursar.domain.selection.values import Turn
from bursar.domain.selection.words import terms

from .metric import fill, order
from .tokens import MissingExtra

#: Given a budget of tokens, the indices of the turns that are kept.
Keeper = Callable[[float], set[int]]
#: Given a question, what is kept.
Chooser = Callable[[str], Keeper]
#: Given a conversation's turns and their tokens, its chooser.
Baseline = Callable[[Sequence[Turn], Sequence[int]], Chooser]

_K1, _B = 1.2, 0.75
_SEED = 5


def filled(ranked: Sequence[int], tokens: Sequence[int]) -> Keeper:
    """What a ranking keeps: what is first in it, as long as it fits."""
    return lambda budget: fill(ranked, tokens, budget)


def chance(turns: Sequence[Turn], tokens: Sequence[int]) -> Chooser:
    """Any, others for each question."""
    random = Random(_SEED)
    return lambda _question: filled(random.sample(range(len(turns)), len(turns)), tokens)


def window(turns: Sequence[Turn], tokens: Sequence[int]) -> Chooser:
    """The most recent."""
    newest_first = range(len(turns) - 1, -1, -1)
    return lambda _question: filled(newest_first, tokens)


def trimmed(turns: Sequence[Turn], tokens: Sequence[int]) -> Chooser:
    """`trim_messages` of LangChain with the strategy `last`. Raise MissingExtra without it."""
    try:
        from langchain_core.messages import (
            BaseMessage,
            HumanMessage,
            trim_messages,  # pyright: ignore[reportUnknownVariableType] - its own types are incomplete
        )
    except ImportError:
        raise MissingExtra("langchain-core") from None
    messages = [HumanMessage(turn.text, id=str(at)) for at, turn in enumerate(turns)]

    def count(counted: list[BaseMessage]) -> int:
        return sum(tokens[int(message.id or 0)] for message in counted)

    @cache
    def keep(budget: float) -> set[int]:
        kept = trim_messages(messages, max_tokens=int(budget), token_counter=count, strategy="last")
        return {int(message.id or 0) for message in kept}

    return lambda _question: keep


def bm25(turns: Sequence[Turn], tokens: Sequence[int]) -> Chooser:
    """BM25 over `speaker: text` with our words: stems, no stop words. As plain words it is worse."""
    documents = [Counter(terms(f"{turn.speaker}: {turn.text}")) for turn in turns]
    lengths = [sum(document.values()) for document in documents]
    average = sum(lengths) / len(lengths)
    found_in = Counter(word for document in documents for word in document)

    def score(asked: Sequence[str], document: Counter[str], length: int) -> float:
        total = 0.0
        for word in asked:
            if count := document[word]:
                rarity = log(1 + (len(turns) - found_in[word] + 0.5) / (found_in[word] + 0.5))
                total += rarity * count * (_K1 + 1) / (count + _K1 * (1 - _B + _B * length / average))
        return total

    def choose(question: str) -> Keeper:
        asked = terms(question)
        return filled(order([score(asked, *pair) for pair in zip(documents, lengths, strict=True)]), tokens)

    return choose


#: By the name in the tables.
BASELINES: dict[str, Baseline] = {
    "random": chance,
    "sliding window": window,
    "LangChain trim": trimmed,
    "BM25": bm25,
}
