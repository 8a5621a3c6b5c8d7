"""A family's dictionary: made of its subjects' texts, and gone without a trace with the first of them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bursar.domain.errors import BodiesUnusable, BodyForgotten
from bursar.eventstore.bodies import packing
from bursar.eventstore.bodies.blocks import Block, encode
from bursar.eventstore.bodies.keys import SubjectKeys
from bursar.eventstore.bodies.store import BodyStore

from ...bodies.texts import files_with, killed_before, sql
from .kept import blobs, dictionaries, put_and_pack, trace

#: Stands in every text of those who have it, so that a dictionary is sure to take it up.
CANARY = "the-canary-0815-sings-at-dawn"
FAMILY = "agent/clerk"


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def texts_of(store: BodyStore, kept: dict[str, list[str]]) -> dict[str, list[bytes | None]]:
    return {subject: store.get_many(subject, addresses) for subject, addresses in kept.items()}


def named(journal: Path) -> set[int | None]:
    """The dictionaries that blocks name."""
    return {one for (one,) in sql(blobs(journal), "SELECT DISTINCT dictionary FROM block")}


def test_a_family_is_stored_much_smaller_than_strangers(journal: Path) -> None:
    with BodyStore.open(journal) as store:
        put_and_pack(store, range(8), FAMILY)
        family = store.packed(f"context/{seed}" for seed in range(8))
        addresses = store.put_many("stranger", trace(7))
        alone = store.pack("stranger", addresses)
    assert family["context/7"].after * 3 < alone.after * 2
    assert named(journal) >= {None}
    assert sql(blobs(journal), "SELECT count(*) > 0 FROM dictionary") == [(1,)]


def test_a_family_is_trained_again_when_it_has_doubled_and_the_old_ones_stay_while_needed(
    journal: Path,
) -> None:
    with BodyStore.open(journal) as store:
        kept = put_and_pack(store, range(4), FAMILY)
        (first,) = dictionaries(store, journal)
        kept |= put_and_pack(store, range(4, 24), FAMILY)
        assert dictionaries(store, journal)[0] == first != dictionaries(store, journal)[-1]
        store.sweep([address for addresses in kept.values() for address in addresses], before=1 << 62)
        store.let_go()
        assert texts_of(store, kept) == {f"context/{seed}": trace(seed) for seed in range(24)}
        store.sweep([], before=1 << 62)
        assert dictionaries(store, journal) == []
        assert sql(f"{journal}.keys.db", "SELECT count(*) FROM subject") == [(24,)]


def test_two_families_have_nothing_in_common(journal: Path) -> None:
    with BodyStore.open(journal) as store:
        put_and_pack(store, range(4), "agent/ann", CANARY)
        put_and_pack(store, range(4, 8), "agent/bob")
        with_secret = [CANARY.encode() in content for content in dictionaries(store, journal)]
        assert True in with_secret and False in with_secret
        owners = sql(
            blobs(journal),
            "SELECT count(DISTINCT family.id) FROM block JOIN family USING (owner) GROUP BY dictionary",
        )
    assert set(owners) == {(1,), (2,)} or set(owners) == {(1,)}
    assert files_with(journal.parent, b"agent", CANARY.encode()) == []


def test_forgetting_whose_texts_it_was_made_of_leaves_nothing_of_them(journal: Path, tmp_path: Path) -> None:
    with BodyStore.open(journal) as store:
        kept = put_and_pack(store, range(2), FAMILY, CANARY) | put_and_pack(store, range(2, 12), FAMILY)
        assert any(CANARY.encode() in content for content in dictionaries(store, journal))
        hidden = sql(blobs(journal), "SELECT body FROM dictionary")
        secret_keys = [keys for (keys,) in sql(f"{journal}.keys.db", "SELECT keys FROM subject")]
        for subject in ("context/0", "context/1"):
            assert store.forget(subject).bodies == 25
            with pytest.raises(BodyForgotten):
                store.get(subject, kept.pop(subject)[0])
        left = dictionaries(store, journal)
        assert left != []
        assert not any(CANARY.encode()[:12] in content for content in left)
        assert texts_of(store, kept) == {f"context/{seed}": trace(seed) for seed in range(2, 12)}
        # Those who had a dictionary have one again, of which nobody who went has a part.
        extents = store.packed(kept)
        assert len(named(journal)) == 2 and None in named(journal)  # those of before the first
        assert all(
            extents[f"context/{seed}"].before > 7 * extents[f"context/{seed}"].after for seed in range(4, 12)
        )
    assert files_with(tmp_path, *(body for (body,) in hidden if body not in current(journal))) == []
    gone = [keys for keys in secret_keys if not files_with(tmp_path, keys)]
    assert len(gone) > 2  # theirs, and those of the dictionaries


def current(journal: Path) -> set[bytes]:
    return {body for (body,) in sql(blobs(journal), "SELECT body FROM dictionary")}


def test_forgetting_the_last_leaves_no_dictionary_and_no_key(journal: Path) -> None:
    with BodyStore.open(journal) as store:
        kept = put_and_pack(store, range(6), FAMILY, CANARY)
        for subject in kept:
            store.forget(subject)
        for table in ("block", "place", "family", "dictionary", "lesson"):
            assert sql(blobs(journal), f"SELECT count(*) FROM {table}") == [(0,)]
        assert sql(f"{journal}.keys.db", "SELECT count(*) FROM subject") == [(0,)]


def test_who_was_not_asked_for_texts_is_forgotten_without_packing_others_anew(journal: Path) -> None:
    with BodyStore.open(journal) as store:
        put_and_pack(store, range(4), FAMILY)
        late = {f"context/{seed}" for seed in range(4, 7)} & set(put_and_pack(store, range(4, 7), FAMILY))
        taught = sql(blobs(journal), "SELECT count(DISTINCT owner) FROM lesson")[0][0]
        before = sql(blobs(journal), "SELECT id, nonce FROM block WHERE owner IN (SELECT owner FROM lesson)")
        assert taught == 4 and len(late) == 3
        store.forget("context/6")
        assert set(before) <= set(sql(blobs(journal), "SELECT id, nonce FROM block"))


def test_a_dictionary_that_was_trained_while_somebody_was_forgotten_is_not_used(
    journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here the other forgets between the training and its adoption."""
    with BodyStore.open(journal) as store, BodyStore.open(journal) as other:
        put_and_pack(store, range(3), FAMILY, CANARY)
        keys = store._keys  # pyright: ignore[reportPrivateUsage]  # the moment cannot be met from outside
        mint = keys.mint

        def forget_first() -> SubjectKeys:
            other.forget("context/0")
            return mint()

        monkeypatch.setattr(keys, "mint", forget_first)
        put_and_pack(store, [9], FAMILY)
        assert dictionaries(store, journal) == []
        put_and_pack(store, [10, 11, 12, 13], FAMILY)
    assert sql(f"{journal}.keys.db", "SELECT count(*) FROM subject") == [(7,)]


