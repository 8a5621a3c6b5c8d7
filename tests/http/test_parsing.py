"""Answers of HTTP are read as h11 reads them, or refused."""

from contextlib import suppress

import h11
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bursar.adapters.http.failures import BadAnswer, ConnectionBroken, HttpFailure, TooLarge
from bursar.adapters.http.parsing import Parser

from .test_reading import CUTS, pieces

HEADS = st.sampled_from(
    [b"HTTP/1.1 200 OK", b"HTTP/1.1 404 ", b"HTTP/1.1 500", b"HTTP/1.0 200 OK", b"HTTP/1.1 204 None"]
)
BODIES = st.binary(max_size=40)


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    """An answer as servers send it, in one of the three framings."""
    head = draw(HEADS)
    headers = draw(
        st.lists(
            st.sampled_from([b"X: 1", b"x:2 ", b"Connection: close", b"Connection: Keep-Alive", b"Date:"])
        )
    )
    body = draw(BODIES)
    framing = draw(st.sampled_from(["length", "chunked", "close"]))
    if b"204" in head or (framing == "chunked" and b"1.0" in head):
        body, framing = b"", "length"
    if framing == "length" and b"204" not in head:
        headers.append(b"Content-Length: %d" % len(body))
    if framing == "chunked":
        headers.append(b"Transfer-Encoding: chunked")
        parts = [part for part in pieces(body, draw(CUTS)) if part]
        body = (
            b"".join(b"%x;q=1\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\nTrailer: t\r\n\r\n"
        )
    interim = draw(
        st.sampled_from([b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Hints\r\nLink: x\r\n\r\n"])
    )
    return interim + b"\r\n".join([head, *headers, b"", b""]) + body


def ours(stream: list[bytes], method: str = "GET") -> tuple[int, dict[str, str], bytes, bool, bool]:
    parser = Parser(method, 64 << 10)
    body = b"".join([parser.feed(piece) for piece in stream])
    if not parser.done:
        parser.end()
    return parser.status, parser.headers, body, parser.done, parser.reusable


def theirs(stream: bytes) -> tuple[int, dict[str, str], bytes, bool, bool]:
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="GET", target="/", headers=[("Host", "x")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(stream)
    status, headers, body, closed = 0, dict[str, str](), b"", False
    while not isinstance(event := connection.next_event(), h11.EndOfMessage):
        if event is h11.NEED_DATA:
            connection.receive_data(b"")
            closed = True
        if isinstance(event, h11.Response):
            status = event.status_code
            for name, value in event.headers:
                key, text = name.decode(), value.decode("latin-1")
                headers[key] = f"{headers[key]}, {text}" if key in headers else text
        elif isinstance(event, h11.Data):
            body += event.data
    return status, headers, body, True, connection.their_state is h11.DONE and not closed


@given(answers(), CUTS)
@example(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", [])
def test_h11_reads_the_same_wherever_the_answer_is_cut(answer: bytes, cuts: list[int]) -> None:
    expected = theirs(answer)
    assert ours([answer]) == expected
    assert ours([piece for piece in pieces(answer, cuts) if piece]) == expected
    assert ours([bytes([byte]) for byte in answer]) == expected


@given(st.lists(st.binary(min_size=1, max_size=60)), st.booleans())
def test_junk_is_a_failure_of_http_and_nothing_else(junk: list[bytes], with_head: bool) -> None:
    head = [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"] if with_head else []
    with suppress(HttpFailure):
        ours([*head, *junk])


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"PRI * HTTP/2.0\r\n\r\n",
        b"\x15\x03\x01\x00\x02\x02\x46",
        b"<html>",
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 099 No\r\n\r\n",
        b"HTTP/1.1 200 OK\n\n",
        b"HTTP/1.1 200 OK\r\nX: a\nY: b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX : space\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: 1\r\n folded\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x2\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000000\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nlonger",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;" + b"x" * 5000,
    ],
)
def test_what_is_not_http_or_could_be_read_in_two_ways_is_refused(answer: bytes) -> None:
    for stream in ([answer], [bytes([byte]) for byte in answer]):
        with pytest.raises(BadAnswer):
            ours(stream)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * (64 << 10),
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * (64 << 10) + b"\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 4000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"x: y\r\n" * 16_000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"x" * (65 << 10),
    ],
)
def test_headers_interim_answers_and_trailers_have_one_cap(answer: bytes) -> None:
    with pytest.raises(TooLarge) as caught:
        ours([answer])
    assert caught.value.part == "headers"


@pytest.mark.parametrize(
    ("answer", "answered"),
    [
        (b"", False),
        (b"H", True),
        (b"HTTP/1.1 100 Continue\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok", True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n", True),
    ],
)
def test_an_answer_that_ends_early_is_broken(answer: bytes, answered: bool) -> None:
    with pytest.raises(ConnectionBroken) as caught:
        ours([answer] if answer else [])
    assert caught.value.answered is answered


@pytest.mark.parametrize(
    ("method", "answer", "reusable"),
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", True),
        ("HEAD", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", True),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n", True),
        ("GET", b"HTTP/1.1 204 No Content\r\nConnection: upgrade, Close\r\n\r\n", False),
        ("GET", b"HTTP/1.1 101 Switching Protocols\r\n\r\n", False),
        ("GET", b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", False),
        # HTTP/1.0 has no say in it, as in h11.
        ("GET", b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n", False),
        # More than the answer came: the next one would begin with it.
        ("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\n", False),
        ("GET", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nHTTP", False),
        ("HEAD", b"HTTP/1.1 200 OK\r\n\r\nsurprise", False),
    ],
)
def test_an_answer_without_a_body(method: str, answer: bytes, reusable: bool) -> None:
    _, _, body, done, may_be_reused = ours([answer], method)
    assert (body, done, may_be_reused) == (b"", True, reusable)
