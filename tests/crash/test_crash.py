"""A share of `./dev crash` on every run of the tests, and proof that it would notice."""

import asyncio
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest

from bursar.domain.errors import JournalUnusable
from bursar.eventstore.committing import Committer
from bursar.eventstore.connections import Guard
from bursar.eventstore.endings import Ended
from bursar.eventstore.journal import Journal
from bursar.eventstore.reader import Reader
from bursar.eventstore.records import Draft
from bursar.eventstore.recovery import Recovered
from bursar.eventstore.syncing import Syncing
from bursar.testing.simloop import SimLoop, run

from .damage import SURVIVED, wreck
from .disk import Disk, DiskError, Do, Platter
from .examine import opened
from .faults import FOR_EVER, PLANS, Plan, failing
from .kills import kill_many
from .points import new_disk, recorded, sweep
from .storage import SimulatedStorage
from .tally import Failure, Tally
from .workload import draft
from .worlds import HOPELESS, failing_world, hopeless, once_more, world

#: How many points a run of the tests takes; seconds on one core: 20.
POINTS = 5_000


def test_five_thousand_power_cuts_take_nothing_that_was_promised() -> None:
    total, number = Tally(), 0
    while total.points < POINTS:
        for tally in world(0, number).values():
            total.add(tally)
        number += 1
    assert not total.failures, f"{total.failures[0]}\n./dev crash --again {again(total.failures[0])}"
    assert total.lossy > 100
    assert 0 < total.lost_s <= 0.25
    # A test that no longer gets there proves less than it did.
    assert set(total.seen) >= {
        "after the log had started over",
        "in the middle of a checkpoint",
        "while a sync was under way",
        "a disk failed",
    }


@pytest.mark.parametrize("number", range(len(PLANS)), ids=[str(plan(1)) for plan in PLANS])
def test_a_failing_disk_takes_nothing_that_was_promised(number: int) -> None:
    for attempt in range(2):
        (tally,) = failing_world(f"0/{attempt}", number, only=lambda point: point % 40 == 0).values()
        assert not tally.failures, tally.failures[0]
        assert tally.seen["a disk failed"]


@pytest.mark.parametrize("mode", HOPELESS)
def test_what_nothing_can_be_done_about_is_reported(mode: str) -> None:
    (tally,) = hopeless(mode, 0, 0, only=lambda point: point % 5 == 0).values()
    assert any("lost" in violation for failure in tally.failures for violation in failure.violations)


def test_twenty_five_kills_take_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    kills = kill_many(tmp_path / "journal.db", 25, 0, lambda _done: None)
    assert kills.violations == []
    assert kills.kills == 25
    assert kills.acknowledged > 100
    assert kills.written > 0


@pytest.mark.parametrize("noise", [False, True])
def test_half_a_checkpoint_is_no_reason_to_refuse_a_journal(tmp_path: Path, *, noise: bool) -> None:
    path = tmp_path / "journal.db"
    journal = Journal.open(path)
    journal.append_now([one(position, "x" * 20_000) for position in range(1, 6)], expected=0)
    journal.abandon()
    log, page = path.with_name("journal.db-wal").read_bytes(), 4096
    frames = (log[at : at + 24 + page] for at in range(32, len(log), 24 + page))
    first = [frame[24:] for frame in frames if frame[:4] == b"\0\0\0\1"][-1]
    with path.open("r+b") as file:
        # It states how many pages there are now, and they are not there yet; or the power went in its middle.
        file.write(Random(0).randbytes(512) if noise else first)
    with Reader(path) as reader:
        assert reader.head() == 5
    with Journal.open(path) as journal:
        assert journal.head == 5


def test_a_seed_repeats_its_run() -> None:
    one, other = recorded("0/7"), recorded("0/7")
    assert one.disk.ops == other.disk.ops
    assert one.moments == other.moments
    assert one.disk.ops != recorded("0/8").disk.ops


