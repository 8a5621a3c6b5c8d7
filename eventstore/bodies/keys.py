"""The subjects' keys: made, unwrapped when they are needed, and destroyed."""

import hashlib
import os
import secrets
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import apsw
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ...domain.errors import BodiesUnusable, BodyKeyUnusable
from .databases import connect_keys, transaction, unusable
from .wrapping import WrappingKey

_KEY = 32
_ID = 16
_BLOCK = 64
_INDEX = b"bursar index"
#: Subjects whose keys are held in memory.
_HELD = 1024


class Mac:
    """HMAC-SHA-256 under one key (RFC 2104), by hand: two copies take a third of `hmac.digest`'s time."""

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes) -> None:
        """`key` has at most 64 bytes."""
        padded = key.ljust(_BLOCK, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in padded))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in padded))

    def __call__(self, text: bytes) -> bytes:
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(text)
        outer.update(inner.digest())
        return outer.digest()


class SubjectKeys:
    """What a subject's bodies are addressed and encrypted with."""

    __slots__ = ("address", "cipher", "owner")

    def __init__(self, owner: int, secret: bytes) -> None:
        #: What the rows of the subject's bodies go by.
        self.owner = owner
        self.cipher = AESGCM(secret[:_KEY])
        #: Of a text. A plain hash would let anybody confirm a guess at an erased one.
        self.address = Mac(secret[_KEY:])


class Destroyed(NamedTuple):
    """Keys that were destroyed, and what has come of the bodies under them."""

    owner: int
    #: UTC nanoseconds.
    at: int
    bodies: int
    bytes: int
    #: 0 or 1.
    swept: int
    #: Position of the event that says so; None as long as there is none.
    recorded: int | None


