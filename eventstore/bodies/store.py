"""Bodies: put, got by their address, and forgotten with their subject.

A text lies in `<journal>.blobs.db` as ciphertext, once for each subject, under an address that only the
subject's key computes. The keys lie in `<journal>.keys.db`. Bodies are committed before the event that names
them: one whose event never came is swept, and an event never names a body that was not there.
"""

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, Self

import apsw

from ...domain.errors import BodyCorrupt, BodyForgotten, BodyTooLarge, NoSuchBody, NoSuchSubject
from ..identity import StrPath, resolve
from . import dictionaries, sweeping
from .codecs import Codecs
from .databases import connect_blobs, transaction, unusable
from .frames import SIZE_MAX
from .keys import Keys, SubjectKeys
from .lessons import Lessons, Teacher
from .rows import Rows
from .sweeping import Swept
from .wrapping import wrapping_key

_ADDRESS = 32
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
        self._codecs = Codecs(self._connection)
        self._rows = Rows(self._connection, self._codecs)
        self._teacher = Teacher(self._connection, self._codecs, self._rows)

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
        try:
            text = self._text(subject, address)
            if text is None and self._keys.refresh():
                text = self._text(subject, address)
        except _DAMAGE as error:
            raise BodyCorrupt(address=address, problem=str(error)) from error
        except apsw.Error as error:
            raise unusable(self._path, error) from error
        if text is None:
            kind = BodyForgotten if self._keys.destroyed(subject) else NoSuchBody
            raise kind(address=address)
        return text

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
            self._keys.destroy(subject, owner, *sweeping.extent(self._connection, owner))
        destroyed = self._keys.destroyed(subject)
        if not destroyed:
            raise NoSuchSubject(subject=subject)
        self._codecs.let_go()
        for one in destroyed:
            if not one.swept:
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
        self._codecs.let_go()
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
            self._rows.add(plan.keys, plan.new, now)
        return plan

    def _text(self, subject: str, address: str) -> bytes | None:
        keys, wanted = self._keys.find(subject), _parsed(address)
        if keys is None or wanted is None:
            return None
        row = self._rows.find(keys, wanted)
        return None if row is None else self._rows.text(keys, wanted, row)

    def _sweep(self, until: int, kept: frozenset[bytes]) -> Swept:
        swept = sweeping.sweep(self._connection, self._path, until, kept)
        with transaction(self._connection, self._path):
            self._codecs.drop_unused()
        return swept


def _encoded(body: str | bytes) -> bytes:
    text = body.encode() if isinstance(body, str) else body
    if len(text) > SIZE_MAX:
        raise BodyTooLarge(size=len(text), limit=SIZE_MAX)
    return text


def _parsed(address: str) -> bytes | None:
    try:
        found = bytes.fromhex(address)
    except ValueError:
        return None
    return found if len(found) == _ADDRESS else None
