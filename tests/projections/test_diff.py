"""Differences between states are told place by place."""

from contextlib import closing
from pathlib import Path

from bursar.eventstore.reader import Reader
from bursar.projections.diff import ABSENT, compared, differences, flat, plain
from bursar.projections.replay import state_at

from .world import evicting


def test_only_what_changed_is_told(tmp_path: Path) -> None:
    evicting(tmp_path / "journal.db").close()
    with closing(Reader(tmp_path / "journal.db")) as reader:
        before, after = state_at(reader, 28), state_at(reader, 29)
    changes = {change.path: (change.before, change.after) for change in differences(before, after)}
    assert changes == {
        "position": (28, 29),
        'models["fake:rare"].state': ("draining", "unloading"),
        'models["fake:rare"].intent': (None, 29),
        "totals.evictions": (0, 1),
    }


def test_a_state_is_not_different_from_itself(tmp_path: Path) -> None:
    evicting(tmp_path / "journal.db").close()
    with closing(Reader(tmp_path / "journal.db")) as reader:
        assert differences(state_at(reader, 30), state_at(reader, 30)) == []


def test_what_is_only_on_one_side_is_absent_on_the_other() -> None:
    changes = list(compared({"a": 1, "list": [1, 2]}, {"b": [], "list": [1]}))
    assert [tuple(change) for change in changes] == [
        ("a", 1, ABSENT),
        ("list[1]", 2, ABSENT),
        ("b", ABSENT, []),
    ]
    assert str(changes[0]) == "a: 1 → ∅"


def test_a_flat_state_has_a_line_for_every_place(tmp_path: Path) -> None:
    world = evicting(tmp_path / "journal.db")
    world.close()
    places = dict(flat(plain(world.state)))
    assert places["position"] == world.state.position
    assert places['models["fake:rare"].memory.ram'] == 5 << 30
    assert places["requests"] == {}
