"""Dictionaries that subjects have in common: those of one family, such as the contexts of one agent.

A single context is too short to be worth a dictionary of its own. So one is trained on what is packed of the
family, anew whenever that has doubled. It is made of pieces of texts, so it is encrypted under a key of its
own, and it is known whose texts those were. When one of these subjects is forgotten, what others had packed
with it is packed anew without it, and its key is destroyed in the same commit as theirs.
"""

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

import apsw

from . import dictionaries
from .blocks import Blocks, encode
from .codecs import Codecs
from .databases import transaction
from .dictionaries import BYTES_MAX, BYTES_MIN, Dictionary
from .frames import Codec
from .keys import Keys, SubjectKeys

#: What blocks are compressed with unless somebody says: twice level 3's time, and a tenth less to store.
PACKING_LEVEL = 6
#: Bytes of each subject that a dictionary is made of: one that is long leaves room for others.
SUBJECT_MAX = BYTES_MAX // 4
#: Subjects that a dictionary is made of at most: each of them that goes takes it along.
_SUBJECTS_MAX = 64
#: What is looked at of a text.
_LESSON_MAX = 128 << 10
#: Blocks that are packed anew in one commit: whoever puts in another process waits for no more.
_BATCH = 100

_DEPENDENT = """
SELECT block.id, family.id FROM block LEFT JOIN family USING (owner) WHERE dictionary = ? AND owner <> ?
"""


