"""Several processes append to one journal through its owner, and any of them may be killed."""

import signal
import subprocess
from itertools import groupby
from pathlib import Path

import pytest

from bursar.domain.errors import JournalConflict, JournalNotOwned
from bursar.eventstore.intake.submitting import Submitter
from bursar.eventstore.journal import Journal
from bursar.eventstore.proof.verify import check

from .programs import CLIENT, finish, line, own, recorded, said, start

BATCHES = 60
NAMES = ("left", "right")


def clients(path: Path, durability: str = "normal") -> list[subprocess.Popen[str]]:
    return [start(CLIENT, path, name, BATCHES, durability) for name in NAMES]


def acknowledged(lines: list[str]) -> dict[int, tuple[int, int]]:
    """Batch to first and last position, as a client was told."""
    told = [tuple(map(int, text.split())) for text in lines if text and text != "lost"]
    return {number: (first, last) for number, first, last in told}


def require_exactly_once(path: Path, told: dict[str, dict[int, tuple[int, int]]]) -> None:
    """Every batch is there once, whole, in its client's order, and where its client was told."""
    records = recorded(path)
    assert [record.position for record in records] == list(range(1, len(NAMES) * 3 * BATCHES + 1))
    for name in NAMES:
        own_records = [record for record in records if record.actor == name]
        assert [record.data for record in own_records] == [f'{{"n":{n}}}' for n in range(3 * BATCHES)]
        flows = [list(flow) for _, flow in groupby(own_records, key=lambda record: record.correlation)]
        assert {n: (flow[0].position, flow[-1].position) for n, flow in enumerate(flows)} == told[name]
        for flow in flows:
            assert [record.position for record in flow] == [flow[0].correlation + n for n in range(3)]
    report = check(path)
    assert report.ok, report.problems
    assert report.size == len(records)


@pytest.mark.parametrize("durability", ["normal", "durable"])
def test_two_processes_append_through_one_owner_and_a_second_owner_is_refused(
    tmp_path: Path, durability: str
) -> None:
    path = tmp_path / "journal.db"
    with own(path) as owner:
        both = clients(path, durability)
        told = {name: [line(client)] for name, client in zip(NAMES, both, strict=True)}
        with pytest.raises(JournalConflict) as refused:
            Journal.open(path)
        assert refused.value.pid == owner.pid
        for name, client in zip(NAMES, both, strict=True):
            with client:
                told[name] += finish(client).splitlines()
        finish(owner)
    require_exactly_once(path, {name: acknowledged(lines) for name, lines in told.items()})


def test_a_client_that_was_killed_sends_all_again_and_nothing_is_there_twice(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with own(path) as owner:
        with (
            start(CLIENT, path, "left", BATCHES, "normal", BATCHES // 2) as left,
            start(CLIENT, path, "right", BATCHES, "normal") as right,
        ):
            before = acknowledged(left.communicate()[0].splitlines())
            told = {"right": acknowledged(finish(right).splitlines())}
        with start(CLIENT, path, "left", BATCHES, "normal") as again:
            told["left"] = acknowledged(finish(again).splitlines())
        finish(owner)
    assert len(before) == BATCHES // 2
    assert before.items() <= told["left"].items()
    require_exactly_once(path, told)


def test_an_owner_that_was_killed_has_lost_nothing_and_its_clients_go_on_with_the_next(
    tmp_path: Path,
) -> None:
    path = tmp_path / "journal.db"
    with own(path, dies_at=3 * BATCHES) as doomed:
        both = clients(path)
        lines: dict[str, list[str]] = {name: [] for name in NAMES}
        for name, client in zip(NAMES, both, strict=True):
            while lines[name][-1:] != ["lost"]:
                lines[name].append(line(client))
                assert lines[name][-1]
        assert doomed.wait() == -signal.SIGKILL
    told = [acknowledged(lines[name]) for name in NAMES]
    assert len(recorded(path)) > 3 * sum(map(len, told))
    with Submitter(path) as submitter, pytest.raises(JournalNotOwned):
        submitter.submit([said()], actor="test")
    assert Path(f"{path}.sock").is_socket()  # the killed owner's
    with own(path) as owner:
        for name, client in zip(NAMES, both, strict=True):
            with client:
                lines[name] += finish(client, "\n").splitlines()
        finish(owner)
    # Each batch was acknowledged once.
    assert [len(lines[name]) for name in NAMES] == [BATCHES + 1] * 2
    require_exactly_once(path, {name: acknowledged(told) for name, told in lines.items()})
