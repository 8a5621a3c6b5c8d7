"""What is put is got again, by whom it was put for and by nobody else."""

import hmac
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bursar.domain.errors import BodiesUnusable, BodyTooLarge, NoSuchBody
from bursar.eventstore.bodies.frames import SIZE_MAX
from bursar.eventstore.bodies.keys import Mac
from bursar.eventstore.bodies.store import GRACE_NS, BodyStore
from bursar.eventstore.bodies.sweeping import Swept

from .texts import CANARY, message, sql

MINUTE = 60_000_000_000


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> BodyStore:
    return BodyStore.open(tmp_path_factory.mktemp("shared") / "journal.db")


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=20), st.lists(st.binary(max_size=5000) | st.text(max_size=500), max_size=5))
def test_what_is_put_is_got_again(shared: BodyStore, subject: str, bodies: list[bytes | str]) -> None:
    addresses = shared.put_many(subject, bodies)
    texts = [body.encode() if isinstance(body, str) else body for body in bodies]
    assert [shared.get(subject, address) for address in addresses] == texts
    assert shared.put_many(subject, bodies) == addresses


@pytest.mark.parametrize("size", [0, 1, 65535, 65536, 65537, 3 << 20, SIZE_MAX])
def test_a_body_may_have_any_size_up_to_the_limit(shared: BodyStore, size: int) -> None:
    text = os.urandom(1 << 10) * (size >> 10) + bytes(size & 1023)
    assert shared.get("large", shared.put("large", text)) == text


def test_a_body_over_the_limit_is_refused(shared: BodyStore) -> None:
    with pytest.raises(BodyTooLarge, match="16777217 bytes, the limit is 16777216"):
        shared.put("large", bytes(SIZE_MAX + 1))


def test_it_is_there_for_the_next_who_opens_it(tmp_path: Path) -> None:
    journal = tmp_path / "journal.db"
    with BodyStore.open(journal) as store:
        address = store.put("ann", CANARY, durable=True)
    with BodyStore.open(journal) as store, BodyStore.open(journal) as beside:
        assert store.get("ann", address) == beside.get("ann", address) == CANARY.encode()


def test_a_subject_has_a_text_once(tmp_path: Path) -> None:
    journal = tmp_path / "journal.db"
    with BodyStore.open(journal) as store:
        first = store.put_many("ann", ["a", "b", "a"])
        assert store.put_many("ann", ["b", "c"]) == [first[1], store.put("ann", "c")]
        assert first[0] == first[2]
        assert sql(f"{journal}.blobs.db", "SELECT count(*) FROM blob") == [(3,)]


def test_two_subjects_with_the_same_text_share_nothing(tmp_path: Path) -> None:
    journal = tmp_path / "journal.db"
    with BodyStore.open(journal) as store:
        ann, bob = store.put("ann", CANARY), store.put("bob", CANARY)
        one, other = sql(f"{journal}.blobs.db", "SELECT owner, address, nonce, body FROM blob")
        assert not set(one) & set(other)
        with pytest.raises(NoSuchBody):
            store.get("ann", bob)
        assert (store.get("ann", ann), store.get("bob", bob)) == (CANARY.encode(), CANARY.encode())


@pytest.mark.parametrize("address", ["", "xyz", "ab", "00" * 32, "00" * 33, "é"])
def test_what_was_never_put_is_a_clear_miss(shared: BodyStore, address: str) -> None:
    with pytest.raises(NoSuchBody, match="it was never put, or its time was over"):
        shared.get("nobody", address)


def test_a_text_that_is_no_utf_8_is_refused(shared: BodyStore) -> None:
    with pytest.raises(ValueError, match="surrogates not allowed"):
        shared.put("ann", "\ud800")


@given(st.binary(max_size=64), st.binary(max_size=300))
def test_the_address_is_an_hmac(key: bytes, text: bytes) -> None:
    assert Mac(key)(text) == hmac.digest(key, text, "sha256")


def test_files_are_for_their_owner_only_and_others_are_refused(tmp_path: Path) -> None:
    journal = tmp_path / "journal.db"
    mask = os.umask(0)
    try:
        with BodyStore.open(journal) as store:
            store.put("ann", CANARY)
            modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    finally:
        os.umask(mask)
    assert set(modes) >= {"journal.db.blobs.db", "journal.db.keys.db", "journal.db.kek"}
    assert set(modes.values()) == {0o600}
    for suffix in (".blobs.db", ".keys.db"):
        file = Path(f"{journal}{suffix}")
        file.chmod(0o640)
        with pytest.raises(BodiesUnusable, match=r"others may .* \(mode 640\); run: chmod 600"):
            BodyStore.open(journal)
        file.chmod(0o600)


def test_files_of_others_are_refused_and_stay_as_they_are(tmp_path: Path) -> None:
    file = tmp_path / "journal.db.blobs.db"
    sql(file, "CREATE TABLE theirs (a)")
    file.chmod(0o600)
    before = file.read_bytes()
    with pytest.raises(BodiesUnusable, match="it was not made by bursar"):
        BodyStore.open(tmp_path / "journal.db")
    assert file.read_bytes() == before
    file.write_bytes(b"no database at all" * 100)
    with pytest.raises(BodiesUnusable, match="NotADBError"):
        BodyStore.open(tmp_path / "journal.db")


def test_an_empty_file_is_one_whose_making_was_interrupted(tmp_path: Path) -> None:
    for suffix in (".blobs.db", ".keys.db"):
        (tmp_path / f"journal.db{suffix}").touch(0o600)
    (tmp_path / "journal.db.kek").write_text("A" * 43 + "=\n")
    (tmp_path / "journal.db.kek").chmod(0o600)
    with BodyStore.open(tmp_path / "journal.db") as store:
        assert store.get("ann", store.put("ann", CANARY)) == CANARY.encode()


def test_a_sweep_leaves_what_is_named_and_what_is_young(tmp_path: Path) -> None:
    now = [10 * GRACE_NS]
    with BodyStore.open(tmp_path / "journal.db", clock_ns=lambda: now[0]) as store:
        named, orphan, again = store.put_many("ann", [message(1), message(2), message(3)])
        now[0] += GRACE_NS - MINUTE
        assert store.put("ann", message(3)) == again  # makes it young
        young = store.put("bob", message(4))
        assert store.sweep([named]) == Swept(0, 0)
        now[0] += 2 * MINUTE
        swept = store.sweep([named])
        assert (swept.bodies, swept.bytes > 0) == (1, True)
        assert store.get("ann", named) and store.get("ann", again) and store.get("bob", young)
        with pytest.raises(NoSuchBody):
            store.get("ann", orphan)


def test_what_was_not_put_for_long_expires_even_if_it_is_named(tmp_path: Path) -> None:
    now = [GRACE_NS]
    with BodyStore.open(tmp_path / "journal.db", clock_ns=lambda: now[0]) as store:
        old, kept = store.put_many("ann", [message(1), message(2)])
        now[0] += 60 * MINUTE
        store.put("ann", message(2))
        assert store.expire(now[0] - 30 * MINUTE).bodies == 1
        assert store.get("ann", kept)
        with pytest.raises(NoSuchBody):
            store.get("ann", old)


def test_who_reads_beside_sees_what_another_has_put(tmp_path: Path) -> None:
    with (
        BodyStore.open(tmp_path / "journal.db") as writer,
        BodyStore.open(tmp_path / "journal.db") as reader,
    ):
        with pytest.raises(NoSuchBody):
            reader.get("ann", "00" * 32)
        address = writer.put("ann", CANARY)
        assert reader.get("ann", address) == CANARY.encode()
