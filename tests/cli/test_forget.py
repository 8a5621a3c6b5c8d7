"""`bursar forget`: what is forgotten is in no file, the journal says so, and every proof still holds."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bursar.domain.erasure.events import SubjectForgotten
from bursar.eventstore.bodies.store import BodyStore, Forgotten
from bursar.eventstore.journal import Journal
from bursar.eventstore.proof.verify import check
from bursar.eventstore.reader import Reader
from bursar.projections.history import to_event
from bursar.projections.replay import replay

from ..bodies.texts import CANARY, files_with, killed_before, message, sql
from ..projections.world import evicting
from .calling import bursar, inside


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """One of a manager that is gone, with the bodies of two users."""
    path = tmp_path / "journal.db"
    evicting(path).close()
    with BodyStore.open(path) as bodies:
        bodies.put_many("ann@example.org", [CANARY, *(f"{CANARY} {message(seed)}" for seed in range(300))])
        assert bodies.train("ann@example.org")
        bodies.put("ann@example.org", f"once more: {CANARY}")
        bodies.put("bob", CANARY)
    return path


def told(journal: Path) -> list[SubjectForgotten]:
    """What the journal says of it."""
    with Reader(journal) as reader:
        bodies = [to_event(record).body for record in reader.read(types=["SubjectForgotten"])]
    return [body for body in bodies if isinstance(body, SubjectForgotten)]


def test_a_subject_is_forgotten_in_every_file_and_the_journal_says_so(journal: Path, tmp_path: Path) -> None:
    ciphertexts = [body for (body,) in sql(f"{journal}.blobs.db", "SELECT body FROM blob WHERE size > 51")]
    assert len(ciphertexts) == 301
    assert files_with(tmp_path, CANARY.encode(), b"ann@") == []
    ran = bursar(
        "forget",
        "ann@example.org",
        "--yes",
        "--reason",
        "asked to",
        "--basis",
        "Art. 17",
        "--journal",
        journal,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    (fact,) = told(journal)
    assert ran.stdout.startswith(f"subject/{fact.forgotten} is forgotten (#48): 302 texts, ")
    assert (fact.bodies, fact.because, fact.basis) == (302, "asked to", "Art. 17")
    assert files_with(tmp_path, CANARY.encode(), b"ann@", *ciphertexts) == []
    with BodyStore.open(journal) as bodies:
        assert bodies.get("bob", bodies.put("bob", CANARY)) == CANARY.encode()


def test_every_proof_still_holds_and_every_decision_is_the_same(journal: Path) -> None:
    assert inside("forget", "ann@example.org", "--yes", journal=journal).exit_code == 0
    assert check(journal).ok
    with Reader(journal) as reader:
        assert replay(reader).equal
    ran = inside("verify", journal=journal)
    assert ran.exit_code == 0, ran.output


def test_the_event_says_who_and_is_a_root(journal: Path) -> None:
    document = json.loads(inside("forget", "ann@example.org", "--yes", "--json", journal=journal).stdout)
    assert (document["position"], document["bodies"], document["again"]) == (48, 302, False)
    with Reader(journal) as reader:
        record = reader.get(48)
    assert record is not None
    assert (record.kind, record.subject) == ("fact", document["subject"])
    assert (record.cause, record.correlation) == (None, 48)
    assert record.actor not in ("", "bursar")


def test_a_second_time_changes_nothing(journal: Path) -> None:
    first = json.loads(inside("forget", "ann@example.org", "--yes", "--json", journal=journal).stdout)
    again = json.loads(inside("forget", "ann@example.org", "--yes", "--json", journal=journal).stdout)
    assert again == {**first, "again": True}
    assert len(told(journal)) == 1


@pytest.mark.parametrize("subject", ["nobody", "Ann@example.org", "ann@example.org ", ""])
def test_who_has_no_bodies_cannot_be_forgotten(journal: Path, subject: str) -> None:
    ran = inside("forget", subject, "--yes", journal=journal)
    assert ran.exit_code == 2
    assert ran.output.startswith(f"bursar: there are no bodies of {subject!r} and never were")
    assert told(journal) == []


def test_a_journal_without_bodies_stays_without(tmp_path: Path) -> None:
    journal = tmp_path / "journal.db"
    evicting(journal).close()
    ran = inside("forget", "ann@example.org", "--yes", journal=journal)
    assert (ran.exit_code, "no bodies of 'ann@example.org'" in ran.output) == (2, True)
    assert not [path for path in tmp_path.iterdir() if path.suffix == ".kek" or "keys" in path.name]


def test_no_journal_is_made(tmp_path: Path) -> None:
    ran = inside("forget", "ann@example.org", "--yes", journal=tmp_path / "none.db")
    assert (ran.exit_code, "there is no such file" in ran.output) == (2, True)
    assert list(tmp_path.iterdir()) == []


def test_a_manager_that_owns_the_journal_is_in_the_way(journal: Path) -> None:
    with Journal.open(journal):
        ran = bursar("forget", "ann@example.org", "--yes", "--journal", journal)
    assert ran.returncode == 2
    assert f"is owned by process {os.getpid()}; stop it" in ran.stderr
    assert told(journal) == []


def test_nobody_is_asked_where_nobody_is(journal: Path) -> None:
    ran = inside("forget", "ann@example.org", journal=journal)
    assert (ran.exit_code, "add --yes" in ran.output) == (2, True)
    assert told(journal) == []


def test_a_kill_at_any_statement_leaves_what_a_second_call_completes(tmp_path: Path) -> None:
    """The event is there at most once, and only when the keys are gone; after a second call both are."""
    journal = tmp_path / "journal.db"
    with Journal.open(journal), BodyStore.open(journal) as bodies:
        bodies.put("ann@example.org", CANARY)
    whole = {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}

    def forget(begin: Callable[[], None]) -> None:
        once = BodyStore.forget

        def counted(store: BodyStore, subject: str) -> Forgotten:
            begin()
            return once(store, subject)

        pytest.MonkeyPatch().setattr(BodyStore, "forget", counted)  # in a process that ends here
        assert inside("forget", "ann@example.org", "--yes", journal=journal).exit_code == 0

    claims: list[int] = []
    statement, killed = 0, True
    while killed:
        statement += 2
        for path in tmp_path.iterdir():
            if path not in whole and path.is_file():
                path.unlink()
        for path, content in whole.items():
            path.write_bytes(content)
        killed = killed_before(statement, forget)
        claims.append(len(told(journal)))
        if claims[-1]:
            assert sql(f"{journal}.keys.db", "SELECT count(*) FROM subject") == [(0,)]
        assert inside("forget", "ann@example.org", "--yes", journal=journal).exit_code == 0
        (fact,) = told(journal)
        assert fact.bodies == 1
        assert files_with(tmp_path, CANARY.encode()) == []
    assert claims == sorted(claims)
    assert claims.count(0) > 3
    assert claims.count(1) > 2
