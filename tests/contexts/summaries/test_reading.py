"""Facts are found in whatever a model answers, and nothing is made up that it did not write."""

import pytest

from bursar.domain.selection.abstract_reading import claims

ONE = '{"fact": "a b", "ids": [1], "kind": "goal"}'
TWO = '{"fact": "c {d}", "ids": [2, 3], "kind": "fact"}'
BOTH = [("a b", (1,), "goal"), ("c {d}", (2, 3), "fact")]


@pytest.mark.parametrize(
    "answer",
    [
        f'{{"facts": [{ONE}, {TWO}]}}',
        f"{ONE}\n{TWO}",
        f"[{ONE}, {TWO}]",
        f"```json\n{ONE}\n{TWO}\n```",
        f"Sure! Here it is:\n\n{ONE},\n{TWO},\n\nI hope that helps.",
        f'{{"facts": [{ONE}, {TWO}, {{"fact": "cut o',
        f'{{"facts": [{ONE}, {TWO},]}}',
        f'<think>{{"fact": "no", "ids": [1]}} hm</think>{ONE}{TWO}',
        f'{{"facts": [{ONE}, {ONE}, "x", null, 3, [{{}}], {TWO}]}}',
        '{"fact": " a  b ", "ids": "m1", "kind": "goal"}'
        + TWO.replace("2, 3", '"m2", "[m3]", true, 2, null'),
        '{"fact": "a b [m1]", "ids": [], "kind": "goal"} {"fact": "c [m2, m3] {d}"}',
        '{"a": {"b": {"fact": "a b",}}} {' + f"{ONE} {TWO}",
    ],
)
def test_facts_are_read_however_they_are_wrapped(answer: str) -> None:
    assert [tuple(claim) for claim in claims(answer)] == BOTH


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "no facts",
        '{"fact": "a", "ids": [1]',
        '{"fact": "a" "ids": [1]}',
        "{'fact': 'a', 'ids': [1]}",
        '{"fact": 3, "ids": [1]} {"fact": ""} {"fact": null}',
        "{" * 100_000,
        '{"a":' * 100_000,
        "[" * 100_000 + ONE,
    ],
)
def test_what_is_no_json_is_not_mended_and_takes_no_time(answer: str) -> None:
    assert [claim.text for claim in claims(answer)] in ([], ["a b"])
