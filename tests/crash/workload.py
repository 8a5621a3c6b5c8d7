"""Clients of a journal on a simulated disk: what they did, what they were told, and when."""

import asyncio
import itertools
import json
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from random import Random

import apsw

from bursar.domain.errors import BursarError, JournalUnusable
from bursar.eventstore import checkpointing, committing
from bursar.eventstore.endings import Ended
from bursar.eventstore.journal import Journal
from bursar.eventstore.records import Draft
from bursar.testing.simloop import EPOCH_NS, SimLoop, run

from .disk import Disk, DiskError
from .faults import Failing
from .storage import SimulatedOwner, SimulatedStorage
from .truth import COMMANDS, EVENTS, Truth
from .vfs import seed_sqlite


@dataclass(frozen=True, slots=True)
class Knobs:
    """What a seed draws before anything happens."""

    clients: int
    #: Appends of each client, over all sessions.
    appends: int
    batch: int
    #: Shares of appends: to the disk itself; with an id; without a loop; again what was sent before.
    durable: float
    commands: float
    now: float
    again: float
    #: Share of big events.
    big: float
    pause_s: float
    root_every: int
    #: Pages of log after which it is copied, and after which commits wait for it.
    copied: int
    cap: int
    idle_s: float
    #: How each session ends: closed or killed.
    ends: tuple[str, ...]


def draw(random: Random, appends: int = 60) -> Knobs:
    """The knobs of a seed; `appends` of all clients together."""
    clients = random.choice((1, 2, 3, 5))
    batch, share = random.choice(((1, 1.0), (3, 1.0), (20, 0.3)))
    return Knobs(
        clients=clients,
        appends=max(1, round(appends * share / clients)),
        batch=batch,
        durable=random.choice((0.0, 0.1, 0.5, 1.0)),
        commands=random.choice((0.0, 0.3, 1.0)),
        now=random.choice((0.0, 0.05)),
        again=random.choice((0.0, 0.2)),
        big=random.choice((0.0, 0.0, 0.02, 0.3 / batch)),
        pause_s=random.choice((0.001, 0.02, 0.1)),
        root_every=random.choice((4, 32, 1024)),
        copied=random.choice((8, 30, 4096)),
        cap=random.choice((40, 120)),
        idle_s=random.choice((0.2, 5.0)),
        ends=tuple(random.choice(("closed", "killed")) for _ in range(random.choice((1, 1, 2, 3)))),
    )


@dataclass(slots=True)
class Moment:
    """What held before an operation of the disk."""

    #: Last position that may not be lost; that somebody was told; that was given out.
    promised: int
    told: int
    given: int
    #: Of the history that was being written.
    life: int
    at_s: float


@dataclass(slots=True)
class Recording:
    """One run, and what must be true of its disk at any moment."""

    disk: Disk
    #: Histories; a kill, or an error, may end one that was not on the disk.
    lives: list[Truth]
    #: One for each operation of the disk, and one for after the last.
    moments: list[Moment] = field(default_factory=list[Moment])
    #: What went wrong beside the disk.
    violations: list[str] = field(default_factory=list[str])
    #: Virtual second at which each position was committed.
    committed_s: list[tuple[float, int]] = field(default_factory=list[tuple[float, int]])
    refused: int = 0


def record(
    disk: Disk,
    truth: Truth,
    seed: object,
    knobs: Knobs,
) -> Recording:
    """Let clients loose on a disk whose journal holds `truth`, until all of them have had enough."""
    recording = Recording(disk, [truth])
    seed_sqlite(seed)
    with _shrunk(knobs):
        start_ns = truth.rows[-1][5] if truth.rows else EPOCH_NS
        main = _Run(recording, seed, knobs).main
        run(main, seed=hash_of(seed), start_ns=start_ns)
    return recording


def hash_of(seed: object) -> int:
    """A number for a seed, the same in every process."""
    return Random(f"{seed}").getrandbits(32)


