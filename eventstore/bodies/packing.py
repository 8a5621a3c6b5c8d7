"""Packing a subject's texts into blocks, and unpacking them: each in one commit, which is undone as one."""

import hashlib
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import apsw

from .blocks import Block, Blocks, cut, encode
from .codecs import Codecs
from .databases import transaction
from .families import PACKING_LEVEL, SUBJECT_MAX, Families
from .frames import Codec
from .keys import Keys, SubjectKeys
from .rows import Rows


class Packed(NamedTuple):
    """What was packed, counted over the blocks that the texts are in."""

    #: Bytes of text, and what is stored for them.
    before: int
    after: int
    messages: int
    #: 0 when it would not have been worth it: `after` is what it would have come to.
    blocks: int
    #: SHA-256 over the texts in the order that was asked for, as they were read back; hexadecimal.
    digest: str
    #: Addresses that have no text, or a damaged one: what there is of it lies where it was.
    lost: tuple[str, ...]


class Unpacked(NamedTuple):
    """What was unpacked."""

    messages: int
    #: Of text.
    bytes: int
    #: Addresses of texts whose block is damaged.
    lost: tuple[str, ...]


class Extent(NamedTuple):
    """What is packed of a subject."""

    messages: int
    blocks: int
    #: Bytes of text, and what is stored for them.
    before: int
    after: int
    #: When something was packed last, UTC nanoseconds.
    at: int


class _Single(NamedTuple):
    """A text that is not packed, by its size."""

    address: bytes
    at: int
    size: int


class _Job(NamedTuple):
    """Blocks that are to take the place of single texts."""

    singles: list[_Single]
    blocks: list[tuple[Block, list[_Single]]]
    dictionary: int | None


class _Moved(Exception):
    """What was prepared is not how things are any more."""


class _NotWorthIt(Exception):
    """What was written is to be undone, for it takes too much room."""

    def __init__(self, packed: Packed) -> None:
        self.packed = packed


