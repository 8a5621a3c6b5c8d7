"""Blocks of packed texts: how texts become one, and one its texts; and those that were read last.

A text lies beside others of its subject, so that they share what they have in common: alone, the message of a
chat is compressed to four fifths, and with fifteen others to less than a half.
"""

import os
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import apsw
from cryptography.exceptions import InvalidTag

from .codecs import Codecs
from .frames import LEVEL_LONG, Codec
from .keys import SubjectKeys

#: Texts in a block, and bytes of them: whoever wants one decompresses them all. A longer text stays alone.
TEXTS_MAX = 16
BYTES_MAX = 256 << 10
#: Stored with each block.
NONCE = 12

#: Of blocks whose texts are held ready.
_HELD_BLOCKS = 64
_HELD_BYTES = 8 << 20
#: More than this is compressed without a dictionary, at a level that does not look back further.
_LONG = 1 << 20

_INSERT = """
INSERT INTO block (owner, at, messages, texts, size, dictionary, nonce, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""
_REWRITE = """
UPDATE block SET messages = ?, texts = ?, size = ?, dictionary = ?, nonce = ?, body = ? WHERE id = ?
"""
_GET = "SELECT id, owner, messages, texts, size, dictionary, nonce, body FROM block WHERE id = ?"
_FIND = """
SELECT id, owner, messages, texts, size, dictionary, nonce, body FROM place JOIN block ON id = block
  WHERE address = ? AND owner = ?
"""


class Block(NamedTuple):
    """Texts, compressed and encrypted."""

    messages: int
    #: Bytes of the texts, and of them with what parts them.
    texts: int
    size: int
    dictionary: int | None
    nonce: bytes
    body: bytes

    @property
    def stored(self) -> int:
        """Bytes that it takes, the nonce among them."""
        return NONCE + len(self.body)


class Stored(NamedTuple):
    """A block as the file has it, if that is not damaged."""

    id: int
    owner: int
    block: Block


class Blocks:
    """The blocks in the file of bodies. Methods raise apsw.Error, too."""

    def __init__(self, connection: apsw.Connection, codecs: Codecs) -> None:
        self._connection = connection
        self._codecs = codecs
        #: Texts by address, by the nonce of their block: one that was written anew has another.
        self._held: OrderedDict[bytes, dict[bytes, bytes]] = OrderedDict()
        self._held_bytes = 0

    def put_at(self, keys: SubjectKeys, address: bytes) -> int | None:
        """When a text that is packed was last put, UTC nanoseconds; None when it is not there."""
        sql = "SELECT place.at FROM place JOIN block ON id = block WHERE address = ? AND owner = ?"
        at: int | None = self._connection.execute(sql, (address, keys.owner)).get
        return at

    def find(self, keys: SubjectKeys, address: bytes) -> Stored | None:
        """The block that a text is in."""
        return _stored(self._connection.execute(_FIND, (address, keys.owner)).fetchone())

    def get(self, id_: int) -> Stored | None:
        """A block by its id."""
        return _stored(self._connection.execute(_GET, (id_,)).fetchone())

    def of(self, owner: int) -> list[int]:
        """The ids of a subject's blocks, as they were written."""
        rows: list[Any] = self._connection.execute(
            "SELECT id FROM block WHERE owner = ? ORDER BY id", (owner,)
        ).fetchall()
        return [id_ for (id_,) in rows]

    def texts(self, keys: SubjectKeys, block: Block) -> dict[bytes, bytes]:
        """What a block holds, by address. Raises ValueError when that is not what was packed."""
        found = self._held.get(block.nonce)
        if found is None:
            found = self.read(keys, block)
            self._hold(block.nonce, found)
        return found

    def read(self, keys: SubjectKeys, block: Block) -> dict[bytes, bytes]:
        """As `texts`, from the block itself."""
        try:
            frame = keys.cipher.decrypt(block.nonce, block.body, _purpose(block))
        except (InvalidTag, TypeError, ValueError):
            raise ValueError("its block does not decrypt to what was encrypted") from None
        payload = self._codecs.of(keys, block.dictionary).decompress(frame, block.size)
        found = {keys.address(text): text for text in split(payload, block.messages)}
        if len(found) != block.messages or sum(map(len, found.values())) != block.texts:
            raise ValueError("its block holds other texts")
        return found

    def write(self, keys: SubjectKeys, block: Block, at: int) -> int:
        """A new row; its id. The texts are found when they have their `place`."""
        self._connection.execute(_INSERT, (keys.owner, at, *block))
        return self._connection.last_insert_rowid()

    def rewrite(self, id_: int, block: Block) -> None:
        """Put a block in the place of another."""
        self._connection.execute(_REWRITE, (*block, id_))

    def require(self, keys: SubjectKeys, id_: int, texts: Iterable[bytes]) -> None:
        """Raise ValueError unless the texts at these addresses are in a block when it is read back."""
        stored = self.get(id_)
        if stored is None or self.read(keys, stored.block).keys() != set(texts):
            raise ValueError("it is not what was written")

    def place(self, id_: int, times: Iterable[tuple[bytes, int]]) -> None:
        """Note that texts are in a block, by address, and when they were last put."""
        self._connection.executemany(
            "INSERT INTO place (address, block, at) VALUES (?, ?, ?)",
            [(address, id_, at) for address, at in times],
        )

    def touch(self, addresses: Iterable[bytes], at: int) -> None:
        """Note that texts were put again."""
        self._connection.executemany(
            "UPDATE place SET at = ? WHERE address = ?", [(at, address) for address in addresses]
        )

    def delete(self, id_: int, addresses: Iterable[bytes]) -> None:
        """Delete a block with the texts at these addresses in it."""
        self._connection.execute("DELETE FROM block WHERE id = ?", (id_,))
        self._connection.executemany(
            "DELETE FROM place WHERE address = ? AND block = ?", [(address, id_) for address in addresses]
        )

    def displace(self, id_: int) -> list[bytes]:
        """Let the texts of a damaged block be found no more; their addresses. What is left of it stays."""
        rows: list[Any] = self._connection.execute(
            "DELETE FROM place WHERE block = ? RETURNING address", (id_,)
        ).fetchall()
        return [address for (address,) in rows]

    def let_go(self) -> int:
        """Hold no texts ready; bytes of those that were."""
        held, self._held_bytes = self._held_bytes, 0
        self._held.clear()
        return held

    def _hold(self, nonce: bytes, texts: dict[bytes, bytes]) -> None:
        self._held[nonce] = texts
        self._held_bytes += sum(map(len, texts.values()))
        while len(self._held) > _HELD_BLOCKS or self._held_bytes > _HELD_BYTES:
            _, gone = self._held.popitem(last=False)
            self._held_bytes -= sum(map(len, gone.values()))


