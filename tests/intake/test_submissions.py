"""The lines that are sent, and the lines that answer."""

import json
from string import Formatter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bursar.domain import errors
from bursar.domain.errors import BursarError, SubmissionRefused
from bursar.eventstore.intake.submissions import (
    EVENTS_MAX,
    LINE_MAX,
    Positions,
    Statement,
    Submission,
    canonical,
    from_answer,
    from_line,
    to_answer,
    to_line,
    to_refusal,
)

names = st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=10)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
integers = st.integers(-(1 << 63), (1 << 63) - 1)
values = st.recursive(
    st.none() | st.booleans() | integers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
statements = st.builds(
    Statement,
    st.sampled_from(["fact", "decision"]),
    names,
    st.integers(1, (1 << 31) - 1),
    names,
    st.dictionaries(texts, values, max_size=3),
)
submissions = st.builds(Submission, names, names, st.lists(statements, min_size=1, max_size=2), st.booleans())

EVENT: dict[str, Any] = {"kind": "fact", "type": "T", "version": 1, "subject": "s", "data": {}}
GOOD: dict[str, Any] = {"command": "c", "actor": "a", "events": [EVENT]}


def good(event: dict[str, Any] | None = None, **changes: Any) -> bytes:
    """A submission with changes, to it or to its only event."""
    fields = {**GOOD, **changes}
    if event is not None:
        fields["events"] = [{**EVENT, **event}]
    return json.dumps(fields).encode()


def each(why: str, key: str, *wrong: object) -> list[tuple[bytes, str]]:
    """Submissions that are wrong in one place, and what is said of them."""
    changes: list[dict[str, Any]] = [{key: one} for one in wrong]
    return [(good(change) if key in EVENT else good(**change), why) for change in changes]


def nested(depth: int) -> bytes:
    """A submission that is nested so deep: the outer object, its list, the event and the data are four."""
    return good({"data": "X"}).replace(b'"X"', b'{"x":' + b"[" * (depth - 4) + b"]" * (depth - 4) + b"}")


@settings(max_examples=50)
@given(submissions)
def test_what_was_submitted_is_what_is_read(submission: Submission) -> None:
    line = to_line(submission)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert from_line(line[:-1]) == submission


@settings(max_examples=50)
@given(submissions)
def test_the_data_is_one_text_whatever_way_it_was_sent(submission: Submission) -> None:
    line = to_line(submission)[:-1]
    spaced = json.dumps(json.loads(line), ensure_ascii=False, indent=1).replace("\n", "\r").encode()
    assert [canonical(event.data) for event in from_line(spaced).events] == [
        canonical(event.data) for event in submission.events
    ]


def test_half_of_the_defaults_need_not_be_said() -> None:
    assert from_line(good()) == Submission("c", "a", [Statement("fact", "T", 1, "s", {})], durable=False)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"", "it is not JSON"),
        (b"null", "the request .* must be an object .*None"),
        (b"[]", "the request .* must be an object"),
        (b"{}", "lacks 'command'"),
        (b"{", "it is not JSON"),
        (b"{}{}", "it is not JSON"),
        (b"\xff\xfe{}", "it is not UTF-8"),
        (good().decode().encode("utf-16"), "it is not UTF-8"),
        (b"\x00\x01\x02", "it is not JSON"),
        (b"\xef\xbb\xbf" + good(), "it is not JSON"),
        (b"[" * 10_000, "may be nested 64 deep"),
        (b'{"a":' * 10_000, "may be nested 64 deep"),
        (b"[" * 1_000_000, "may have some 20000 values"),
        (good({"data": {"x": [0] * 20_000}}), "may have some 20000 values"),
        (good({"data": {f"{n}": 0 for n in range(10_000)}}), "may have some 20000 values"),
        (nested(65), "may be nested 64 deep"),
        (good({"data": "X"}).replace(b'"X"', b'{"x":NaN}'), "numbers must be whole .*NaN"),
        (good({"data": "X"}).replace(b'"X"', b'{"x":-Infinity}'), "numbers must be whole .*-Infinity"),
        (good({"data": "X"}).replace(b'"X"', b'{"x":1e999}'), "numbers must be whole .*1e999"),
        (good({"data": {"x": 0.5}}), "numbers must be whole .*0.5"),
        (good({"data": {"x": 1 << 63}}), "does not fit 64 bits .*9223372036854775808"),
        (good({"data": "X"}).replace(b'"X"', b'{"x":' + b"9" * 5000 + b"}"), "does not fit 64 bits"),
        (good({"data": "X"}).replace(b'"X"', b'{"x":1,"y":2,"x":3}'), "there twice .*'x'"),
        (good().replace(b'"actor"', b'"command": "d", "actor"'), "there twice .*'command'"),
        (good({"data": {"x": "\ud800"}}), "half a character"),
        (good({"data": {"\udfff": 1}}), "half a character"),
        (good(priority=1), "means nothing .*'priority'"),
        (good({"at": 1}), r"events\[0\] .* means nothing .*'at'"),
        (good(durable=1), "durable .* must be true or false .*1"),
        (good(durable=None), "durable .* must be true or false"),
        *each("command .* printable", "command", "", "x" * 201, "a\0", "a\n", 7, None, []),
        *each("actor .* printable", "actor", "", "x" * 201, "\x1b[31m", "\u202e", True),
        *each("events .* list of 1 to 256", "events", [], {}, "x", None, GOOD["events"] * (EVENTS_MAX + 1)),
        *each(r"events\[0\] .* must be an object", "events", [[1]], [None], ["x"]),
        (good(events=[*GOOD["events"], {}]), r"events\[1\] .* lacks 'kind'"),
        *each("fact or decision", "kind", "guess", None, [], {}),
        *each("version .* a number", "version", 0, -1, 1 << 31, True, "1", None),
        *each("type .* printable", "type", "", "a\tb", 1),
        *each("subject .* printable", "subject", "", "model/\0", ["s"]),
        *each("data .* must be an object", "data", [], "{}", None, 1),
    ],
)
def test_what_is_wrong_is_refused_and_named(line: bytes, why: str) -> None:
    with pytest.raises(SubmissionRefused, match=why) as refused:
        from_line(line)
    assert len(str(refused.value)) < 400


