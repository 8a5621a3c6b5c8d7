"""Messages as users write them: ours, and mappings as OpenAI's clients send them."""

from collections.abc import Mapping

import pytest

from bursar.domain.ports import Message, ToolCall
from bursar.messages import read_message

CALL = {"id": "a", "type": "function", "function": {"name": "clock", "arguments": "{}"}}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (Message("user", "hi"), Message("user", "hi")),
        ({"role": "user", "content": "hi", "name": "ann"}, Message("user", "hi", name="ann")),
        ({"role": "user", "content": "hi", "tool_calls": None, "name": None}, Message("user", "hi")),
        (
            {"role": "assistant", "content": None, "tool_calls": [CALL]},
            Message("assistant", "", tool_calls=(ToolCall("a", "clock", "{}"),)),
        ),
        ({"role": "user", "content": [{"type": "text", "text": "hi"}]}, Message("user", "hi")),
        (
            {"role": "assistant", "content": "", "tool_calls": (ToolCall("a", "f", "{}"),)},
            Message("assistant", "", tool_calls=(ToolCall("a", "f", "{}"),)),
        ),
        (
            {"role": "tool", "content": "12:00", "tool_call_id": "a"},
            Message("tool", "12:00", tool_call_id="a"),
        ),
    ],
)
def test_a_message_is_what_was_meant(given: Message | Mapping[str, object], expected: Message) -> None:
    assert read_message(given) == expected


@pytest.mark.parametrize(
    "given",
    [
        {"role": "robot", "content": "SECRET"},
        {"role": "user", "content": ["SECRET"]},
        {"role": ["robot"] * 9, "content": "SECRET"},
        {"role": "assistant", "content": None},
        {"role": "assistant", "content": None, "tool_calls": []},
        {"role": "assistant", "content": "SECRET", "tool_calls": "SECRET"},
        {"role": "assistant", "content": "SECRET", "tool_calls": [{**CALL, "id": None}]},
        {"role": "assistant", "content": "SECRET", "tool_calls": [{"id": "a", "function": {"name": ""}}]},
        {"role": "assistant", "content": "SECRET", "tool_calls": [{"id": "a", "function": "SECRET"}]},
        {"role": "tool", "content": "SECRET", "tool_call_id": 3},
    ],
)
def test_what_is_no_message_is_refused_without_repeating_its_text(given: Mapping[str, object]) -> None:
    with pytest.raises(ValueError, match="a message has") as caught:
        read_message(given)
    assert "SECRET" not in str(caught.value)
