"""Rows of the file of bodies: how a text becomes one, and one a text."""

import os
from collections.abc import Mapping

import apsw
from cryptography.exceptions import InvalidTag

from .codecs import Codecs
from .keys import SubjectKeys

_NONCE = 12

#: Size, dictionary, nonce and body, if the file is not damaged.
Row = tuple[object, object, object, object]


class Rows:
    """The rows, by owner and address. Methods raise apsw.Error, too."""

    def __init__(self, connection: apsw.Connection, codecs: Codecs) -> None:
        self._connection = connection
        self._codecs = codecs

    def put_at(self, keys: SubjectKeys, address: bytes) -> int | None:
        """When the text was last put, UTC nanoseconds; None when it is not there."""
        at: int | None = self._connection.execute(
            "SELECT at FROM blob WHERE owner = ? AND address = ?", (keys.owner, address)
        ).get
        return at

    def find(self, keys: SubjectKeys, address: bytes) -> Row | None:
        """A row, for `text`."""
        row: Row | None = self._connection.execute(
            "SELECT size, dictionary, nonce, body FROM blob WHERE owner = ? AND address = ?",
            (keys.owner, address),
        ).fetchone()
        return row

    def text(self, keys: SubjectKeys, address: bytes, row: Row) -> bytes:
        """What a row holds. Raises ValueError when that is not what was put there."""
        size, dictionary, nonce, body = row
        if not (isinstance(size, int) and (dictionary is None or isinstance(dictionary, int))):
            raise ValueError("its row is damaged")
        if not (isinstance(nonce, bytes) and isinstance(body, bytes)):
            raise ValueError("its row is damaged")
        try:
            frame = keys.cipher.decrypt(nonce, body, address)
        except InvalidTag:
            raise ValueError("it does not decrypt to what was encrypted") from None
        text = self._codecs.of(keys, dictionary).decompress(frame, size)
        if keys.address(text) != address:
            raise ValueError("its text has another address")
        return text

    def touch(self, keys: SubjectKeys, addresses: list[bytes], at: int) -> None:
        """Note that texts were put again."""
        self._connection.executemany(
            "UPDATE blob SET at = ? WHERE owner = ? AND address = ?",
            [(at, keys.owner, address) for address in addresses],
        )

    def add(self, keys: SubjectKeys, texts: Mapping[bytes, bytes], at: int) -> None:
        """Write texts, by their addresses."""
        codec, dictionary = self._codecs.newest(keys)
        rows: list[tuple[int, bytes, int, int, int | None, bytes, bytes]] = []
        for address, text in texts.items():
            nonce = os.urandom(_NONCE)
            body = keys.cipher.encrypt(nonce, codec.compress(text), address)
            rows.append((keys.owner, address, at, len(text), dictionary, nonce, body))
        self._connection.executemany(
            """
            INSERT INTO blob (owner, address, at, size, dictionary, nonce, body) VALUES (?, ?, ?, ?, ?, ?, ?)
              ON CONFLICT (owner, address) DO NOTHING
            """,
            rows,
        )