class Families:
    """The families' dictionaries, for one thread. Methods raise apsw.Error, too, and BodiesUnusable."""

    def __init__(
        self,
        connection: apsw.Connection,
        path: str,
        keys: Keys,
        codecs: Codecs,
        blocks: Blocks,
        clock_ns: Callable[[], int],
    ) -> None:
        self._connection = connection
        self._path = path
        self._keys = keys
        self._codecs = codecs
        self._blocks = blocks
        self._clock_ns = clock_ns
        #: Subjects that there were at the last training of a family.
        self._trained: dict[bytes, int] = {}

    def newest(self, family: bytes) -> int | None:
        """The dictionary that the family is packed with."""
        newest: int | None = self._connection.execute(
            "SELECT max(id) FROM dictionary WHERE family = ?", (family,)
        ).get
        return newest

    def join(self, owner: int, family: bytes) -> None:
        """Note that a subject is of a family."""
        self._connection.execute("INSERT OR REPLACE INTO family (owner, id) VALUES (?, ?)", (owner, family))

    def teach(self, family: bytes, keys: SubjectKeys, texts: Callable[[], list[bytes]]) -> None:
        """Train a dictionary for the family if it is time: if it has doubled with this subject."""
        others = self._subjects(family, keys.owner)
        if len(others) + 1 < 2 * self._trained.get(family, self._taught(self.newest(family))):
            return
        self._trained[family] = len(others) + 1
        self._train(family, texts(), [keys.owner], others)

    def release(self, owner: int) -> list[int]:
        """Pack anew, without its texts, what others have packed with dictionaries made of a subject's.

        Gives the owners of those dictionaries, whose keys nobody needs any more but for the subject's own.
        On the disk when this returns; done again it does nothing.
        """
        rows: list[Any] = self._connection.execute(
            "SELECT id, d.owner FROM lesson JOIN dictionary AS d ON id = dictionary WHERE lesson.owner = ?",
            (owner,),
        ).fetchall()
        retired = [id_ for id_, _ in rows]
        if not retired:
            return []
        self._trained.clear()
        self._connection.pragma("synchronous", 2)
        with transaction(self._connection, self._path):
            # From here on nobody packs with them.
            self._connection.executemany(
                "UPDATE dictionary SET family = NULL WHERE id = ?", [(id_,) for id_ in retired]
            )
        for dictionary in retired:
            self._repack(dictionary, owner)
        return [minted for _, minted in rows]

    def _train(self, family: bytes, texts: list[bytes], owners: list[int], others: Sequence[int]) -> None:
        """Train on texts, and on those of others as far as there is room; adopt what comes of it."""
        lessons, size = list[bytes](), 0
        for more, owner in chain([(texts, None)], ((self._texts(other), other) for other in others)):
            if size >= BYTES_MAX or len(owners) >= _SUBJECTS_MAX:
                break
            if more and owner is not None:
                owners.append(owner)
            for text in more:
                if size < BYTES_MAX:
                    lessons.append(text[:_LESSON_MAX])
                    size += len(lessons[-1])
        newest = self.newest(family)
        current = None if newest is None else self._content(newest)
        trained = dictionaries.train(lessons, current, dictionaries.BLOCKS, PACKING_LEVEL)
        if trained is not None and size >= BYTES_MIN:
            self._adopt(family, trained, owners)

    def _adopt(self, family: bytes, dictionary: Dictionary, owners: Sequence[int]) -> None:
        minted = self._keys.mint()
        with transaction(self._connection, self._path):
            # One that was forgotten meanwhile would live on in it.
            if any(self._keys.of_owner(owner) is None for owner in owners):
                self._keys.discard([minted.owner])
                return
            id_ = self._codecs.add(minted, dictionary, self._clock_ns(), family)
            self._connection.executemany(
                "INSERT INTO lesson (owner, dictionary) VALUES (?, ?)", [(owner, id_) for owner in owners]
            )

    def _repack(self, dictionary: int, owner: int) -> None:
        """Pack the blocks anew that name a dictionary; those of its own a subject takes along."""
        rows: list[Any] = self._connection.execute(_DEPENDENT, (dictionary, owner)).fetchall()
        codecs: dict[bytes | None, tuple[Codec, int | None]] = {}
        for family in dict.fromkeys(family for _, family in rows):
            codecs[family] = self._instead(family, owner)
        for first in range(0, len(rows), _BATCH):
            with transaction(self._connection, self._path):
                for id_, family in rows[first : first + _BATCH]:
                    self._repack_one(id_, *codecs[family])

    def _repack_one(self, id_: int, codec: Codec, dictionary: int | None) -> None:
        stored = self._blocks.get(id_)
        keys = None if stored is None else self._keys.of_owner(stored.owner)
        if stored is None or keys is None:
            return
        try:
            texts = self._blocks.read(keys, stored.block)
        except ValueError:  # nobody can read it anyway
            return
        block = encode(keys, list(texts.values()), codec, dictionary, PACKING_LEVEL)
        self._blocks.rewrite(id_, block)
        self._blocks.require(keys, id_, texts)

    def _instead(self, family: bytes | None, owner: int) -> tuple[Codec, int | None]:
        """What a family is packed with from here on, with nothing in it of a subject."""
        if family is not None and self.newest(family) is None:
            self._train(family, [], [], self._subjects(family, owner))
        newest = None if family is None else self.newest(family)
        content = None if newest is None else self._content(newest)
        return Codec(content, PACKING_LEVEL), None if content is None else newest

    def _subjects(self, family: bytes, but: int) -> list[int]:
        """The owners of a family that have something packed, the newest first."""
        rows: list[Any] = self._connection.execute(
            """
            SELECT owner, max(block.id) AS newest FROM family JOIN block USING (owner)
              WHERE family.id = ? AND owner <> ? GROUP BY owner ORDER BY newest DESC
            """,
            (family, but),
        ).fetchall()
        return [owner for owner, _ in rows]

    def _taught(self, dictionary: int | None) -> int:
        """How many subjects a dictionary was made of."""
        sql = "SELECT count(*) FROM lesson WHERE dictionary = ?"
        count: int = self._connection.execute(sql, (dictionary,)).get
        return count

    def _content(self, dictionary: int) -> bytes | None:
        """A family's dictionary; None when it is damaged."""
        owner: int | None = self._connection.execute(
            "SELECT owner FROM dictionary WHERE id = ?", (dictionary,)
        ).get
        keys = None if owner is None else self._keys.of_owner(owner)
        try:
            return None if keys is None else self._codecs.content(keys, dictionary)
        except ValueError:
            return None

    def _texts(self, owner: int) -> list[bytes]:
        """What is packed of a subject, as far as there is room; without what is damaged."""
        keys = self._keys.of_owner(owner)
        found, size = list[bytes](), 0
        for id_ in self._blocks.of(owner) if keys else ():
            stored = self._blocks.get(id_)
            size += stored.block.texts if stored else 0
            if found and size > SUBJECT_MAX:
                break
            try:
                found += self._blocks.read(keys, stored.block).values() if keys and stored else ()
            except ValueError:
                continue
        return found
