"""Drafts become rows: each gets its position, its place within its subject, and its leaf."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import apsw

from .merkle import leaf_hash
from .records import KINDS, Draft

#: Subjects whose version is remembered; there is one per request, so they are forgotten now and then.
_REMEMBERED = 65_536

#: position, subject_version, leaf, and the fields of the draft.
Row = tuple[int, int, bytes, str, str, int, str, int, int | None, int, str, str]


@dataclass(slots=True)
class Sealed:
    """What has its places and waits to be written."""

    rows: list[Row] = field(default_factory=list[Row])
    leaves: list[bytes] = field(default_factory=list[bytes])
    #: Of the events' data.
    characters: int = 0


class Sealer:
    """Knows where the journal will stand when all that has been sealed is committed."""

    def __init__(self, connection: apsw.Connection, head: int, at: int) -> None:
        #: Last position given out.
        self.head = head
        self._at = at
        self._connection = connection
        self._versions: dict[str, int] = {}

    def seal(self, batch: Sequence[Draft], sealed: Sealed) -> int:
        """Give every draft its place after the head and add it to what is sealed; return the new head.

        All of them get a place, or none and ValueError says why: what the journal's own rules would refuse is
        refused here, where it fails its caller and nobody else.
        """
        rows, leaves, versions = sealed.rows, sealed.leaves, self._versions
        position, at, characters, before = self.head, self._at, sealed.characters, len(rows)
        try:
            for draft in batch:
                kind, type_, version, subject, now, cause, correlation, actor, data = draft
                position += 1
                if (
                    kind not in KINDS
                    or now < at
                    or not 0 < correlation <= position
                    or (cause is not None and not 0 < cause < position)
                ):
                    raise ValueError(_refusal(draft, position, at))
                at = now
                nth = (versions.get(subject) or self._last_version(subject)) + 1
                leaf = leaf_hash(
                    position, kind, type_, version, subject, nth, at, cause, correlation, actor, data
                )
                rows.append(
                    (position, nth, leaf, kind, type_, version, subject, at, cause, correlation, actor, data)
                )
                leaves.append(leaf)
                versions[subject] = nth
                characters += len(data)
        except BaseException:
            for row in reversed(rows[before:]):
                versions[row[6]] = row[1] - 1
            del rows[before:], leaves[before:]
            raise
        self.head, self._at, sealed.characters = position, at, characters
        return position

    def committed(self) -> None:
        """Say that all that was sealed can be read from the journal: what is remembered may be forgotten."""
        if len(self._versions) > _REMEMBERED:
            self._versions.clear()

    def _last_version(self, subject: str) -> int:
        version: int = self._connection.execute(
            "SELECT coalesce(max(subject_version), 0) FROM event WHERE subject = ?", (subject,)
        ).get
        return version


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
