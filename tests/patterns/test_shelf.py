"""Patterns on a real journal with real texts: kept, counted, found, given up, and gone when they are gone."""

import asyncio
from pathlib import Path

import pytest

from bursar.domain.contexts.settings import PatternSettings
from bursar.domain.errors import PatternLimitExceeded
from bursar.domain.host.events import TimerFired
from bursar.domain.patterns import reclaim
from bursar.domain.patterns.events import (
    PatternKind,
    PatternRemoved,
    PatternsReclaimed,
    PatternStored,
    PatternsUsed,
    PatternTextsDeleted,
)
from bursar.domain.settings import Settings
from bursar.eventstore.reader import Reader
from bursar.patterns import uses
from bursar.patterns.finding import Finder
from bursar.patterns.texts import Stored
from bursar.projections.redecide import redecide
from bursar.testing.facts import configured

from .shelving import Life, living, of

GONE = "BODY_FORGOTTEN"


async def nothing(_life: Life) -> None:
    """Begin and end."""


def test_what_is_stored_is_read_in_the_next_life_too(tmp_path: Path) -> None:
    async def stores(life: Life) -> None:
        await life.store("review", "Look at {file}.", importance=700, agent="ann")
        await life.store("größe", "2 m", sort="result")
        found = await life.shelf.get("review")
        assert found is not None
        assert (found.text, found.importance, found.agent) == ("Look at {file}.", 0.7, "ann")
        assert [one.uses for one in life.shelf.rows(None, None)] == [0, 1]
        assert found.fill(file="a.py") == "Look at a.py."

    async def reads(life: Life) -> None:
        found = await life.shelf.get("größe")
        assert found is not None
        assert (found.text, found.sort, found.size) == ("2 m", "result", 3)
        assert await life.shelf.get("other") is None
        assert [one.name for one in life.shelf.rows(None, None)] == ["größe", "review"]
        assert [one.name for one in life.shelf.rows("result", None)] == ["größe"]
        assert [one.name for one in life.shelf.rows(None, "ann")] == ["review"]

    living(tmp_path, stores, reads)


def test_no_text_is_in_the_journal(tmp_path: Path) -> None:
    canary = "the canary sings of 4711 grey elephants"

    async def stores(life: Life) -> None:
        await life.store("bird", canary)
        await life.shelf.get("bird")

    for event in living(tmp_path, stores):
        assert "canary" not in event.body.model_dump_json()


def test_a_text_in_the_place_of_another_is_the_one_that_is_read(tmp_path: Path) -> None:
    async def work(life: Life) -> None:
        await life.store("a", "first")
        await life.store("a", "second")
        found = await life.shelf.get("a")
        assert found is not None
        assert found.text == "second"

    living(tmp_path, work)


def test_uses_are_recorded_by_many_and_at_the_end(tmp_path: Path) -> None:
    async def work(life: Life) -> None:
        await life.store("a", "text")
        await life.store("b", "text")
        for _ in range(uses.MANY + 1):
            await life.shelf.get("a")
        await life.shelf.get("b")

    recorded = of(living(tmp_path, work), PatternsUsed)
    assert [one.uses for one in recorded] == [{"a": uses.MANY}, {"a": 1, "b": 1}]


def test_uses_are_recorded_after_some_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uses, "EVERY_S", 0.01)

    async def work(life: Life) -> None:
        await life.store("a", "text")
        await life.shelf.get("a")
        await life.until(lambda: life.engine.state.patterns.named["a"].uses == 1)

    living(tmp_path, work)


def test_who_goes_for_a_new_one_is_decided_by_uses_that_were_not_recorded_yet(tmp_path: Path) -> None:
    async def work(life: Life) -> None:
        await life.store("a", "text")
        await life.store("b", "text")
        await life.shelf.get("a")
        await life.store("c", "text")

    assert [one.patterns for one in of(living(tmp_path, work, max_bytes=8), PatternsReclaimed)] == [("b",)]


def test_what_is_given_up_or_removed_cannot_be_read_any_more(tmp_path: Path) -> None:
    async def work(life: Life) -> None:
        await life.store("a", "text")
        await life.store("b", "text")
        assert await life.shelf.remove("b")
        assert not await life.shelf.remove("b")
        await life.store("c", "longer")
        await life.texts_deleted()

    recorded = living(tmp_path, work, max_bytes=8)
    addresses = {one.pattern: one.address for one in of(recorded, PatternStored)}
    assert sorted(name for one in of(recorded, PatternTextsDeleted) for name in one.patterns) == ["a", "b"]

    async def look(life: Life) -> None:
        assert [await life.problem(name, addresses[name]) for name in "abc"] == [GONE, GONE, ""]
        assert await life.shelf.get("a") is None

    living(tmp_path, look, max_bytes=8)


def test_those_that_nobody_uses_are_given_up_a_few_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine's own timer fires until none is left."""
    monkeypatch.setattr(reclaim, "BATCH", 3)

    async def work(life: Life) -> None:
        for number in range(7):
            await life.store(f"p{number}", "text")
        await life.take(configured(Settings(patterns=PatternSettings(max_age_ms=1))))
        await life.until(lambda: not life.engine.state.patterns.named)
        await life.texts_deleted()

    recorded = living(tmp_path, work)
    given_up = of(recorded, PatternsReclaimed)
    assert [len(one.patterns) for one in given_up] == [3, 3, 1]
    assert len(of(recorded, TimerFired)) == len(given_up)


