"""The Merkle tree over the events: RFC 6962 §2.1, SHA-256.

Leaves and interior nodes are hashed under different prefixes, so neither can pass for the other. Nothing but
the frontier is kept: the roots of the perfect subtrees that the leaves so far fill, one per bit set in their
number.
"""

import struct
from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Self

#: Bytes of a hash.
WIDTH = 32


#: Leaves of a segment: a perfect subtree, so that its root stays good for every larger tree.
SEGMENT = 65_536
#: Bytes of a salt.
SALT = 16

#: position, version, at, has a cause, cause, correlation; lengths of kind, type, subject, actor.
pack_header = struct.Struct(">c3q?2q4Q").pack


def data_hash(salt: bytes, data: str) -> bytes:
    """Hash what can be redacted: SHA-256(salt || data). The salt keeps a short text from being guessed."""
    return sha256(salt + data.encode()).digest()


def leaf_hash(
    position: int,
    kind: str,
    type_: str,
    version: int,
    subject: str,
    at: int,
    cause: int | None,
    correlation: int,
    actor: str,
    data_hash: bytes,
) -> bytes:
    """Hash an event: SHA-256(0x00 || header || texts || hash of its data).

    The header is `pack_header`'s, big-endian without padding; lengths are in code points. The texts are
    UTF-8, and the last 32 bytes are the hash of the data. So no two events have the same encoding.
    Raises ValueError for a text that UTF-8 cannot hold and for a number that SQLite cannot.
    """
    try:
        header = pack_header(
            b"\0", position, version, at, cause is not None, cause or 0, correlation,
            len(kind), len(type_), len(subject), len(actor),
        )  # fmt: skip
    except struct.error as error:
        raise ValueError(f"position {position}: {error}") from error
    return sha256(header + f"{kind}{type_}{subject}{actor}".encode() + data_hash).digest()


def interior_hash(left: bytes, right: bytes) -> bytes:
    """Hash two subtrees into their parent."""
    return sha256(b"\1" + left + right).digest()


class Frontier:
    """What of a tree must be remembered to append to it and to say its root: O(log size)."""

    __slots__ = ("_subtrees", "size")

    def __init__(self) -> None:
        #: Leaves so far.
        self.size = 0
        self._subtrees: list[bytes] = []

    @classmethod
    def of(cls, leaves: Iterable[bytes]) -> Self:
        """The frontier after these leaves."""
        frontier = cls()
        frontier.extend(leaves)
        return frontier

    @classmethod
    def restored(cls, size: int, packed: bytes) -> Self:
        """The frontier that gave `packed`. Raises ValueError when these are not the subtrees of that size."""
        if size < 0 or len(packed) != WIDTH * size.bit_count():
            raise ValueError(f"{len(packed)} bytes are not the subtrees of {size} leaves")
        frontier = cls()
        frontier.size = size
        frontier._subtrees = list(_pieces(packed))
        return frontier

    def extend(self, leaves: Iterable[bytes]) -> None:
        """Add leaves: one interior hash each on average, as in counting up in binary."""
        size, subtrees = self.size, self._subtrees
        for leaf in leaves:
            node, full = leaf, size
            while full & 1:
                node = sha256(b"\1" + subtrees.pop() + node).digest()
                full >>= 1
            subtrees.append(node)
            size += 1
        self.size = size

    def copy(self) -> Self:
        """Another one that does not grow with this one."""
        return self.restored(self.size, self.packed())

    def root(self) -> bytes:
        """The hash of the whole tree; of no leaves, that of the empty string."""
        if not self._subtrees:
            return sha256().digest()
        node = self._subtrees[-1]
        for left in reversed(self._subtrees[:-1]):
            node = interior_hash(left, node)
        return node

    def packed(self) -> bytes:
        """The subtrees' roots, largest subtree first."""
        return b"".join(self._subtrees)


def _pieces(packed: bytes) -> Iterator[bytes]:
    return (packed[at : at + WIDTH] for at in range(0, len(packed), WIDTH))