class Packer:
    """Moves texts between rows of their own and blocks.

    Methods raise apsw.Error, too, BodiesUnusable, and ValueError for what is not what was written.
    """

    def __init__(
        self,
        connection: apsw.Connection,
        path: str,
        keys: Keys,
        codecs: Codecs,
        rows: Rows,
        blocks: Blocks,
        families: Families,
        clock_ns: Callable[[], int],
    ) -> None:
        self._connection = connection
        self._path = path
        self._keys = keys
        self._codecs = codecs
        self._rows = rows
        self._blocks = blocks
        self._families = families
        self._clock_ns = clock_ns

    def pack(
        self,
        subject: str,
        wanted: Sequence[bytes],
        level: int | None,
        family: str | None,
        ratio_per_mille: int,
    ) -> Packed:
        """Pack the texts at these addresses that are not packed yet."""
        family_id = None if family is None else self._keys.id_of(f"family {family}")
        while True:
            keys = self._keys.find(subject)
            if keys is None:
                return Packed(0, 0, 0, 0, "", tuple(address.hex() for address in wanted))
            try:
                job = self._prepare(keys, wanted, PACKING_LEVEL if level is None else level, family_id)
                return self._commit(subject, keys, wanted, job, family_id, ratio_per_mille)
            except _Moved:
                self._codecs.let_go()
            except _NotWorthIt as error:
                return error.packed._replace(blocks=0, digest="")

    def unpack(self, subject: str) -> Unpacked:
        """Give all texts of a subject that are packed a row of their own again."""
        messages, size, lost = 0, 0, list[bytes]()
        self._connection.pragma("synchronous", 1)
        with transaction(self._connection, self._path):
            self._keys.refresh()
            keys = self._keys.find(subject)
            if keys is None:
                return Unpacked(0, 0, ())
            for id_ in self._blocks.of(keys.owner):
                texts = self._unpack(keys, id_)
                if texts is None:
                    lost += self._blocks.displace(id_)
                    continue
                messages += len(texts)
                size += sum(map(len, texts.values()))
        return Unpacked(messages, size, tuple(address.hex() for address in lost))

    def extent(self, subject: str) -> Extent | None:
        """None when nothing is packed of it."""
        owner = self._keys.owner_of(subject)
        row: Any = self._connection.execute(
            """
            SELECT sum(messages), count(*), sum(texts), sum(length(nonce) + length(body)), max(at)
              FROM block WHERE owner = ?
            """,
            (owner,),
        ).fetchone()
        return Extent._make(row) if row[1] else None

    def _unpack(self, keys: SubjectKeys, id_: int) -> dict[bytes, bytes] | None:
        """Move the texts of a block; None when it is damaged."""
        stored = self._blocks.get(id_)
        try:
            texts = {} if stored is None else self._blocks.read(keys, stored.block)
        except (ValueError, apsw.CorruptError):
            return None
        now, times = self._clock_ns(), dict[int, dict[bytes, bytes]]()
        for address, text in texts.items():
            at = self._blocks.put_at(keys, address)
            times.setdefault(now if at is None else at, {})[address] = text
        for at, some in times.items():
            self._rows.add(keys, some, at)
        self._blocks.delete(id_, texts)
        return texts

    def _prepare(self, keys: SubjectKeys, wanted: Sequence[bytes], level: int, family: bytes | None) -> _Job:
        singles = self._singles(keys, wanted)
        if not singles:
            return _Job([], [], None)
        if family is not None:
            self._families.teach(family, keys, lambda: self._lessons(keys, singles))
        codec, dictionary = self._codec(keys, level, family)
        job = _Job([], [], dictionary)
        for part in cut([single.size for single in singles]):
            texts = self._texts(keys, singles[part])
            if texts:
                found = [single for single in singles[part] if single.address in texts]
                job.singles.extend(found)
                job.blocks.append((encode(keys, list(texts.values()), codec, dictionary, level), found))
        return job

    def _singles(self, keys: SubjectKeys, wanted: Sequence[bytes]) -> list[_Single]:
        sql, found = "SELECT address, at, size FROM blob WHERE owner = ? AND address = ?", list[_Single]()
        with self._connection:
            for address in dict.fromkeys(wanted):
                row: Any = self._connection.execute(sql, (keys.owner, address)).fetchone()
                if row is not None:
                    found.append(_Single._make(row))
        return found

    def _texts(self, keys: SubjectKeys, singles: Sequence[_Single]) -> dict[bytes, bytes]:
        """Texts by address, without those that are damaged or gone."""
        found: dict[bytes, bytes] = {}
        with self._connection:  # as one look at the file, which spares the locks of the others
            for address, _, _ in singles:
                row = self._rows.find(keys, address)
                with suppress(ValueError):
                    if row is not None:
                        found[address] = self._rows.text(keys, address, row)
        return found

    def _lessons(self, keys: SubjectKeys, singles: Sequence[_Single]) -> list[bytes]:
        """As many texts as a dictionary is made of for one subject."""
        size, some = 0, list[_Single]()
        for single in singles:
            size += single.size
            if some and size > SUBJECT_MAX:
                break
            some.append(single)
        return list(self._texts(keys, some).values())

    def _codec(self, keys: SubjectKeys, level: int, family: bytes | None) -> tuple[Codec, int | None]:
        """What to pack with: the family's newest dictionary, or the subject's; a damaged one is none."""
        dictionary = self._codecs.newest(keys).dictionary if family is None else self._families.newest(family)
        try:
            return self._codecs.packing(keys, dictionary, level), dictionary
        except ValueError:
            return Codec(None, level), None

    def _commit(
        self,
        subject: str,
        keys: SubjectKeys,
        wanted: Sequence[bytes],
        job: _Job,
        family: bytes | None,
        ratio_per_mille: int,
    ) -> Packed:
        self._connection.pragma("synchronous", 1)
        with transaction(self._connection, self._path):
            if self._keys.refresh() and getattr(self._keys.find(subject), "owner", None) != keys.owner:
                raise _Moved
            if not self._codecs.usable(job.dictionary, family):
                raise _Moved
            now = self._clock_ns()
            for block, singles in job.blocks:
                id_ = self._blocks.write(keys, block, now)
                self._blocks.place(id_, [(single.address, single.at) for single in singles])
            if family is not None:
                self._families.join(keys.owner, family)
            packed = self._read_back(keys, wanted, {single.address for single in job.singles})
            if job.singles and packed.after * 1000 > packed.before * ratio_per_mille:
                raise _NotWorthIt(packed)
            self._delete(keys, job.singles)
        return packed

    def _delete(self, keys: SubjectKeys, singles: Sequence[_Single]) -> None:
        changes = self._connection.total_changes()
        self._connection.executemany(
            "DELETE FROM blob WHERE owner = ? AND address = ?",
            [(keys.owner, single.address) for single in singles],
        )
        if self._connection.total_changes() - changes != len(singles):  # some were swept meanwhile
            raise _Moved

    def _read_back(self, keys: SubjectKeys, wanted: Sequence[bytes], written: Collection[bytes]) -> Packed:
        """Every text again, from the blocks as they lie in the file. Raises ValueError."""
        digest, seen, lost = hashlib.sha256(), dict[int, Block](), list[bytes]()
        ready: dict[bytes, bytes] = {}
        for address in wanted:
            if address not in ready:
                stored = self._blocks.find(keys, address)
                try:
                    ready = self._blocks.texts(keys, stored.block) if stored else {}
                except (ValueError, apsw.CorruptError):
                    ready = {}
                if stored and address in ready:
                    seen[stored.id] = stored.block
                elif address in written:
                    raise ValueError("it is not what was written")
                else:
                    lost.append(address)
                    continue
            digest.update(len(ready[address]).to_bytes(8) + ready[address])
        return Packed(
            sum(block.texts for block in seen.values()),
            sum(block.stored for block in seen.values()),
            sum(block.messages for block in seen.values()),
            len(seen),
            digest.hexdigest(),
            tuple(address.hex() for address in lost),
        )
