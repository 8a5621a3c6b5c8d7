"""Bytes of a checkpointed journal are flipped, one at a time.

All those of the page that holds the events, and some of the others; TAMPER_FLIPS says how many of those.
"""

import os
import random
from collections.abc import Iterable
from pathlib import Path

from bursar.domain.errors import BursarError
from bursar.eventstore.proof.verify import check

from .journals import KEY, changed, checkpointed, covers, everything

EVENTS = 4
PAGE = 4096
FLIPS = int(os.environ.get("TAMPER_FLIPS", "200"))


class Files:
    """A sound journal and a copy to be flipped."""

    def __init__(self, folder: Path, *, redacted: int | None) -> None:
        sound, self.copy = folder / "journal.db", folder / "copy.db"
        checkpointed(sound, (2, EVENTS - 2), redacted=redacted)
        self.content = sound.read_bytes()
        self.copy.write_bytes(self.content)
        self.before = everything(sound, EVENTS)

    def flip(self, places: Iterable[int]) -> list[int]:
        """Flip a bit of each of these bytes, or all of them, and look; the places that were not reported."""
        chance, silent = random.Random(17), list[int]()
        descriptor = os.open(self.copy, os.O_RDWR)
        for at in places:
            change = chance.choice([1 << chance.randrange(8), 0xFF])
            os.pwrite(descriptor, bytes([self.content[at] ^ change]), at)
            if not self.seen(f"byte {at} ^ {change:#x}"):
                silent.append(at)
            os.pwrite(descriptor, self.content[at : at + 1], at)
        os.close(descriptor)
        return silent

    def seen(self, what: str) -> bool:
        """Whether the change is reported; it must be if it changes anything that is read."""
        report = check(self.copy, keys=[KEY.verifier])
        try:
            after = everything(self.copy, EVENTS)
        except BursarError:
            assert not report.ok, what
            return True
        for position in changed(self.before, after):
            assert covers(report, position), f"{what}: #{position} reads otherwise, {report.problems}"
        assert after == self.before or not report.ok, f"{what}: something reads otherwise"
        return not report.ok


def test_every_flip_in_the_events_is_reported_with_its_position(tmp_path: Path) -> None:
    files = Files(tmp_path, redacted=None)
    content = files.content
    page = content.index(b"user-1") // PAGE * PAGE
    # As SQLite's file format has it: a page with rows of a table, and where in it they begin.
    assert content[page] == 13
    pointers = range(page + 8, page + 8 + 2 * EVENTS)
    rows = range(page + int.from_bytes(content[page + 5 : page + 7]), page + PAGE)
    # A byte of each row stands for the position, which is kept elsewhere: SQLite does not look at it.
    assert len(files.flip([*pointers, *rows])) <= EVENTS


def test_no_flip_anywhere_is_too_much_or_changes_what_is_read_unseen(tmp_path: Path) -> None:
    files = Files(tmp_path, redacted=2)
    content, chance = files.content, random.Random(7)
    used = [at for at in range(len(content)) if content[at]]
    places = [chance.randrange(len(content)) for _ in range(FLIPS // 2)]
    silent = files.flip([*places, *chance.choices(used, k=FLIPS // 2)])
    assert len(silent) < FLIPS
