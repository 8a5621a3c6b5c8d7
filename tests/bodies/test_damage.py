"""Damage is told from what was put, whichever byte it is, and costs the one body and nothing else."""

from pathlib import Path

import pytest

from bursar.domain.errors import BodiesUnusable, BodyCorrupt, NoSuchBody
from bursar.eventstore.bodies.store import BodyStore

from .texts import CANARY, message, sql

MANY = [message(seed) for seed in range(300)]


class Kept:
    """A body under a dictionary, in files that are closed."""

    def __init__(self, folder: Path) -> None:
        self.journal = folder / "journal.db"
        self.blobs = Path(f"{self.journal}.blobs.db")
        with BodyStore.open(self.journal) as store:
            store.put_many("ann", MANY)
            assert store.train("ann")
            self.address = store.put("ann", CANARY)
        self.whole = self.blobs.read_bytes()

    def got(self) -> bytes:
        with BodyStore.open(self.journal) as store:
            return store.get("ann", self.address)

    def change(self, assignment: str, *bindings: object) -> None:
        """Change the row of the body."""
        self.blobs.write_bytes(self.whole)
        address = bytes.fromhex(self.address)
        sql(self.blobs, f"UPDATE blob SET {assignment} WHERE address = ?", *bindings, address)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    return Kept(tmp_path_factory.mktemp("damage"))


def flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 1 << place % 8]) + content[place + 1 :]


@pytest.mark.parametrize("column", ["nonce", "body"])
def test_every_byte_of_the_ciphertext_counts(kept: Kept, column: str) -> None:
    kept.change("at = at")
    ((content,),) = sql(
        kept.blobs, f"SELECT {column} FROM blob WHERE address = ?", bytes.fromhex(kept.address)
    )
    for place in range(len(content)):
        kept.change(f"{column} = ?", flipped(content, place))
        with pytest.raises(BodyCorrupt, match=f"body {kept.address} is damaged: it does not decrypt"):
            kept.got()
    for cut in (b"", content[:-1], content + b"\0"):
        kept.blobs.write_bytes(kept.whole)
        if column == "body":
            kept.change("body = ?", cut)
            with pytest.raises(BodyCorrupt):
                kept.got()


@pytest.mark.parametrize(
    ("assignment", "problem"),
    [
        ("size = size + 1", "its frame states 51 bytes and not 52"),
        ("size = 1 << 40", "more than the 16777216 that a body may have"),
        ("dictionary = NULL", "its frame names dictionary"),
        ("dictionary = dictionary + 1", "its dictionary 2 is gone"),
        ("body = (SELECT body FROM blob WHERE id = 1)", "it does not decrypt"),
    ],
)
def test_what_stands_beside_it_counts_too(kept: Kept, assignment: str, problem: str) -> None:
    kept.change(assignment)
    with pytest.raises(BodyCorrupt, match=problem):
        kept.got()


@pytest.mark.parametrize("assignment", ["address = zeroblob(32)", "owner = owner + 1"])
def test_what_has_moved_away_is_a_miss(kept: Kept, assignment: str) -> None:
    kept.change(assignment)
    with pytest.raises(NoSuchBody):
        kept.got()


def test_a_damaged_dictionary_costs_what_was_written_with_it_and_stops_nobody(kept: Kept) -> None:
    kept.change("at = at")
    sql(kept.blobs, "UPDATE dictionary SET body = zeroblob(length(body))")
    with pytest.raises(BodyCorrupt, match="its dictionary 1 is damaged"):
        kept.got()
    with BodyStore.open(kept.journal) as store:
        assert store.get("ann", store.put("ann", "later")) == b"later"
        assert store.get("ann", store.put("ann", MANY[0])).decode() == MANY[0]


def test_no_flipped_byte_of_the_file_crashes_a_reader_or_shows_it_something_else(kept: Kept) -> None:
    """Every byte of the row as it lies in the file, and some of everything else."""
    kept.blobs.write_bytes(kept.whole)
    at = kept.whole.index(bytes.fromhex(kept.address))
    end = at + 200
    found = set[str]()
    for place in (*range(at - 20, end), *range(0, len(kept.whole), 997)):
        kept.blobs.write_bytes(flipped(kept.whole, place))
        try:
            assert kept.got() == CANARY.encode()
        except (BodyCorrupt, NoSuchBody, BodiesUnusable) as error:
            found.add(error.code)
    assert found == {"BODY_CORRUPT", "NO_SUCH_BODY", "BODIES_UNUSABLE"}
