"""Lines and events are the same wherever the pieces of a stream end."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.adapters.http.failures import TooLarge
from bursar.adapters.http.port import ServerEvent
from bursar.adapters.http.reading import Events, Lines

#: Made of what matters, so that ends meet ends.
STREAMS = st.lists(
    st.sampled_from(
        [b"\n", b"\r", b"\r\n", b"data", b":", b" ", b"event: x", b"{}", "ü€".encode(), b"data: y"]
    )
).map(b"".join)
CUTS = st.lists(st.integers(0, 100), max_size=8)


def pieces(stream: bytes, cuts: list[int]) -> list[bytes]:
    bounds = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
    return [stream[begin:end] for begin, end in pairwise(bounds)]


def lines_of(stream: list[bytes], cap: int = 1000) -> list[bytes]:
    lines = Lines(cap)
    found = [line for piece in stream for line in lines.feed(piece)]
    return [*found, *([rest] if (rest := lines.rest()) else [])]


def events_of(stream: list[bytes], cap: int = 1000) -> list[ServerEvent]:
    events = Events(cap)
    found = [events.feed(line) for line in lines_of(stream)]
    return [event for event in (*found, events.end()) if event]


@given(STREAMS, CUTS)
def test_lines_are_those_of_the_whole_wherever_it_is_cut(stream: bytes, cuts: list[int]) -> None:
    assert lines_of(pieces(stream, cuts)) == stream.splitlines()
    assert lines_of([bytes([byte]) for byte in stream]) == stream.splitlines()


@given(STREAMS, CUTS)
def test_events_are_those_of_the_whole_wherever_it_is_cut(stream: bytes, cuts: list[int]) -> None:
    assert events_of(pieces(stream, cuts)) == events_of([stream])


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (b"data: a\n\ndata:b\n\n", [("", b"a"), ("", b"b")]),
        # Only one space goes.
        (b"data:  a \n\n", [("", b" a ")]),
        (b"data: a\ndata: b\n\n", [("", b"a\nb")]),
        (b"data\n\n", [("", b"")]),
        (b": ping\n\n:\n\ndata: a\n\n", [("", b"a")]),
        (b"event: progress\ndata: {}\n\ndata: a\n\n", [("progress", b"{}"), ("", b"a")]),
        # A name without data is no event, and is not kept for the next.
        (b"event: lone\n\ndata: a\n\n", [("", b"a")]),
        (b"id: 7\nretry: 5\nunknown: x\ndata: a\n\n", [("", b"a")]),
        (b"\xef\xbb\xbfdata: a\n\n", [("", b"a")]),
        (b"data: a\r\rdata: b\r\n\r\n", [("", b"a"), ("", b"b")]),
        # Lines of JSON where events should be.
        (b'{"error":"x"}\n{"b":1}', [("", b'{"error":"x"}'), ("", b'{"b":1}')]),
        # The end that the last one lacks is forgiven.
        (b"data: [DONE]", [("", b"[DONE]")]),
    ],
)
def test_an_event(stream: bytes, expected: list[tuple[str, bytes]]) -> None:
    assert events_of([stream]) == [ServerEvent(event, data) for event, data in expected]


@pytest.mark.parametrize("stream", [[b"x" * 11], [b"x" * 6, b"x" * 5], [b"ok\n" + b"x" * 11 + b"\nok\n"]])
def test_a_line_may_not_be_longer_than_the_cap(stream: list[bytes]) -> None:
    with pytest.raises(TooLarge) as caught:
        lines_of(stream, cap=10)
    assert (caught.value.part, caught.value.limit) == ("line", 10)


def test_a_line_as_long_as_the_cap_passes_wherever_it_is_cut() -> None:
    assert lines_of([b"12345", b"67890\n1234567890"], cap=10) == [b"1234567890", b"1234567890"]


def test_an_event_without_an_end_may_not_have_more_data_than_the_cap() -> None:
    with pytest.raises(TooLarge):
        events_of([b"data: 12345\n" * 3], cap=10)
    assert events_of([b"data: 1234567890\n\n" * 3], cap=10) == [ServerEvent("", b"1234567890")] * 3
