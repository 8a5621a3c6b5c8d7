"""What texts are compressed with: the subject's newest dictionary; and read with: the one they name."""

import os
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


class Newest(NamedTuple):
    """What new texts are compressed with."""

    codec: Codec
    #: Its id; None when there is none.
    dictionary: int | None


class Codecs:
    """The dictionaries in the file of bodies. Methods raise apsw.Error, too."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
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
        row: Any = self._connection.execute(
            "SELECT nonce, body FROM dictionary WHERE id = ? AND owner = ?", (dictionary, keys.owner)
        ).fetchone()
        if row is None:
            raise ValueError(f"its dictionary {dictionary} is gone")
        try:
            nonce, body = row
            return keys.cipher.decrypt(nonce, body, _PURPOSE)
        except (InvalidTag, TypeError, ValueError):
            raise ValueError(f"its dictionary {dictionary} is damaged") from None

    def ratio(self, dictionary: int) -> int:
        """What a dictionary was good for when it was new; 0 when it is gone."""
        ratio: int | None = self._connection.execute(
            "SELECT ratio FROM dictionary WHERE id = ?", (dictionary,)
        ).get
        return ratio or 0

    def add(self, keys: SubjectKeys, dictionary: Dictionary, at: int) -> None:
        """Compress the subject's texts with it from here on."""
        nonce = os.urandom(_NONCE)
        self._connection.execute(
            "INSERT INTO dictionary (owner, at, ratio, nonce, body) VALUES (?, ?, ?, ?, ?)",
            (
                keys.owner,
                at,
                dictionary.ratio,
                nonce,
                keys.cipher.encrypt(nonce, dictionary.content, _PURPOSE),
            ),
        )
        self._newest.pop(keys.owner, None)

    def drop_unused(self) -> None:
        """Delete the dictionaries that nothing was compressed with, but for the newest of each subject."""
        self._connection.execute(
            """
            DELETE FROM dictionary
              WHERE id NOT IN (SELECT dictionary FROM blob WHERE dictionary IS NOT NULL)
                AND id NOT IN (SELECT max(id) FROM dictionary GROUP BY owner)
            """
        )
        self.let_go()

    def let_go(self) -> None:
        """Hold nothing ready."""
        self._held.clear()
        self._newest.clear()


def _hold(held: "dict[int, _T]", key: int, value: "_T") -> None:
    if len(held) >= _HELD:
        held.clear()
    held[key] = value
