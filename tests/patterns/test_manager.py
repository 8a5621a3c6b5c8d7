"""Patterns through the manager, as users have them."""

import asyncio
from pathlib import Path

import pytest

import bursar
from bursar.domain.errors import InvalidPattern, ManagerClosed
from bursar.domain.host.events import ManagerStopped
from bursar.domain.patterns.events import PatternsUsed

from .shelving import history

ALONE = bursar.Settings(providers={"discover": False})


def test_a_manager_keeps_patterns_and_closes_in_good_order(tmp_path: Path) -> None:
    async def main() -> None:
        async with bursar.open(tmp_path / "journal.db", ALONE, providers={}) as manager:
            await manager.store_pattern("greeting", "Dear {name}", agent="ann")
            pattern = await manager.pattern("greeting")
            assert pattern is not None
            assert pattern.fill(name="Bob") == "Dear Bob"
            assert [one.name for one in manager.patterns(agent="ann")] == ["greeting"]
            assert [one.name for one in await manager.find_patterns("dear")] == ["greeting"]
            await manager.close()
            with pytest.raises(ManagerClosed):
                await manager.pattern("greeting")

    asyncio.run(main())
    names = [event.body.name for event in history(tmp_path)]
    assert names.index(PatternsUsed.name) < names.index(ManagerStopped.name)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": ""}, "name"),
        ({"text": "\ud800"}, "text"),
        ({"importance": 5}, "importance"),
        ({"sort": "poem"}, "sort"),
    ],
)
def test_what_cannot_be_stored_is_refused_by_its_field(
    given: dict[str, object], field: str, tmp_path: Path
) -> None:
    async def main() -> None:
        async with bursar.open(tmp_path / "journal.db", ALONE, providers={}) as manager:
            with pytest.raises(InvalidPattern) as refused:
                await manager.store_pattern(**{"name": "a", "text": "b", **given})  # type: ignore[arg-type]  # that is what is tried
            assert refused.value.values["field"] == field

    asyncio.run(main())


def test_scripts_have_them_without_await(tmp_path: Path) -> None:
    with bursar.open_sync(tmp_path / "journal.db", ALONE, providers={}) as manager:
        manager.store_pattern("a", "text", sort="result")
        pattern = manager.pattern("a")
        assert pattern is not None
        assert pattern.text == "text"
        assert [one.name for one in manager.patterns(sort="result")] == ["a"]
        assert [one.name for one in manager.find_patterns("text")] == ["a"]
        assert manager.remove_pattern("a")
        assert manager.patterns() == []


def test_settings_say_how_much_they_may_take(tmp_path: Path) -> None:
    async def main() -> None:
        async with bursar.open(tmp_path / "journal.db", ALONE, providers={}) as manager:
            await manager.configure(patterns={"max_size": 8})
            for name in "abc":
                await manager.store_pattern(name, "text")
            assert [one.name for one in manager.patterns()] == ["b", "c"]

    asyncio.run(main())
