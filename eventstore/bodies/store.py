"""Bodies: put, got by their address, and forgotten with their subject.

A text lies in `<journal>.blobs.db` as ciphertext, once for each subject, under an address that only the
subject's key computes. The keys lie in `<journal>.keys.db`. Bodies are committed before the event that names
them: one whose event never came is swept, and an event never names a body that was not there.
"""

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple, Self

import apsw

from ...domain.errors import (
    BodiesUnusable,
    BodyCorrupt,
    BodyForgotten,
    BodyTooLarge,
    NoSuchBody,
    NoSuchSubject,
)
from ..identity import StrPath, resolve
from . import dictionaries, sweeping
from .blocks import Blocks
from .codecs import Codecs
from .databases import connect_blobs, transaction, unusable
from .families import Families
from .frames import SIZE_MAX
from .keys import Keys, SubjectKeys
from .lessons import Lessons, Teacher
from .packing import Extent, Packed, Packer, Unpacked
from .reading import Reader, parsed
from .rows import Rows
from .sweeping import Swept
from .thinning import Thinner
from .wrapping import wrapping_key

_NS_PER_S = 1_000_000_000
#: Whoever puts a text that is there already makes it younger, if it is older than this.
_TOUCHED_NS = 600 * _NS_PER_S
#: A body without an event may be one whose event is on its way.
GRACE_NS = 3600 * _NS_PER_S

_DAMAGE = (
    *(apsw.CorruptError, apsw.NotADBError, apsw.FormatError, apsw.IOError),
    *(ValueError, MemoryError),
)


class Forgotten(NamedTuple):
    """What was destroyed, and what is known of it."""

    #: Stands for the subject where its name may not; hexadecimal.
    id: str
    #: When the keys were destroyed, UTC nanoseconds.
    at: int
    bodies: int
    #: As they were stored.
    bytes: int
    #: Position of the event that says so; None as long as there is none.
    recorded: int | None


class _Plan(NamedTuple):
    """What a put comes to."""

    keys: SubjectKeys
    addresses: list[bytes]
    #: Texts that are not there yet, by address.
    new: dict[bytes, bytes]
    #: Addresses of those that are, and have been for some time.
    old: list[bytes]