class _Run:
    def __init__(
        self,
        recording: Recording,
        seed: object,
        knobs: Knobs,
    ) -> None:
        self._recording = recording
        self._loop: SimLoop
        self._knobs = knobs
        self._random = Random(f"{seed}/clients")
        self._salts = Random(f"{seed}/salts")
        self._journal: Journal | None = None
        self._promised = self._told = self._given = recording.lives[0].head
        #: Whether the journal has said that it is spent.
        self._spent = False
        #: Sent with an id: what it was, and the future.
        self._sent: list[tuple[str, list[Draft], int]] = []
        self._commands = (f"{seed} {n}" for n in itertools.count(1))

    async def main(self, loop: SimLoop) -> None:
        """One session after another."""
        self._loop = loop
        recording = self._recording
        recording.disk.watch = self._watch
        expected = {Ended.UNKNOWN, Ended.CUT_OFF, Ended.CLOSED}
        for end in self._knobs.ends:
            self._journal = journal = self._open()
            storage = self._storage
            # On a disk that fails it may take two attempts to open it.
            if journal.opened.ended not in expected and not recording.disk.faulty:
                recording.violations.append(f"opened saying {journal.opened}")
            share = max(1, self._knobs.appends // len(self._knobs.ends))
            clients = [self._client(journal, share) for _ in range(self._knobs.clients)]
            await asyncio.gather(*clients)
            expected = {self._end(journal, storage, closed=end == "closed" or self._spent)}
        self._watch()
        recording.disk.watch = _nothing

    def _open(self) -> Journal:
        """Own the journal again, and see what it came to."""
        try:
            journal = self._own()
        except (BursarError, apsw.Error, DiskError):
            fault = self._recording.disk.fault
            if not isinstance(fault, Failing) or fault.healed:
                raise
            fault.healed = True
            journal = self._own()
        self._spent = False
        recording, head = self._recording, journal.head
        life = recording.lives[-1]
        if head < max(self._promised, 0 if recording.disk.forgetful else self._told):
            recording.violations.append(
                f"opened at {head}: {self._told} had been told, and {self._promised} promised"
            )
        if head < life.head:
            recording.lives.append(life.until(head))
            self._told = min(self._told, head)
        self._heard(head)
        self._sent = [sent for sent in self._sent if sent[2] <= head]
        self._promised = max(self._promised, journal.hardened)
        journal.listen(self._heard)
        return journal

    def _own(self) -> Journal:
        owner = SimulatedOwner(self._recording.disk)
        try:
            self._storage = SimulatedStorage(self._recording.disk)
        except (apsw.Error, DiskError):
            owner.distrust()
            raise
        return Journal(
            self._storage.path,
            self._storage,
            owner,
            clock_ns=self._loop.now_ns,
            entropy=self._salts.randbytes,
        )

    def _end(self, journal: Journal, storage: SimulatedStorage, *, closed: bool) -> Ended:
        """End a session; what is to be said at the next."""
        if not closed:
            storage.fence()
            journal.abandon()
            return Ended.KILLED
        finished = not self._spent
        try:
            journal.close()
        except BursarError:
            self._recording.refused += 1
            finished = False
        if finished:
            self._promised = self._recording.lives[-1].head
        if isinstance(self._recording.disk.fault, Failing):
            self._recording.disk.fault.healed = True
        return Ended.CLOSED if finished else Ended.KILLED

    def _watch(self) -> None:
        """Before an operation of the disk."""
        journal, lives = self._journal, self._recording.lives
        if journal is not None:
            self._promised = max(self._promised, journal.hardened)
            self._given = max(self._given, journal.head)
        self._recording.moments.append(
            Moment(self._promised, self._told, self._given, len(lives) - 1, self._loop.time())
        )

    def _heard(self, position: int) -> None:
        """After a commit."""
        life, read = self._recording.lives[-1], self._storage.connection.execute
        before = life.head
        with self._recording.disk.calm():
            life.add(list(read(EVENTS, (before,))))
            life.commands += read(COMMANDS, (before,))
        self._recording.committed_s.append((self._loop.time(), position))
        if life.head != position:
            self._recording.violations.append(f"committed up to {position}, and {life.head} can be read")

    async def _client(self, journal: Journal, appends: int) -> None:
        random, knobs = self._random, self._knobs
        for _ in range(appends):
            try:
                await self._act(journal)
            except JournalUnusable:
                self._spent = True
            except BursarError:
                self._recording.refused += 1
                self._sent = [sent for sent in self._sent if sent[2] <= journal.committed]
            if self._spent:
                return
            if random.random() < 0.5:
                await asyncio.sleep(random.expovariate(1 / knobs.pause_s))

    async def _act(self, journal: Journal) -> None:
        random, knobs = self._random, self._knobs
        if self._sent and random.random() < knobs.again:
            await self._again(journal)
            return
        if random.random() < 0.02 and journal.committed:
            with suppress(apsw.ConstraintError):  # there is one for this size
                journal.write_checkpoint(journal.committed, f"note on {journal.committed}")
        head = journal.head
        left = range(random.randint(1, knobs.batch) - 1, -1, -1)
        batch = [draft(random, head + 1 + n, left, self._loop, knobs.big) for n, left in enumerate(left)]
        command = None
        if random.random() < knobs.commands:
            command = next(self._commands)
        if random.random() < knobs.now:
            self._acknowledged(journal.append_now(batch, expected=head, command=command), durable=True)
            return
        durable = random.random() < knobs.durable
        future = journal.append(batch, expected=head, durable=durable, command=command)
        if command is not None:
            self._sent.append((command, batch, head + len(batch)))
        if random.random() < 0.2:
            future.add_done_callback(lambda done: self._answered(done, durable=durable))
            return
        self._acknowledged(await future, durable=durable)

    async def _again(self, journal: Journal) -> None:
        """Send something a second time: it has the position that it has."""
        command, batch, last = self._random.choice(self._sent[-3:])
        durable = self._random.random() < 0.5
        # As a sender does who decides again: what it says is the same, when it is said is not.
        batch = [one._replace(at=self._loop.now_ns()) for one in batch]
        position = await journal.append(batch, expected=journal.head, durable=durable, command=command)
        if position != last:
            self._recording.violations.append(f"command {command} is at {last} and was answered {position}")
        self._acknowledged(position, durable=durable)

    def _answered(self, done: "asyncio.Future[int]", *, durable: bool) -> None:
        if done.exception() is None:
            self._acknowledged(done.result(), durable=durable)

    def _acknowledged(self, position: int, *, durable: bool) -> None:
        self._told = max(self._told, position)
        if durable:
            self._promised = max(self._promised, position)


def draft(random: Random, position: int, left: int, loop: SimLoop, big: float) -> Draft:
    """An event for a position; `left` are in its batch after it."""
    size = random.randint(2_000, 20_000) if random.random() < big else random.randint(20, 300)
    data = json.dumps({"left": left, "x": random.randbytes(size // 2).hex()})
    return Draft(
        "fact", "Happened", 1, f"model/{random.randrange(4)}", loop.now_ns(), None, position, "bursar", data
    )


@contextmanager
def _shrunk(knobs: Knobs) -> Generator[None]:
    """Limits so small that a short run reaches them."""
    wanted = (
        (committing, "ROOT_EVERY", knobs.root_every),
        (checkpointing, "_PAGES", knobs.copied),
        (checkpointing, "_MORE", knobs.copied),
        (checkpointing, "_CAP", knobs.cap),
        (checkpointing, "_IDLE_S", knobs.idle_s),
    )
    before = [(module, name, getattr(module, name)) for module, name, _ in wanted]
    try:
        for module, name, value in wanted:
            setattr(module, name, value)
        yield
    finally:
        for module, name, value in before:
            setattr(module, name, value)


def _nothing() -> None:
    pass