def test_a_dictionary_that_goes_while_somebody_packs_with_it_is_not_named(
    journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other forgets when the blocks are made and not written yet."""
    with BodyStore.open(journal) as store, BodyStore.open(journal) as other:
        put_and_pack(store, range(5), FAMILY)
        calls = list[int]()

        def forget_first(*arguments: Any) -> Block:
            calls.append(0)
            if len(calls) == 1:
                other.forget("context/0")
            return encode(*arguments)

        monkeypatch.setattr(packing, "encode", forget_first)
        kept = put_and_pack(store, [9], FAMILY)
        assert len(calls) == 4
    with BodyStore.open(journal) as store:
        assert texts_of(store, kept) == {"context/9": trace(9)}


def test_what_is_swept_while_somebody_packs_it_does_not_come_back(
    journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with BodyStore.open(journal) as store, BodyStore.open(journal) as other:
        addresses = store.put_many("ann", trace(1))

        def sweep_first(*arguments: Any) -> Block:
            other.sweep(addresses[3:], before=1 << 62)
            return encode(*arguments)

        monkeypatch.setattr(packing, "encode", sweep_first)
        assert store.pack("ann", addresses).lost == tuple(addresses[:3])
        assert store.get_many("ann", addresses) == [None] * 3 + trace(1)[3:]


def test_a_damaged_dictionary_costs_what_was_packed_with_it_and_nobody_else(journal: Path) -> None:
    with BodyStore.open(journal) as store:
        kept = put_and_pack(store, range(6), FAMILY)
    sql(blobs(journal), "UPDATE dictionary SET body = zeroblob(length(body))")
    with BodyStore.open(journal) as store:
        lost = {subject: store.unpack(subject).lost for subject in kept}
        assert lost["context/0"] == () != lost["context/5"]
        assert store.get_many("context/0", kept["context/0"]) == trace(0)
        again = store.put_many("context/5", trace(5))
        assert store.pack("context/5", again, family=FAMILY).lost == ()
        assert store.get_many("context/5", again) == trace(5)
        store.forget("context/0")
        assert store.get_many("context/5", again) == trace(5)


def test_a_kill_before_any_statement_of_forgetting_costs_nobody_a_text(journal: Path, tmp_path: Path) -> None:
    """Whoever was to be forgotten is as before, or unreadable; nothing is left when that is repeated."""

    def forget(begin: Callable[[], None]) -> None:
        with BodyStore.open(journal) as store:
            begin()
            store.forget("context/0")

    with BodyStore.open(journal) as store:
        kept = put_and_pack(store, [0], FAMILY, CANARY, 100) | put_and_pack(store, range(1, 5), FAMILY)
        assert any(CANARY.encode() in content for content in dictionaries(store, journal))
    whole = {path: path.read_bytes() for path in tmp_path.iterdir()}
    mine = kept.pop("context/0")
    statement, killed, outcomes = 0, True, list[bool]()
    while killed:
        statement += 8
        for path, content in whole.items():
            path.write_bytes(content)
        killed = killed_before(statement, forget)
        with BodyStore.open(journal) as store:
            outcomes.append(None not in store.get_many("context/0", mine))
            with_canary = any(CANARY.encode() in content for content in dictionaries(store, journal))
            assert outcomes[-1] or not with_canary  # they go at once, or not at all
            assert texts_of(store, kept) == {f"context/{seed}": trace(seed) for seed in range(1, 5)}
            store.forget("context/0")
            assert not any(CANARY.encode()[:12] in content for content in dictionaries(store, journal))
            assert texts_of(store, kept) == {f"context/{seed}": trace(seed) for seed in range(1, 5)}
    assert outcomes == sorted(outcomes, reverse=True)
    assert outcomes.count(True) > 2 < outcomes.count(False)


def test_where_the_file_is_damaged_the_keys_go_and_the_rest_is_said_to_be_left(journal: Path) -> None:
    with BodyStore.open(journal) as store:
        put_and_pack(store, range(6), FAMILY, CANARY)
    file = blobs(journal)
    content = file.read_bytes()
    file.write_bytes(content[:8192] + bytes(len(content) - 8192))
    with BodyStore.open(journal) as store, pytest.raises(BodiesUnusable):
        store.forget("context/0")
    assert sql(f"{journal}.keys.db", "SELECT swept FROM forgotten") == [(0,)]
