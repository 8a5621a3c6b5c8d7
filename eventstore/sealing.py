"""Drafts become rows: each gets its position, its salt and its leaf."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from .merkle import SALT, pack_header
from .records import KINDS, Draft

#: Salts drawn at a time: the kernel is asked once for all of them.
_DRAWN = 256
#: The largest number that SQLite and the leaf have room for.
_LARGEST = 2**63 - 1

#: position, kind, type, version, subject, at, cause, correlation, actor, data, salt, leaf.
Row = tuple[int, str, str, int, str, int, int | None, int, str, str, bytes, bytes]


#: id, fingerprint, first and last position.
Command = tuple[str, bytes, int, int]


@dataclass(slots=True)
class Queue:
    """What has its places and waits to be written."""

    drafts: list[Draft] = field(default_factory=list[Draft])
    commands: list[Command] = field(default_factory=list[Command])
    #: Of the events' data.
    characters: int = 0
    #: Whether anybody waits for the disk itself.
    durable: bool = False

    def clear(self) -> None:
        """Make room for the next."""
        self.drafts.clear()
        self.commands.clear()
        self.characters, self.durable = 0, False


class Sealer:
    """Knows where the journal will stand when all that has been admitted is committed."""

    def __init__(self, head: int, at: int, entropy: Callable[[int], bytes]) -> None:
        #: Last position given out.
        self.head = head
        #: Time of the event there; 0 when there is none.
        self.at = at
        self._sealed = head
        self._entropy = entropy
        self._salts: list[bytes] = []

    def admit(self, batch: Sequence[Draft], queue: Queue) -> int:
        """Give every draft its place after the head and queue it; return the new head.

        All of them get a place, or none and ValueError says why: what the journal's own rules or its encoding
        would refuse is refused here, where it fails its caller and nobody else.
        """
        position, now, characters = self.head, self.at, 0
        for draft in batch:
            kind, type_, version, subject, at, cause, correlation, actor, data = draft
            position += 1
            if (
                kind not in KINDS
                or not now <= at <= _LARGEST
                or not 0 < correlation <= position
                or (cause is not None and not 0 < cause < position)
                or not -_LARGEST <= version <= _LARGEST
                or not (type_.isascii() and subject.isascii() and actor.isascii() and data.isascii())
            ):
                _examine(draft, position, now)
            now = at
            characters += len(data)
        queue.drafts += batch
        queue.characters += characters
        self.head, self.at = position, now
        return position

    def seal(self, drafts: Sequence[Draft]) -> tuple[list[Row], list[bytes]]:
        """The rows of the drafts that were admitted next, and their leaves.

        Every commit waits for this, so it repeats what `merkle.leaf_hash` does, which saves a fifth.
        """
        rows, leaves = list[Row](), list[bytes]()
        position = self._sealed
        for draft, salt in zip(drafts, self._drawn(len(drafts)), strict=True):
            kind, type_, version, subject, at, cause, correlation, actor, data = draft
            position += 1
            leaf = sha256(
                pack_header(
                    b"\0", position, version, at, cause is not None, cause or 0, correlation,
                    len(kind), len(type_), len(subject), len(actor),
                )
                + f"{kind}{type_}{subject}{actor}".encode()
                + sha256(salt + data.encode()).digest()
            ).digest()  # fmt: skip
            rows.append(
                (position, kind, type_, version, subject, at, cause, correlation, actor, data, salt, leaf)
            )
            leaves.append(leaf)
        self._sealed = position
        return rows, leaves

    def _drawn(self, count: int) -> list[bytes]:
        """As many salts."""
        salts = self._salts
        while len(salts) < count:
            random = self._entropy(SALT * _DRAWN)
            salts += [random[at : at + SALT] for at in range(0, len(random), SALT)]
        drawn = salts[-count:]
        del salts[-count:]
        return drawn


def fingerprint(batch: Sequence[Draft]) -> bytes:
    """SHA-256 of what a batch says: all but times and positions, which a second attempt has others of."""
    said = [(d.kind, d.type, d.version, d.subject, d.actor, d.data) for d in batch]
    return sha256(json.dumps(said).encode()).digest()


def _examine(draft: Draft, position: int, before: int) -> None:
    """Raise ValueError, unless nothing is wrong but that the texts are not plain ASCII."""
    problem = None
    if draft.kind not in KINDS:
        problem = f"{draft.kind!r} is neither fact nor decision"
    elif draft.at < before:
        problem = f"{draft.type} at {draft.at} comes after an event at {before}"
    elif draft.at > _LARGEST or not -_LARGEST <= draft.version <= _LARGEST:
        problem = f"{draft.type} version {draft.version} at {draft.at} has a number too large to be written"
    elif not 0 < draft.correlation <= position:
        problem = f"it cannot belong to the flow of position {draft.correlation}"
    elif draft.cause is not None and not 0 < draft.cause < position:
        problem = f"it cannot be caused by position {draft.cause}"
    if problem is not None:
        raise ValueError(f"{draft.type} at position {position}: {problem}")
    for text in (draft.type, draft.subject, draft.actor, draft.data):
        text.encode()