def test_texts_that_a_crash_left_are_deleted_at_the_next_start(tmp_path: Path) -> None:
    async def dies(life: Life) -> None:
        await life.store("a", "text")
        await life.store("b", "text")
        await life.take(PatternRemoved(pattern="a"))
        await life.take(PatternRemoved(pattern="b"))
        # One of them was deleted, and nobody came to say so.
        await life.vault.do(lambda shelf: shelf.bodies.forget("pattern/b"))

    recorded = living(tmp_path, dies, deaf=True)
    addresses = {one.pattern: one.address for one in of(recorded, PatternStored)}
    assert not of(recorded, PatternTextsDeleted)

    async def cleans(life: Life) -> None:
        await life.texts_deleted()
        assert [await life.problem(name, addresses[name]) for name in "ab"] == [GONE, GONE]

    recorded = living(tmp_path, cleans)
    assert [one.patterns for one in of(recorded, PatternTextsDeleted)] == [("a", "b")]


def test_a_name_can_come_back_at_any_moment(tmp_path: Path) -> None:
    """Whatever is being deleted meanwhile: what was stored last is what is read."""

    async def work(life: Life) -> None:
        for number in range(10):
            await life.store("a", f"text {number}")
            removing = asyncio.create_task(life.shelf.remove("a"))
            for _ in range(number):
                await asyncio.sleep(0)
            await life.store("a", f"text {number} again")
            await removing
            if "a" in life.engine.state.patterns.named:
                found = await life.shelf.get("a")
                assert found is not None
                assert found.text == f"text {number} again"
        await life.store("a", "last")
        await life.texts_deleted()

    async def reads(life: Life) -> None:
        found = await life.shelf.get("a")
        assert found is not None
        assert found.text == "last"

    living(tmp_path, work, reads)


def test_a_pattern_whose_text_somebody_forgot_is_there_no_more(tmp_path: Path) -> None:
    async def work(life: Life) -> None:
        await life.store("a", "text")
        await life.vault.do(lambda shelf: shelf.bodies.forget("pattern/a"))
        assert await life.shelf.get("a") is None
        assert life.shelf.rows(None, None) == []

    assert [one.pattern for one in of(living(tmp_path, work), PatternRemoved)] == ["a"]


def test_one_that_is_too_large_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    async def work(life: Life) -> None:
        with pytest.raises(PatternLimitExceeded, match="takes 9 bytes"):
            await life.store("a", "too large")
        await life.store("important", "text", importance=900)
        with pytest.raises(PatternLimitExceeded, match="room for 4 of 8"):
            await life.store("b", "large")
        await life.texts_deleted()
        assert [one.name for one in life.shelf.rows(None, None)] == ["important"]

    recorded = living(tmp_path, work, max_bytes=8)
    assert [one.pattern for one in of(recorded, PatternStored)] == ["important", "b"]


def test_a_life_without_patterns_makes_no_files(tmp_path: Path) -> None:
    living(tmp_path, nothing)
    assert not [path.name for path in tmp_path.iterdir() if "blobs" in path.name or "keys" in path.name]


def test_everything_can_be_decided_again(tmp_path: Path) -> None:
    async def work(life: Life) -> None:
        for name in "abcdef":
            await life.store(name, name * 3)
            await life.shelf.get("a")
        await life.shelf.remove("f")
        await life.texts_deleted()

    living(tmp_path, work, max_bytes=9)
    with Reader(tmp_path / "journal.db") as reader:
        again = redecide(reader)
    assert again.ok
    assert again.decisions == 3


def test_patterns_are_found_by_what_is_in_them(tmp_path: Path) -> None:
    async def work(life: Life) -> None:
        await life.store("review", "Look for mistakes in this Python function.", agent="ann")
        await life.store("summary", "Summarise the conversation in three sentences.")
        await life.store("tests", "Write tests for these functions.", sort="result")
        assert await found(life, "what about functions?") == ["tests", "review"]
        assert await found(life, "functions", agent="ann") == ["review"]
        assert await found(life, "functions", limit=1) == ["tests"]
        assert await found(life, "review") == ["review"]
        assert await found(life, "elephants") == []
        assert await found(life, "") == []
        # What is gone is not found, and what is new is.
        await life.shelf.remove("tests")
        await life.store("summary", "Count the elephants.")
        assert await found(life, "functions") == ["review"]
        assert await found(life, "sentences") == []
        assert await found(life, "elephant") == ["summary"]

    living(tmp_path, work)


async def found(
    life: Life, query: str, *, limit: int = 10, sort: PatternKind | None = None, agent: str | None = None
) -> list[str]:
    """Names of those that are found."""
    return [one.name for one in await life.shelf.find(query, limit, sort, agent)]


def test_uses_of_what_is_gone_are_not_recorded(tmp_path: Path) -> None:
    async def work(life: Life) -> None:
        await life.store("a", "text")
        await life.shelf.get("a")
        await life.shelf.remove("a")

    assert not of(living(tmp_path, work), PatternsUsed)


def test_a_pattern_can_be_read_before_its_event_is_written(tmp_path: Path) -> None:
    async def work(life: Life) -> None:
        for number in range(10):
            storing = asyncio.create_task(life.store(f"p{number}", "text"))
            while f"p{number}" not in life.engine.state.patterns.named:
                await asyncio.sleep(0)
            read = await life.shelf.get(f"p{number}")
            assert read is not None
            await storing

    living(tmp_path, work)


def test_those_that_are_gone_weigh_no_more_in_what_is_found(tmp_path: Path) -> None:
    async def work(life: Life) -> None:
        for name, text in (("a", "cache model"), ("b", "model"), ("c", "cache")):
            await life.store(name, text)
        kept = [Stored(one.name, one.position, None) for one in life.engine.state.patterns.named.values()]
        finder = Finder(life.vault)
        await finder.ranked("cache", kept, "abc")
        after = await finder.ranked("cache", kept[:2], "abc")
        assert after == await Finder(life.vault).ranked("cache", kept[:2], "abc")

    living(tmp_path, work)
