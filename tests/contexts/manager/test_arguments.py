"""What is given beside messages is refused by its name, and with what can be written instead."""

from pathlib import Path
from typing import Any

import pytest

from .support import run, talking


@pytest.mark.parametrize(
    ("method", "given", "told"),
    [
        ("compress_context", {"method": "magic"}, "extractive, model"),
        ("compress_context", {"keep_last": 0}, "keep_last is 0"),
        ("prune_context", {"target_tokens": -1}, "a whole number from 1 on"),
        ("chat_in", {"select": "luck"}, "importance, query"),
        ("open_context", {"genre": "poem"}, "dialogue, agent, document"),
        ("open_context", {"budget_tokens": -3}, "budget_tokens is -3"),
        ("restore_messages", {"ordinals": []}, "ordinals is empty"),
        ("message", {"ordinal": -1}, "ordinal is -1"),
        ("pin_message", {"ordinal": 0, "importance": 2}, "a number from 0 to 1"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(
    tmp_path: Path, method: str, given: dict[str, Any], told: str
) -> None:
    async def work() -> None:
        async with talking(tmp_path) as manager:
            await manager.open_context("c", model="a")
            before = manager.state.position
            with pytest.raises(ValueError, match=told):
                await getattr(manager, method)("c", **given)
            assert manager.state.position == before

    run(work)


def test_a_message_that_there_is_not_is_an_index_error_that_says_how_many_there_are(tmp_path: Path) -> None:
    async def work() -> None:
        async with talking(tmp_path) as manager:
            await manager.open_context("c", model="a")
            await manager.add_message("c", {"role": "user", "content": "hello"})
            with pytest.raises(IndexError, match="context c has 1 messages"):
                await manager.message("c", 7)

    run(work)
