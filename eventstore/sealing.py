"""Drafts become rows: each gets its position, its salt and its leaf."""

import json
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from .merkle import SALT, pack_header
from .records import KINDS, Draft

#: Salts drawn at a time: the kernel is asked once for all of them.
_DRAWN = 256

#: position, kind, type, version, subject, at, cause, correlation, actor, data, salt, leaf.
Row = tuple[int, str, str, int, str, int, int | None, int, str, str, bytes, bytes]


#: id, fingerprint, first and last position.
Command = tuple[str, bytes, int, int]


@dataclass(slots=True)
class Sealed:
    """What has its places and waits to be written."""

    rows: list[Row] = field(default_factory=list[Row])
    leaves: list[bytes] = field(default_factory=list[bytes])
    commands: list[Command] = field(default_factory=list[Command])
    #: Of the events' data.
    characters: int = 0
    #: Whether anybody waits for the disk itself.
    durable: bool = False

    def clear(self) -> None:
        """Make room for the next."""
        self.rows.clear()
        self.leaves.clear()
        self.commands.clear()
        self.characters, self.durable = 0, False


class Sealer:
    """Knows where the journal will stand when all that has been sealed is committed."""

    def __init__(self, head: int, at: int, entropy: Callable[[int], bytes]) -> None:
        #: Last position given out.
        self.head = head
        #: Time of the event there; 0 when there is none.
        self.at = at
        self._entropy = entropy
        self._salts: list[bytes] = []

    def seal(self, batch: Sequence[Draft], sealed: Sealed) -> int:
        """Give every draft its place after the head and add it to what is sealed; return the new head.

        All of them get a place, or none and ValueError says why: what the journal's own rules would refuse is
        refused here, where it fails its caller and nobody else. Every append waits for this, so it repeats
        what `merkle.leaf_hash` does, which saves a fifth.
        """
        rows, leaves, salts = sealed.rows, sealed.leaves, self._salts
        position, now, characters, before = self.head, self.at, sealed.characters, len(rows)
        try:
            for draft in batch:
                kind, type_, version, subject, at, cause, correlation, actor, data = draft
                position += 1
                if (
                    kind not in KINDS
                    or at < now
                    or not 0 < correlation <= position
                    or (cause is not None and not 0 < cause < position)
                ):
                    raise ValueError(_refusal(draft, position, now))
                now = at
                if not salts:
                    self._draw()
                salt = salts.pop()
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
                characters += len(data)
        except BaseException as error:
            del rows[before:], leaves[before:]
            if isinstance(error, struct.error):
                raise ValueError(f"position {position}: {error}") from error
            raise
        self.head, self.at, sealed.characters = position, now, characters
        return position

    def _draw(self) -> None:
        drawn = self._entropy(SALT * _DRAWN)
        self._salts += [drawn[at : at + SALT] for at in range(0, len(drawn), SALT)]


def fingerprint(batch: Sequence[Draft]) -> bytes:
    """SHA-256 of what a batch says: all but times and positions, which a second attempt has others of."""
    said = [(d.kind, d.type, d.version, d.subject, d.actor, d.data) for d in batch]
    return sha256(json.dumps(said).encode()).digest()


def _refusal(draft: Draft, position: int, before: int) -> str:
    if draft.kind not in KINDS:
        return f"{draft.kind!r} is neither fact nor decision"
    if draft.at < before:
        return f"{draft.type} at {draft.at} comes after an event at {before}"
    if not 0 < draft.correlation <= position:
        return (
            f"{draft.type} at position {position} cannot belong to the flow of position {draft.correlation}"
        )
    return f"{draft.type} at position {position} cannot be caused by position {draft.cause}"