def test_a_failure_says_where_it_can_be_seen_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SimulatedStorage, "sync", nothing)
    failures: list[Failure] = []
    for tally in world(0, 0, only=lambda point: point % 10 == 0).values():
        failures += tally.failures
    found = failures[0]
    assert once_more(found.seed, found.point) == [found]
    monkeypatch.undo()
    assert once_more(found.seed, found.point) == []


# --- a failed sync ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "plan", [Plan("sync", 5), Plan("sync", 5, FOR_EVER), Plan("sync", 5, forgetful=True)]
)
def test_after_a_failed_sync_nobody_is_answered_until_the_journal_is_opened_again(plan: Plan) -> None:
    disk = new_disk("sync")
    answers: list[int | BaseException] = []

    async def main(loop: SimLoop) -> None:
        storage = SimulatedStorage(disk)
        journal = opened(storage, Random(0))
        batch = [draft(Random(0), 1, 0, loop, 0.0)]
        await journal.append(batch, expected=0, durable=True)
        fault = failing(disk, Plan("sync", 1, plan.times, forgetful=plan.forgetful))
        waiting: list[asyncio.Future[int]] = []
        for durable in (False, True, True, False):
            here = journal.head
            again = [draft(Random(here), here + 1, 0, loop, 0.0)]
            waiting.append(journal.append(again, expected=here, durable=durable))
        answers.extend(await asyncio.gather(*waiting, return_exceptions=True))
        assert fault.struck == 1
        assert journal.hardened == 1
        with pytest.raises(JournalUnusable):
            journal.append(batch, expected=journal.head, durable=True)
        before = len(disk.ops)
        journal.close()
        assert not [op for op in disk.ops[before:] if op.name == "journal.db" and op.do is Do.WRITE]
        disk.fault = lambda _kind, _name: None

    run(main, seed=0)
    acknowledged, *refused = answers
    assert acknowledged == 2
    assert all(isinstance(answer, JournalUnusable) for answer in refused)
    journal = opened(SimulatedStorage(disk), Random(1))
    assert journal.opened.ended is Ended.KILLED
    hardened = journal.hardened
    journal.abandon()
    for damage in SURVIVED:
        left = wreck(Platter.of(disk), damage, Random(0))
        again = opened(SimulatedStorage(Disk(left, seed="later")), Random(2))
        assert again.head >= hardened
        assert again.opened.ended is Ended.CUT_OFF
        again.abandon()


class Slow(Random):
    """Draws nothing but the longest."""

    def uniform(self, a: float, b: float) -> float:
        return b


def test_what_is_committed_as_a_sync_begins_is_on_the_disk_a_quarter_of_a_second_later() -> None:
    disk = new_disk("slow")
    disk.random = Slow()

    async def main(loop: SimLoop) -> float:
        journal = opened(SimulatedStorage(disk), Random(0))
        journal.append([draft(Random(0), 1, 0, loop, 0.0)], expected=0, durable=True)
        await asyncio.sleep(0)
        await journal.append([draft(Random(0), 2, 0, loop, 0.0)], expected=1, durable=False)
        committed_s = loop.time()
        while journal.hardened < 2:
            await asyncio.sleep(0.001)
        journal.abandon()
        return loop.time() - committed_s

    assert 0.2 < run(main, seed=0) <= 0.25


# --- planted bugs ----------------------------------------------------------------------------------------


def caught(seeds: int = 6) -> "Counter[str]":
    """Violations by their first word, over some runs."""
    tally = Tally()
    for number in range(seeds):
        seed = f"planted/{number}"
        sweep(recorded(seed, appends=30), seed, tally, only=lambda point: point % 5 == 0)
        if tally.failures:
            break
    return Counter(violation.split()[0] for failure in tally.failures for violation in failure.violations)


def test_the_code_as_it_is_has_none_of_the_planted_bugs() -> None:
    assert caught() == Counter()


def test_a_storage_that_does_not_sync_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SimulatedStorage, "sync", nothing)
    assert "lost:" in caught()


