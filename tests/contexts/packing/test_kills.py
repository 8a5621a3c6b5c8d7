"""Whoever is killed while packing or unpacking has lost nothing, and the next one goes on."""

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bursar.eventstore.bodies.store import BodyStore

from ...bodies.texts import killed_before, message
from .kept import put_and_pack, rows, trace

TEXTS = [message(seed).encode() for seed in range(20)]


@pytest.mark.parametrize("packing", [True, False], ids=["packing", "unpacking"])
def test_a_kill_before_any_statement_leaves_all_texts_either_way(tmp_path: Path, packing: bool) -> None:
    journal = tmp_path / "journal.db"
    with BodyStore.open(journal) as store:
        addresses = store.put_many("ann", TEXTS)
        if not packing:
            store.pack("ann", addresses)

    def work(begin: Callable[[], None]) -> None:
        with BodyStore.open(journal) as store:
            begin()
            if packing:
                store.pack("ann", addresses)
            else:
                store.unpack("ann")

    before, after = ((20, 0, 0), (0, 2, 20)) if packing else ((0, 2, 20), (20, 0, 0))
    statement, killed = 1, True
    while killed:
        killed = killed_before(statement, work)
        statement += 5
        with BodyStore.open(journal) as store:
            assert store.get_many("ann", addresses) == TEXTS
        assert rows(journal) == (before if killed else after)
    assert statement > 60


def test_a_kill_before_any_statement_of_a_training_leaves_all_texts(tmp_path: Path) -> None:
    journal = tmp_path / "journal.db"
    with BodyStore.open(journal) as store:
        kept = put_and_pack(store, range(3), "family")
        addresses = store.put_many("context/3", trace(3))

    def work(begin: Callable[[], None]) -> None:
        with BodyStore.open(journal) as store:
            begin()
            store.pack("context/3", addresses, family="family")

    statement, killed = 1, True
    while killed:
        killed = killed_before(statement, work)
        statement += 12
        with BodyStore.open(journal) as store:
            assert store.get_many("context/3", addresses) == trace(3)
            for seed in range(3):
                assert store.get_many(f"context/{seed}", kept[f"context/{seed}"]) == trace(seed)


def test_a_kill_at_any_time_leaves_all_texts(tmp_path: Path) -> None:
    """A child that packs and unpacks without end, killed at moments that nobody chose."""
    journal = tmp_path / "journal.db"
    with BodyStore.open(journal) as store:
        addresses = store.put_many("ann", trace(1, 100))
    chance = random.Random(5)
    for _ in range(12):
        child = os.fork()
        if not child:
            try:
                with BodyStore.open(journal) as store:
                    while True:
                        store.pack("ann", addresses, family="family")
                        store.unpack("ann")
            finally:
                os._exit(1)
        time.sleep(chance.random() * 0.08)  # nothing is waited for: the moment is what is tested
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status)
        with BodyStore.open(journal) as store:
            assert store.get_many("ann", addresses) == trace(1, 100)
    assert rows(journal)[0] in (0, 101)
