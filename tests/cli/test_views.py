"""`bursar views`, and `bursar log` by way of them."""

import json
import shutil
from pathlib import Path

import pytest

from bursar.eventstore.views import index
from bursar.eventstore.views.files import Files
from bursar.eventstore.views.index import INDEX
from bursar.eventstore.views.upkeep import Upkeep

from .calling import bursar, inside


@pytest.fixture
def copy(journal: Path, tmp_path: Path) -> Path:
    """Of the journal, without views."""
    return Path(shutil.copy(journal, tmp_path / "journal.db"))


def _views(journal: Path) -> list[dict[str, object]]:
    ran = inside("views", "--json", journal=journal)
    assert (ran.exit_code, ran.stderr) == (0, "")
    found: list[dict[str, object]] = json.loads(ran.stdout)
    return found


def test_views_are_listed_with_how_far_they_are(copy: Path) -> None:
    assert inside("views", journal=copy).stdout == "There are none; a manager makes them.\n"
    assert _views(copy) == []
    with Upkeep(copy, INDEX, batch=10) as upkeep:
        next(upkeep.steps(40))
        (view,) = _views(copy)
        assert (view["state"], view["position"], view["lag"]) == ("building", 10, 37)
        upkeep.catch_up(40)
    (view,) = _views(copy)
    assert view.pop("size_bytes") == Path(Files.beside(copy, "index", 1).path(1)).stat().st_size
    assert view == {"name": "index", "version": 1, "state": "serving", "position": 40, "lag": 7}
    lines = inside("views", journal=copy).stdout.splitlines()
    assert lines[0].split() == ["VIEW", "VERSION", "STATE", "POSITION", "BEHIND", "SIZE"]
    assert lines[1].split()[:5] == ["index", "1", "serving", "40", "7"]
    Path(Files.beside(copy, "index", 1).path(1)).write_bytes(b"garbage" * 100)
    (view,) = _views(copy)
    assert (view["state"], view["position"], view["lag"]) == ("distrusted", 0, 47)


def test_a_view_can_be_built_anew(copy: Path, journal: Path) -> None:
    for number in (1, 2):
        ran = bursar("views", "rebuild", "index", "--journal", copy)
        assert (ran.returncode, ran.stderr) == (0, "")
        assert ran.stdout == "index is built anew, up to position 47.\n"
        assert Files.beside(copy, "index", 1).builds() == [number]
    ran = bursar("views", "--journal", copy, "rebuild", "index", BURSAR_JOURNAL=str(journal))
    assert (ran.returncode, ran.stderr) == (0, "")
    assert Files.beside(copy, "index", 1).builds() == [3]


def test_what_cannot_be_built_is_refused(copy: Path, tmp_path: Path) -> None:
    ran = inside("views", "rebuild", "nothing", journal=copy)
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert "'nothing' is not 'index'" in ran.stderr
    ran = inside("views", "rebuild", "index", journal=tmp_path / "none.db")
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert "there is no such file" in ran.stderr
    Path(f"{copy}.views").write_text("in the way")
    ran = inside("views", "rebuild", "index", journal=copy)
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert "index@1.db cannot be written" in ran.stderr


def test_log_shows_the_same_with_the_index_and_without(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "_FEW", 0)
    monkeypatch.setattr(index, "_SPARSE", 0)
    questions = [
        ("--type", "ModelLoaded"),
        ("--type", "ModelLoaded", "--type", "RequestArrived", "--since", "12"),
        ("--correlation", "26"),
        ("--correlation", "26", "--type", "LeaseGranted", "--limit", "1"),
        ("--correlation", "26", "--after", "27", "--limit", "2"),
        ("--correlation", "2", "--subject", "host"),
    ]
    without = [inside("log", *question, journal=copy).stdout for question in questions]
    assert without[2].splitlines()[0].split()[0] == "26"
    with Upkeep(copy, INDEX) as upkeep:
        for known in (30, 47):
            upkeep.catch_up(known)
            assert [inside("log", *question, journal=copy).stdout for question in questions] == without