def test_an_acknowledgement_before_the_sync_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Syncing.committed

    def committed(self: Syncing, position: int, *, wanted: bool, loop: asyncio.AbstractEventLoop) -> None:
        self.position = position
        real(self, position, wanted=wanted, loop=loop)

    monkeypatch.setattr(Syncing, "committed", committed)
    assert "lost:" in caught()


def test_a_sync_that_counts_what_came_after_it_began_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    syncing: Any = Syncing
    real = syncing._done

    def done(self: Any, loop: object, _target: int, future: object) -> None:
        real(self, loop, self._committed, future)

    monkeypatch.setattr(Syncing, "_done", done)
    assert "lost:" in caught()


def test_synchronous_off_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    real = SimulatedStorage.prepare

    def prepare(self: SimulatedStorage) -> None:
        real(self)
        self.connection.pragma("synchronous", 0)

    monkeypatch.setattr(SimulatedStorage, "prepare", prepare)
    assert caught()


def test_believing_the_log_of_a_killed_owner_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SimulatedStorage, "sync_at_open", nothing)
    assert "lost:" in caught(20)


def test_a_batch_in_two_transactions_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    real: Any = Committer.commit

    def commit(self: Committer, rows: list[object], leaves: list[bytes], commands: list[object]) -> None:
        half = len(rows) // 2
        if half:
            real(self, rows[:half], leaves[:half], [])
        real(self, rows[half:], leaves[half:], commands)

    monkeypatch.setattr(Committer, "commit", commit)
    assert "torn:" in caught()


def test_a_command_that_is_not_written_with_its_batch_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    real: Any = Committer.commit

    def commit(self: Any, rows: list[object], leaves: list[bytes], commands: list[object]) -> None:
        real(self, rows, leaves, [])
        self._connection.executemany("INSERT INTO command VALUES (?, ?, ?, ?)", commands)

    monkeypatch.setattr(Guard, "__call__", allow)
    monkeypatch.setattr(Committer, "commit", commit)
    assert "the" in caught()


def caught_on_failing_disks(plan: Plan, attempts: int) -> "Counter[str]":
    """Violations by their first word, over runs on disks that fail as planned, from some call on."""
    number = next(n for n, make in enumerate(PLANS) if make(plan.nth) == plan)
    for attempt in range(attempts):
        (tally,) = failing_world(f"planted/{attempt}", number, lambda point: point % 20 == 0).values()
        if tally.failures:
            return Counter(words.split()[0] for failure in tally.failures for words in failure.violations)
    return Counter()


def test_going_on_from_a_head_that_was_not_read_again_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    assert caught_on_failing_disks(Plan("write", 1), 5) == Counter()
    journal: Any = Journal
    real = journal._adopt

    def adopt(self: Journal, found: Recovered) -> None:
        if not hasattr(self, "_sealer"):
            real(self, found)

    monkeypatch.setattr(Journal, "_adopt", adopt)
    assert caught_on_failing_disks(Plan("write", 1), 5)


def test_believing_a_log_whose_sync_had_failed_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SimulatedStorage, "rewrite", nothing)
    assert "lost:" in caught_on_failing_disks(Plan("sync", 1), 40)


def test_asking_a_disk_again_that_has_refused_to_sync_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    real = SimulatedStorage.end

    def end(self: SimulatedStorage, sync: int | None) -> None:
        try:
            real(self, sync)
        except DiskError:
            self.sync()

    monkeypatch.setattr(SimulatedStorage, "end", end)
    assert "lost:" in caught_on_failing_disks(Plan("sync", 1), 40)


def one(position: int, data: str) -> Draft:
    return Draft("fact", "Happened", 1, "host", position, None, position, "bursar", f'"{data}"')


def nothing(_self: object) -> None:
    pass


def allow(*_: object) -> int:
    return 0


def again(failure: Failure) -> str:
    """What `--again` wants."""
    return f"{failure.seed}:{failure.point}"