def cut(sizes: Sequence[int]) -> list[slice]:
    """Which texts of these sizes come into one block each, in their order."""
    found, first, size = list[slice](), 0, 0
    for number, length in enumerate(sizes):
        if number > first and (number - first == TEXTS_MAX or size + length > BYTES_MAX):
            found.append(slice(first, number))
            first, size = number, 0
        size += length
    return [*found, slice(first, len(sizes))] if sizes else []


def encode(
    keys: SubjectKeys, texts: Sequence[bytes], codec: Codec, dictionary: int | None, level: int
) -> Block:
    """A block of texts that are all different. `codec`: with that dictionary, at that level."""
    payload = join(texts)
    if len(payload) > _LONG:
        codec, dictionary = Codec(None, min(level, LEVEL_LONG)), None
    nonce = os.urandom(NONCE)
    block = Block(len(texts), sum(map(len, texts)), len(payload), dictionary, nonce, b"")
    return block._replace(body=keys.cipher.encrypt(nonce, codec.compress(payload), _purpose(block)))


def join(texts: Sequence[bytes]) -> bytes:
    """Texts as one. What parts them does not occur in them: JSON has none of it anyway."""
    if len(texts) == 1:
        return texts[0]
    return b"\0".join(text.replace(b"\1", b"\1\2").replace(b"\0", b"\1\1") for text in texts)


def split(payload: bytes, count: int) -> list[bytes]:
    """The texts that were joined."""
    if count == 1:
        return [payload]
    parts = payload.split(b"\0")
    if b"\1" in payload:
        parts = [part.replace(b"\1\1", b"\0").replace(b"\1\2", b"\1") for part in parts]
    return parts


def _purpose(block: Block) -> bytes:
    """All of a row that is not encrypted counts, too."""
    return f"bursar block {block.messages} {block.texts} {block.size} {block.dictionary}".encode()


def _stored(row: Any) -> Stored | None:
    return None if row is None else Stored(row[0], row[1], Block._make(row[2:]))
