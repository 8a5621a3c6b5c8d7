"""A new file is there whole, or not at all."""

from pathlib import Path

import pytest

from bursar.domain.errors import FileNotWritten
from bursar.eventstore.keeping.placing import placed


def test_a_file_gets_its_name_when_it_is_done(tmp_path: Path) -> None:
    path = tmp_path / "new"
    with placed(str(path)) as building:
        Path(building).write_text("content")
        assert not path.exists()
    assert path.read_text() == "content"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, OSError, KeyboardInterrupt])
def test_after_an_error_nothing_of_it_is_left(error: type[BaseException], tmp_path: Path) -> None:
    expected = FileNotWritten if error is OSError else error

    def write_half() -> None:
        with placed(str(tmp_path / "new")) as building:
            Path(building).write_text("half")
            Path(building + "-journal").write_text("of SQLite")
            raise error("no more")

    with pytest.raises(expected):
        write_half()
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_there_stays_unless_it_is_to_be_replaced(tmp_path: Path) -> None:
    path = tmp_path / "new"
    path.write_text("old")
    with pytest.raises(FileNotWritten, match="there is such a file already"), placed(str(path)):
        pass
    assert path.read_text() == "old"
    with placed(str(path), replace=True) as building:
        Path(building).write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"


def test_what_a_kill_has_left_is_not_in_the_way(tmp_path: Path) -> None:
    for ending in (".new", ".new-journal"):
        (tmp_path / f"file{ending}").write_text("left")
    with placed(str(tmp_path / "file")) as building:
        assert Path(building).read_bytes() == b""
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


def test_a_link_in_the_place_of_the_unfinished_file_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("mine")
    (tmp_path / "file.new").symlink_to(tmp_path / "elsewhere")
    with placed(str(tmp_path / "file")) as building:
        Path(building).write_text("new")
    assert (tmp_path / "elsewhere").read_text() == "mine"
