"""How the owner before ended, and what may be missing because of it: said at every open, where it is known.

Nothing in the files says what a power cut took: whatever could say it was written beside it and may be gone
with it. What can be known is whether there was one since the owner before wrote his card without closing the
journal, how far the journal reached when it was last closed, and how far the snapshots beside it reach.
"""

# Importing pathlib would cost a reader more than all it does itself.
# ruff: noqa: PTH123, PTH208
import json
import os
from enum import StrEnum
from typing import NamedTuple, Self


class Ended(StrEnum):
    """How the owner before ended."""

    #: There was none.
    NEW = "new"
    #: It closed the journal: everything was on the disk.
    CLOSED = "closed"
    #: It did not, but the machine ran on, and what it had written with it.
    KILLED = "killed"
    #: It did not, and the machine has been started again since.
    CUT_OFF = "cut off"
    #: The journal was copied or its owner's card is gone.
    UNKNOWN = "unknown"


_SAYS = {
    Ended.NEW: "the journal is new",
    Ended.CLOSED: "the journal was closed in good order",
    Ended.KILLED: "the journal was not closed, but the machine ran on: nothing acknowledged is missing",
    Ended.CUT_OFF: "the journal was not closed before the machine stopped: "
    "at most the last 250 ms of ordinary events may be missing",
    Ended.UNKNOWN: "nothing says how the owner before ended",
}


class Opened(NamedTuple):
    """What can be said of a journal when it is opened; as text, one sentence."""

    ended: Ended
    #: Last position.
    head: int
    #: Events that are known to have been in the journal and are gone: at least so many.
    missing: int

    @property
    def clean(self) -> bool:
        """Whether nothing of it needs anybody's attention."""
        return self.ended in (Ended.NEW, Ended.CLOSED) and not self.missing

    def __str__(self) -> str:
        sentence = f"{_SAYS[self.ended]}; it ends at position {self.head}"
        if self.missing:
            sentence += (
                f", and is known to have reached {self.head + self.missing}: {self.missing} events are gone"
            )
        return sentence


class Card(NamedTuple):
    """What an owner writes down about itself, in the file that it holds the lock on."""

    host: str
    pid: int
    #: UTC nanoseconds.
    started: int
    #: Which run of the machine; empty where it does not say.
    boot: str
    #: The journal's id in hex, and a position known to have been on the disk itself: where this owner closed
    #: the journal, and until then where an owner before did.
    journal: str
    head: int
    closed: bool
    #: The disk has refused something: what the kernel holds of the log may not be what is on the disk.
    suspect: bool

    @classmethod
    def read(cls, text: bytes) -> Self | None:
        """The card that was written: None for nothing, and one that says nothing for what cannot be read."""
        if not text:
            return None
        try:
            fields = json.loads(text)
            return cls(**{name: kind(fields[name]) for name, kind in cls.__annotations__.items()})
        except (ValueError, TypeError, KeyError):
            return cls("", 0, 0, "", "", 0, closed=False, suspect=False)

    def written(self) -> bytes:
        """Of one length, so that a full disk has room for the next; as much as a disk writes in one piece."""
        return json.dumps(self._asdict()).encode().ljust(511) + b"\n"


def new_card(before: Card | None, pid: int, started: int, running: str) -> Card:
    """The card of an owner that begins."""
    journal, head, suspect = "", 0, False
    if before is not None:
        journal, head = before.journal, before.head
        # The kernel's memory does not outlive it: after a new start what is read is what is on the disk.
        suspect = before.suspect and before.boot == running
    return Card(os.uname().nodename, pid, started, running, journal, head, closed=False, suspect=suspect)


def judged(before: Card | None, running: str, journal: str, head: int, ahead: int) -> Opened:
    """What the card of the owner before, and a view `ahead` of it, say of a journal that is found at `head`.

    `running` is this run of the machine, `journal` its id in hex.
    """
    if before is not None and before.journal not in ("", journal):
        before = None
    if before is None:
        ended = Ended.UNKNOWN
    elif before.closed:
        ended = Ended.CLOSED
    elif before.boot and before.boot == running:
        ended = Ended.KILLED
    else:
        ended = Ended.CUT_OFF
    reached = max(ahead, before.head if before is not None else 0)
    return Opened(ended, head, max(0, reached - head))


def running_boot() -> str:
    """Which run of the machine this is; empty where it does not say."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""


def reach_of_views(journal: str) -> int:
    """The last position of a snapshot beside the journal at this resolved path; 0 when there is none."""
    try:
        names = os.listdir(journal + ".views")
    except OSError:
        return 0
    return max((int(end) for name in names if (end := name.rpartition(".")[2]).isdecimal()), default=0)
