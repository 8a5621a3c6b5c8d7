"""What texts are compressed with: the subject's newest dictionary; and read with: the one they name.

A dictionary belongs to a subject; or it is one of a family, and then to itself, with keys that go with it.
"""

import os
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import apsw
from cryptography.exceptions import InvalidTag

from .dictionaries import Dictionary
from .frames import Codec
from .keys import SubjectKeys

_T = TypeVar("_T")

_NONCE = 12
_PURPOSE = b"bursar dictionary"
#: Dictionaries that are kept ready: each takes some hundred kilobytes.
_HELD = 32

_CONTENT = """
SELECT owner, nonce, body FROM dictionary
  WHERE id = ?1 AND (owner = ?2 OR id IN (SELECT dictionary FROM lesson))
"""
_UNUSED = """
SELECT id, owner, id IN (SELECT dictionary FROM lesson) FROM dictionary
  WHERE id NOT IN (SELECT dictionary FROM blob WHERE dictionary IS NOT NULL)
    AND id NOT IN (SELECT dictionary FROM block WHERE dictionary IS NOT NULL)
    AND (id IN (SELECT dictionary FROM lesson) OR id NOT IN (SELECT max(id) FROM dictionary GROUP BY owner))
"""


class Newest(NamedTuple):
    """What new texts are compressed with."""

    codec: Codec
    #: Its id; None when there is none.
    dictionary: int | None


class Codecs:
    """The dictionaries in the file of bodies. Methods raise apsw.Error, too."""

    def __init__(self, connection: apsw.Connection, keys_of: Callable[[int], SubjectKeys | None]) -> None:
        """`keys_of`: the keys of whoever a dictionary belongs to."""
        self._connection = connection
        self._keys_of = keys_of
        self._plain = Codec()
        self._held: dict[int, Codec] = {}
        self._newest: dict[int, Newest] = {}

    def newest(self, keys: SubjectKeys) -> Newest:
        """For writing. A dictionary that is damaged is none."""
        found = self._newest.get(keys.owner)
        if found is None:
            newest: int | None = self._connection.execute(
                "SELECT max(id) FROM dictionary WHERE owner = ?", (keys.owner,)
            ).get
            try:
                found = Newest(self.of(keys, newest), newest)
            except ValueError:
                found = Newest(self._plain, None)
            _hold(self._newest, keys.owner, found)
        return found

    def of(self, keys: SubjectKeys, dictionary: int | None) -> Codec:
        """For reading. Raises ValueError when the dictionary is gone or damaged."""
        if dictionary is None:
            return self._plain
        found = self._held.get(dictionary)
        if found is None:
            found = Codec(self.content(keys, dictionary))
            _hold(self._held, dictionary, found)
        return found

    def content(self, keys: SubjectKeys, dictionary: int) -> bytes:
        """A dictionary itself. Raises ValueError when it is gone or damaged."""
        row: Any = self._connection.execute(_CONTENT, (dictionary, keys.owner)).fetchone()
        owner = keys if row is None or row[0] == keys.owner else self._keys_of(row[0])
        if row is None or owner is None:
            raise ValueError(f"its dictionary {dictionary} is gone")
        try:
            _, nonce, body = row
            return owner.cipher.decrypt(nonce, body, _PURPOSE)
        except (InvalidTag, TypeError, ValueError):
            raise ValueError(f"its dictionary {dictionary} is damaged") from None

    def ratio(self, dictionary: int) -> int:
        """What a dictionary was good for when it was new; 0 when it is gone."""
        ratio: int | None = self._connection.execute(
            "SELECT ratio FROM dictionary WHERE id = ?", (dictionary,)
        ).get
        return ratio or 0

    def packing(self, keys: SubjectKeys, dictionary: int | None, level: int) -> Codec:
        """For writing at a level of its own. Raises ValueError when the dictionary is gone or damaged."""
        return Codec(None if dictionary is None else self.content(keys, dictionary), level)

    def usable(self, dictionary: int | None, family: bytes | None) -> bool:
        """Whether it is still used: for a family, or, when that is None, for its subject."""
        sql = "SELECT 1 FROM dictionary WHERE id = ? AND family IS ?"
        return dictionary is None or bool(self._connection.execute(sql, (dictionary, family)).get)

    def add(self, keys: SubjectKeys, dictionary: Dictionary, at: int, family: bytes | None = None) -> int:
        """Compress the subject's texts with it from here on, or the family's; its id."""
        nonce = os.urandom(_NONCE)
        self._connection.execute(
            "INSERT INTO dictionary (owner, at, ratio, nonce, body, family) VALUES (?, ?, ?, ?, ?, ?)",
            (
                keys.owner,
                at,
                dictionary.ratio,
                nonce,
                keys.cipher.encrypt(nonce, dictionary.content, _PURPOSE),
                family,
            ),
        )
        self._newest.pop(keys.owner, None)
        return self._connection.last_insert_rowid()

    def drop_unused(self) -> list[int]:
        """Delete the dictionaries that nothing was compressed with, but for the newest of each subject.

        Gives the families' among them, whose keys are of no use now.
        """
        gone: list[Any] = self._connection.execute(_UNUSED).fetchall()
        self.delete([id_ for id_, _, _ in gone])
        self.let_go()
        return [owner for _, owner, shared in gone if shared]

    def delete(self, dictionaries: Sequence[int]) -> None:
        """Delete dictionaries, and what they were made of."""
        ids = [(id_,) for id_ in dictionaries]
        self._connection.executemany("DELETE FROM dictionary WHERE id = ?", ids)
        self._connection.executemany("DELETE FROM lesson WHERE dictionary = ?", ids)

    def let_go(self) -> None:
        """Hold nothing ready."""
        self._held.clear()
        self._newest.clear()


def _hold(held: "dict[int, _T]", key: int, value: "_T") -> None:
    if len(held) >= _HELD:
        held.clear()
    held[key] = value