class Keys:
    """The file of keys, for one thread. Other processes may write it, too."""

    def __init__(self, path: str, wrapping: WrappingKey, clock_ns: Callable[[], int]) -> None:
        """Raises BodiesUnusable, and BodyKeyUnusable when its keys were wrapped by another key."""
        self._path = path
        self._wrapping = wrapping
        self._clock_ns = clock_ns
        self._connection = connect_keys(path)
        try:
            self._index = Mac(self._index_key())
        except BaseException as error:
            self._connection.close()
            if isinstance(error, apsw.Error):
                raise unusable(path, error) from error
            raise
        self._held: dict[str, SubjectKeys] = {}
        self._version = self._data_version()

    def id_of(self, subject: str) -> bytes:
        """What stands for the subject here and in the journal; nobody without the keys can tell whom."""
        return self._index(subject.encode("utf-8", "surrogatepass"))[:_ID]

    def find(self, subject: str) -> SubjectKeys | None:
        """The keys of a subject as they were when this was asked first; None when it has none."""
        held = self._held.get(subject)
        if held is not None:
            return held
        id_ = self.id_of(subject)
        row = self._read("SELECT owner, keys FROM subject WHERE id = ?", (id_,))
        if row is None:
            return None
        try:
            secret = self._secret(row[0], id_, row[1])
        except ValueError as error:
            raise BodiesUnusable(path=self._path, problem=f"the keys of a subject: {error}") from error
        return self._hold(subject, SubjectKeys(row[0], secret))

    def owner_of(self, subject: str) -> int | None:
        """What the rows of the subject's bodies go by, whether or not its keys can be unwrapped."""
        row = self._read("SELECT owner, id FROM subject WHERE id = ?", (self.id_of(subject),))
        return None if row is None else row[0]

    def make(self, subject: str) -> SubjectKeys:
        """The keys of a subject, on the disk itself before they are used."""
        with transaction(self._connection, self._path):
            found = self.find(subject)
            if found is not None:
                return found
            id_, owner, secret = self.id_of(subject), secrets.randbits(62), os.urandom(2 * _KEY)
            self._insert(owner, id_, secret)
        return self._hold(subject, SubjectKeys(owner, secret))

    def mint(self) -> SubjectKeys:
        """Keys of nobody with a name, such as a dictionary; on the disk itself before they are used."""
        owner, id_, secret = secrets.randbits(62), os.urandom(_ID), os.urandom(2 * _KEY)
        self._insert(owner, id_, secret)
        return SubjectKeys(owner, secret)

    def of_owner(self, owner: int) -> SubjectKeys | None:
        """Keys by what the rows of bodies go by; None when there are none that can be unwrapped."""
        row = self._read("SELECT id, keys FROM subject WHERE owner = ?", (owner,))
        try:
            return None if row is None else SubjectKeys(owner, self._secret(owner, *row))
        except ValueError:
            return None

    def refresh(self) -> bool:
        """Let go of what is held if the file has changed since it was read; whether it has."""
        version = self._data_version()
        if version == self._version:
            return False
        self._version = version
        self._held.clear()
        return True

    def destroy(self, subject: str, owner: int, bodies: int, size: int, also: Iterable[int] = ()) -> None:
        """Destroy the keys, and write down in the same commit that it was done. Nothing can undo it.

        `also`: minted ones that go in the same commit.
        """
        self._held.pop(subject, None)
        with transaction(self._connection, self._path):
            self._connection.execute("DELETE FROM subject WHERE owner = ?", (owner,))
            if not self._connection.changes():  # another process was faster
                return
            self._connection.execute(
                "INSERT INTO forgotten (owner, id, at, bodies, bytes) VALUES (?, ?, ?, ?, ?)",
                (owner, self.id_of(subject), self._clock_ns(), bodies, size),
            )
            self._delete(also)

    def discard(self, minted: Sequence[int]) -> None:
        """Destroy keys that were minted."""
        if minted:
            with transaction(self._connection, self._path):
                self._delete(minted)

    def destroyed(self, subject: str) -> list[Destroyed]:
        """The keys that the subject had and has no more, oldest first."""
        sql = (
            "SELECT owner, at, bodies, bytes, swept, recorded FROM forgotten WHERE id = ? ORDER BY at, owner"
        )
        try:
            rows: list[Any] = self._connection.execute(sql, (self.id_of(subject),)).fetchall()
        except apsw.Error as error:
            raise unusable(self._path, error) from error
        return list(map(Destroyed._make, rows))

    def scrub(self) -> None:
        """Write the file anew, without what SQLite may have left of destroyed keys.

        What it deletes it overwrites; but where it puts a page together from others, it leaves copies of rows
        in the gap.
        """
        try:
            self._connection.execute("VACUUM")
        except apsw.Error as error:
            raise unusable(self._path, error) from error

    def swept(self, owner: int) -> None:
        """Note that the bodies are gone, too."""
        with transaction(self._connection, self._path):
            self._connection.execute("UPDATE forgotten SET swept = 1 WHERE owner = ?", (owner,))

    def recorded(self, subject: str, position: int) -> None:
        """Note the event that says that the subject was forgotten."""
        with transaction(self._connection, self._path):
            self._connection.execute(
                "UPDATE forgotten SET recorded = ? WHERE id = ? AND recorded IS NULL",
                (position, self.id_of(subject)),
            )

    def close(self) -> None:
        """Let go of the file and of the keys."""
        self._held.clear()
        self._connection.close()

    def _index_key(self) -> bytes:
        row: Any = self._connection.execute("SELECT wrapped_by, index_key FROM store").fetchone()
        if row is None:
            with transaction(self._connection, self._path):
                if self._connection.execute("SELECT 1 FROM store").fetchone() is None:
                    wrapped = self._wrapping.wrap(os.urandom(_KEY), _INDEX)
                    self._connection.execute(
                        "INSERT INTO store VALUES (?, ?, ?)",
                        (self._clock_ns(), self._wrapping.source, wrapped),
                    )
            row = self._connection.execute("SELECT wrapped_by, index_key FROM store").fetchone()
        try:
            return self._wrapping.unwrap(row[1], _INDEX)
        except ValueError:
            problem = f"the keys in {self._path} were wrapped by another one, from {row[0]}; use that"
            raise BodyKeyUnusable(source=self._wrapping.source, problem=problem) from None

    def _insert(self, owner: int, id_: bytes, secret: bytes) -> None:
        wrapped = self._wrapping.wrap(secret, _purpose(owner, id_))
        sql = "INSERT INTO subject VALUES (?, ?, ?, ?)"
        try:
            self._connection.execute(sql, (owner, id_, wrapped, self._clock_ns()))
        except apsw.Error as error:
            raise unusable(self._path, error) from error

    def _delete(self, owners: Iterable[int]) -> None:
        self._connection.executemany("DELETE FROM subject WHERE owner = ?", [(owner,) for owner in owners])

    def _secret(self, owner: int, id_: bytes, wrapped: bytes) -> bytes:
        return self._wrapping.unwrap(wrapped, _purpose(owner, id_))

    def _hold(self, subject: str, keys: SubjectKeys) -> SubjectKeys:
        if len(self._held) >= _HELD:
            self._held.clear()
        self._held[subject] = keys
        return keys

    def _data_version(self) -> int:
        try:
            version: int = self._connection.pragma("data_version")
        except apsw.Error as error:
            raise unusable(self._path, error) from error
        return version

    def _read(self, sql: str, bindings: tuple[bytes | int, ...]) -> Any:
        try:
            return self._connection.execute(sql, bindings).fetchone()
        except apsw.Error as error:
            raise unusable(self._path, error) from error


def _purpose(owner: int, id_: bytes) -> bytes:
    """Keys unwrap in their own row only."""
    return b"bursar subject" + owner.to_bytes(8) + id_
