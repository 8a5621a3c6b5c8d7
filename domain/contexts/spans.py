"""Runs of ordinals: the window of a long conversation in a few numbers."""

from collections.abc import Container, Iterable, Iterator

from .values import Span, Spans


def ordinals(spans: Spans) -> Iterator[int]:
    """Every ordinal, in the order of the runs."""
    for first, last in spans:
        yield from range(first, last + 1)


def spans_of(numbers: Iterable[int]) -> Spans:
    """The runs of ordinals in the order given; a run goes on as long as each is one more than the last."""
    runs: list[Span] = []
    first = last = -1
    for number in numbers:
        if number == last + 1 and first >= 0:
            last = number
            continue
        if first >= 0:
            runs.append(Span(first, last))
        first = last = number
    return (*runs, Span(first, last)) if first >= 0 else ()


def length(spans: Spans) -> int:
    """How many ordinals there are."""
    return sum(last - first + 1 for first, last in spans)


def holds(spans: Spans, ordinal: int) -> bool:
    """Whether an ordinal is among them."""
    return any(first <= ordinal <= last for first, last in spans)


def backwards(spans: Spans) -> Iterator[int]:
    """Every ordinal, the last one first."""
    for first, last in reversed(spans):
        yield from range(last, first - 1, -1)


def appended(spans: Spans, ordinal: int) -> Spans:
    """The runs with one more ordinal behind them."""
    if spans and spans[-1].last == ordinal - 1:
        return (*spans[:-1], Span(spans[-1].first, ordinal))
    return (*spans, Span(ordinal, ordinal))


def shortened(spans: Spans) -> Spans:
    """The runs without the last ordinal."""
    first, last = spans[-1]
    return (*spans[:-1], Span(first, last - 1)) if last > first else spans[:-1]


def without(spans: Spans, dropped: Container[int]) -> Spans:
    """The runs without some of their ordinals."""
    return spans_of(number for number in ordinals(spans) if number not in dropped)