def test_what_is_as_deep_and_as_many_as_may_be_is_taken() -> None:
    assert from_line(good({"data": {"x": [0] * 19_900, "y": -(1 << 63), "z": (1 << 63) - 1}}))
    assert from_line(good({"data": {"x": ',:[{\\"' * 50_000}}))
    assert from_line(nested(64))
    assert len(from_line(good(events=GOOD["events"] * EVENTS_MAX)).events) == EVENTS_MAX


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode(errors="replace")))
def test_noise_is_refused_by_an_error_of_ours(line: bytes) -> None:
    with pytest.raises(SubmissionRefused):
        from_line(line)


def test_what_is_too_long_is_not_sent() -> None:
    size = LINE_MAX - len(to_line(Submission("c", "a", [Statement("fact", "T", 1, "s", {"x": ""})])))
    fits = Submission("c", "a", [Statement("fact", "T", 1, "s", {"x": "y" * size})])
    assert len(to_line(fits)) == LINE_MAX
    longer = Submission("c", "a", [Statement("fact", "T", 1, "s", {"x": "y" * (size + 1)})])
    with pytest.raises(SubmissionRefused, match="1048576 bytes"):
        to_line(longer)


def test_an_answer_says_where_it_stands() -> None:
    assert from_answer(to_answer(Positions(7, 9))) == (7, 9)


@pytest.mark.parametrize("kind", [kind for kind in vars(errors).values() if isinstance(kind, type)])
def test_every_error_arrives_as_what_it_was(kind: type[BursarError]) -> None:
    named = {name: f"'{name}'" for _, name, _, _ in Formatter().parse(kind.message) if name}
    raised = kind(**named, more=7)
    with pytest.raises(BursarError) as arrived:
        from_answer(to_refusal(raised))
    assert type(arrived.value) is kind
    assert (str(arrived.value), arrived.value.values) == (str(raised), raised.values)


def test_an_error_that_only_a_newer_owner_knows_is_told_in_its_words() -> None:
    with pytest.raises(BursarError, match="the moon is full"):
        from_answer(b'{"error":"MOON_FULL","values":{"phase":1},"message":"the moon is full"}\n')


@pytest.mark.parametrize(
    "line", [b"", b"null\n", b"{}\n", b'{"first":1}\n', b'{"first":"1","last":2}\n', b"\xff"]
)
def test_what_is_no_answer_is_said_to_be_none(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        from_answer(line)