class BodyStore:
    """The bodies beside a journal, for one thread.

    Whoever writes the journal writes them, too; others may read and forget beside that.
    Methods raise BodiesUnusable when a file cannot be read or written.
    """

    @classmethod
    def open(
        cls,
        journal: StrPath,
        *,
        keyring: bool = False,
        environment: Mapping[str, str] = os.environ,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> Self:
        """Open the two files beside a journal, making them (0600), and a key for them, if need be.

        `keyring`: the keys are wrapped by one in the system's keyring rather than in `<journal>.kek`; the
        environment's BURSAR_BODY_KEY goes before both. Raises BodiesUnusable, BodyKeyUnusable.
        """
        path = resolve(journal)
        # A new key is made for new files only: of others it would be a wrong one.
        fresh = not cls.exists(path)
        wrapping = wrapping_key(path, environment, keyring=keyring, make=fresh)
        keys = Keys(path + ".keys.db", wrapping, clock_ns)
        try:
            return cls(path + ".blobs.db", keys, clock_ns)
        except BaseException:
            keys.close()
            raise

    @staticmethod
    def exists(journal: StrPath) -> bool:
        """Whether bodies were ever kept beside the journal."""
        return os.path.lexists(resolve(journal) + ".keys.db")

    def __init__(self, path: str, keys: Keys, clock_ns: Callable[[], int]) -> None:
        """For `open`."""
        self._path = path
        self._keys = keys
        self._clock_ns = clock_ns
        self._connection = connect_blobs(path)
        self._codecs = Codecs(self._connection, keys.of_owner)
        self._rows = Rows(self._connection, self._codecs)
        self._teacher = Teacher(self._connection, self._codecs, self._rows)
        self._blocks = Blocks(self._connection, self._codecs)
        self._reader = Reader(self._connection, self._rows, self._blocks)
        self._families = Families(self._connection, path, keys, self._codecs, self._blocks, clock_ns)
        self._packer = Packer(
            self._connection, path, keys, self._codecs, self._rows, self._blocks, self._families, clock_ns
        )
        self._thinner = Thinner(self._connection, path, keys, self._codecs, self._blocks)

    def put(self, subject: str, body: str | bytes, *, durable: bool = False) -> str:
        """Keep a text; return its address. See `put_many`."""
        return self.put_many(subject, (body,), durable=durable)[0]

    def put_many(self, subject: str, bodies: Sequence[str | bytes], *, durable: bool = False) -> list[str]:
        """Keep texts, in one commit; return their addresses, 64 hexadecimal digits each, in their order.

        A text that the subject has is not kept twice. They survive a kill from here on; `durable`: a power
        cut, too. Raises BodyTooLarge, ValueError for a text that cannot be written in UTF-8.
        """
        texts = [_encoded(body) for body in bodies]
        try:
            plan = self._plan(subject, texts)
            if plan.new or plan.old:
                plan = self._commit(plan, subject, texts, durable)
        except apsw.Error as error:
            raise unusable(self._path, error) from error
        return [address.hex() for address in plan.addresses]

    def get(self, subject: str, address: str) -> bytes:
        """The text at an address of the subject's.

        Raises NoSuchBody, BodyForgotten when the subject was forgotten since, and BodyCorrupt when what is
        there is not what was put.
        """
        wanted = parsed(address)
        texts = None if wanted is None else self._beside(subject, wanted)
        if wanted is None or texts is None:
            kind = BodyForgotten if self._keys.destroyed(subject) else NoSuchBody
            raise kind(address=address)
        return texts[wanted]

    def get_many(self, subject: str, addresses: Iterable[str]) -> list[bytes | None]:
        """The texts at addresses of the subject's, None for those that are not there or are damaged.

        Of packed ones, each block is looked for once, where its texts are asked for one after another.
        """
        found, ready = list[bytes | None](), dict[bytes, bytes]()
        with self._connection:  # one moment of the file, which spares the locks of every other look
            for address in addresses:
                wanted = parsed(address)
                if wanted is not None and wanted not in ready:
                    with suppress(BodyCorrupt):
                        ready = self._beside(subject, wanted) or {}
                found.append(None if wanted is None else ready.get(wanted))
        return found

    def pack(
        self,
        subject: str,
        addresses: Sequence[str],
        *,
        level: int | None = None,
        family: str | None = None,
        ratio_per_mille: int = 1000,
    ) -> Packed:
        """Store the texts at these addresses together, sixteen to a block, in one commit.

        All of them are read back from their blocks before the rows of their own go; interrupted at any time,
        nothing is lost. Texts that are packed already stay so, and count.
        `level`: of zstd, 1 to 19. `family`: others of it share a dictionary, which this may train (a fifth of
        a second). `ratio_per_mille`: unless what is stored comes to as little of the texts, nothing is done.
        """
        wanted = [address for address in map(parsed, addresses) if address is not None]
        try:
            packed = self._packer.pack(subject, wanted, level, family, ratio_per_mille)
        except (apsw.Error, ValueError) as error:
            raise unusable(self._path, error) from error
        strange = tuple(address for address in addresses if parsed(address) is None)
        return packed._replace(lost=packed.lost + strange)

    def unpack(self, subject: str) -> Unpacked:
        """Undo every `pack` of the subject's, in one commit.

        A block that is damaged costs its own texts: those are no longer found.
        """
        try:
            return self._packer.unpack(subject)
        except (apsw.Error, ValueError) as error:
            raise unusable(self._path, error) from error

    def packed(self, subjects: Iterable[str]) -> dict[str, Extent]:
        """What is packed of those of the subjects that have something packed."""
        try:
            found = [(subject, self._packer.extent(subject)) for subject in subjects]
        except apsw.Error as error:
            raise unusable(self._path, error) from error
        return {subject: extent for subject, extent in found if extent is not None}

    def let_go(self) -> int:
        """Hold no texts and no dictionaries in memory; bytes of the texts."""
        self._codecs.let_go()
        return self._blocks.let_go()

    def forget(self, subject: str) -> Forgotten:
        """Destroy the subject's keys, then sweep its bodies.

        No file holds the keys any more; of the bodies, a gap between rows may still hold ciphertext, which
        nothing can read. The keys go first, in one durable commit that also notes what has to follow. A call
        that was interrupted is completed by the next one, which may come at any time and as often as one
        likes. Tell the journal, then call `recorded`. The subject may come back: it gets new keys.
        Raises NoSuchSubject when it has no bodies and never had any.
        """
        self._keys.refresh()
        owner = self._keys.owner_of(subject)
        if owner is not None:
            extent = sweeping.extent(self._connection, owner)
            self._keys.destroy(subject, owner, *extent, also=self._released(owner))
        destroyed = self._keys.destroyed(subject)
        if not destroyed:
            raise NoSuchSubject(subject=subject)
        self.let_go()
        for one in destroyed:
            if not one.swept:
                # What another process has trained on the texts until the keys went.
                self._keys.discard(self._release(one.owner))
                self._keys.scrub()
                sweeping.sweep_owner(self._connection, self._path, one.owner)
                self._keys.swept(one.owner)
        untold = [one for one in destroyed if one.recorded is None]
        counted = untold or destroyed[-1:]
        return Forgotten(
            self._keys.id_of(subject).hex(),
            destroyed[-1].at,
            sum(one.bodies for one in counted),
            sum(one.bytes for one in counted),
            None if untold else destroyed[-1].recorded,
        )

    def recorded(self, subject: str, position: int) -> None:
        """Note that the journal says, at this position, that the subject was forgotten."""
        self._keys.recorded(subject, position)

    def sweep(self, live: Iterable[str], *, before: int | None = None) -> Swept:
        """Delete the bodies that no event names: all but `live`, if they were last put before a time.

        That is an hour ago (UTC nanoseconds), and should not be less: whoever puts a body has yet to commit
        its event. Raises ValueError for what is no address.
        """
        until = self._clock_ns() - GRACE_NS if before is None else before
        return self._sweep(until, frozenset(map(bytes.fromhex, live)))

    def expire(self, before: int) -> Swept:
        """Delete the bodies that were last put before a time (UTC nanoseconds), whoever names them."""
        return self._sweep(before, frozenset())

    def train(self, subject: str) -> bool:
        """Train a dictionary on the subject's texts if it is time for one; whether it is used from now on."""
        lessons = self.lessons(subject)
        trained = dictionaries.train(*lessons) if lessons else None
        return trained is not None and self.adopt(subject, trained)

    def lessons(self, subject: str) -> Lessons | None:
        """What `dictionaries.train` takes, on any thread; None unless it is time for that.

        It is when a subject without a dictionary has enough texts, and when those of late are stored a fifth
        worse than its dictionary promised.
        """
        keys = self._keys.find(subject)
        try:
            return self._teacher.lessons(keys) if keys else None
        except (apsw.Error, ValueError) as error:
            raise unusable(self._path, error) from error

    def adopt(self, subject: str, dictionary: dictionaries.Dictionary) -> bool:
        """Compress the subject's texts with a dictionary from here on, unless it was forgotten meanwhile."""
        with transaction(self._connection, self._path):
            self._keys.refresh()
            keys = self._keys.find(subject)
            if keys is not None:
                self._codecs.add(keys, dictionary, self._clock_ns())
        return keys is not None

    def close(self) -> None:
        """Let go of the files and of the keys. Calling it twice is calling it once."""
        self.let_go()
        self._connection.close()
        self._keys.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _plan(self, subject: str, texts: Sequence[bytes]) -> _Plan:
        keys = self._keys.find(subject) or self._keys.make(subject)
        plan = _Plan(keys, [keys.address(text) for text in texts], {}, [])
        touched = self._clock_ns() - _TOUCHED_NS
        for address, text in zip(plan.addresses, texts, strict=True):
            at = self._rows.put_at(keys, address)
            if at is None:
                at = self._blocks.put_at(keys, address)
            if at is None:
                plan.new[address] = text
            elif at < touched:
                plan.old.append(address)
        return plan

    def _commit(self, plan: _Plan, subject: str, texts: Sequence[bytes], durable: bool) -> _Plan:
        self._connection.pragma("synchronous", 2 if durable else 1)
        with transaction(self._connection, self._path):
            # Keys that were destroyed before this are seen to be here; what is written under keys that are
            # destroyed from now on is swept, for the sweep waits until this has ended.
            if self._keys.refresh():
                plan = self._plan(subject, texts)
            now = self._clock_ns()
            self._rows.touch(plan.keys, plan.old, now)
            self._blocks.touch(plan.old, now)
            self._rows.add(plan.keys, plan.new, now)
        return plan

    def _beside(self, subject: str, wanted: bytes) -> dict[bytes, bytes] | None:
        """A text with those it is packed with; None when it is not there. Raises BodyCorrupt."""
        try:
            found = self._found(subject, wanted)
            return self._found(subject, wanted) if found is None and self._keys.refresh() else found
        except _DAMAGE as error:
            raise BodyCorrupt(address=wanted.hex(), problem=str(error)) from error
        except apsw.Error as error:
            raise unusable(self._path, error) from error

    def _found(self, subject: str, wanted: bytes) -> dict[bytes, bytes] | None:
        keys = self._keys.find(subject)
        return None if keys is None else self._reader.beside(keys, wanted)

    def _sweep(self, until: int, kept: frozenset[bytes]) -> Swept:
        swept = sweeping.sweep(self._connection, self._path, until, kept)
        packed = self._thinner.sweep(until, kept)
        with transaction(self._connection, self._path):
            unused = self._codecs.drop_unused()
        self._keys.discard(unused)
        return Swept(swept.bodies + packed.bodies, swept.bytes + packed.bytes)

    def _released(self, owner: int) -> list[int]:
        """As `_release`; nothing where the file is damaged: the subject's keys go all the same."""
        try:
            return self._release(owner)
        except BodiesUnusable:
            return []

    def _release(self, owner: int) -> list[int]:
        try:
            return self._families.release(owner)
        except (apsw.Error, ValueError) as error:
            raise unusable(self._path, error) from error


def _encoded(body: str | bytes) -> bytes:
    text = body.encode() if isinstance(body, str) else body
    if len(text) > SIZE_MAX:
        raise BodyTooLarge(size=len(text), limit=SIZE_MAX)
    return text
