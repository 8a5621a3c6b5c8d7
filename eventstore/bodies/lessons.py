"""When it is time for a dictionary, and what to train it on."""

from typing import Any, NamedTuple

import apsw

from . import dictionaries
from .codecs import Codecs
from .keys import SubjectKeys
from .rows import Rows

#: Of the newest rows of all subjects, so many are looked through.
_RECENT = 8192


class Lessons(NamedTuple):
    """What `dictionaries.train` takes."""

    texts: list[bytes]
    #: The dictionary to be better than.
    current: bytes | None


class Teacher:
    """Knows what was trained on already. Methods raise apsw.Error, too."""

    def __init__(self, connection: apsw.Connection, codecs: Codecs, rows: Rows) -> None:
        self._connection = connection
        self._codecs = codecs
        self._rows = rows
        #: Newest row at the last training of a subject, by owner: a failed one is not repeated at once.
        self._trained: dict[int, int] = {}

    def lessons(self, keys: SubjectKeys) -> Lessons | None:
        """None unless there are enough texts that the newest dictionary, or none, does badly on."""
        newest = self._codecs.newest(keys).dictionary
        rows: list[Any] = self._connection.execute(
            """
            SELECT id, size, stored, address
              FROM (SELECT id, owner, size, dictionary, length(body) AS stored, address
                      FROM blob ORDER BY id DESC LIMIT ?)
              WHERE owner = ? AND id > ? AND dictionary IS ?
            """,
            (_RECENT, keys.owner, self._trained.get(keys.owner, 0), newest),
        ).fetchall()
        size, stored = sum(row[1] for row in rows), sum(row[2] for row in rows)
        if len(rows) < dictionaries.TEXTS_MIN or size < dictionaries.BYTES_MIN:
            return None
        then = None if newest is None else self._codecs.ratio(newest)
        if then is not None and not dictionaries.has_drifted(then, dictionaries.ratio_of(size, stored)):
            return None
        self._trained[keys.owner] = rows[0][0]
        current = None if newest is None else self._codecs.content(keys, newest)
        return Lessons(self._texts(keys, [row[3] for row in rows]), current)

    def _texts(self, keys: SubjectKeys, addresses: list[bytes]) -> list[bytes]:
        """The texts at addresses, as many as a training takes; without those that are damaged."""
        texts, size = list[bytes](), 0
        for address in addresses:
            row = self._rows.find(keys, address)
            try:
                text = self._rows.text(keys, address, row) if row else b""
            except ValueError:
                continue
            texts.append(text)
            size += len(text)
            if size >= dictionaries.BYTES_MAX:
                break
        return texts
