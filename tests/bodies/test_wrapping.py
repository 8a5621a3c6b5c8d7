"""Where the key that wraps all others comes from, and what happens when it is not the right one."""

import base64
import sys
from pathlib import Path
from types import ModuleType

import pytest

from bursar.domain.errors import BodiesUnusable, BodyKeyUnusable
from bursar.eventstore.bodies.store import BodyStore

from .texts import CANARY, sql

KEY = base64.b64encode(bytes(range(32))).decode()
OTHER = base64.b64encode(bytes(32)).decode()


class Keyring(ModuleType):
    """As the package of that name, and in memory."""

    def __init__(self) -> None:
        super().__init__("keyring")
        self.entries: dict[tuple[str, str], str] = {}
        self.locked = False

    def get_password(self, service: str, name: str) -> str | None:
        if self.locked:
            raise RuntimeError("the keyring is locked")
        return self.entries.get((service, name))

    def set_password(self, service: str, name: str, password: str) -> None:
        self.entries[service, name] = password


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def stored(journal: Path, *, keyring: bool = False) -> str:
    with BodyStore.open(journal, keyring=keyring) as store:
        return store.put("ann", CANARY)


def test_a_file_is_made_when_there_is_no_other_key_and_used_from_then_on(journal: Path) -> None:
    address = stored(journal)
    kek = Path(f"{journal}.kek")
    assert len(base64.b64decode(kek.read_text())) == 32
    assert not Path(f"{kek}.new").exists()
    before = kek.read_bytes()
    assert stored(journal) == address
    assert kek.read_bytes() == before


def test_the_environment_goes_before_everything_and_leaves_no_file(journal: Path) -> None:
    with BodyStore.open(journal, environment={"BURSAR_BODY_KEY": KEY}) as store:
        address = store.put("ann", CANARY)
    assert not Path(f"{journal}.kek").exists()
    with BodyStore.open(journal, environment={"BURSAR_BODY_KEY": f" {KEY}\n"}, keyring=True) as store:
        assert store.get("ann", address) == CANARY.encode()


@pytest.mark.parametrize("value", ["", "secret", KEY[:-4], KEY + "AAAA", "é" * 32, "*" + KEY[1:]])
def test_what_is_no_key_is_refused_before_anything_is_made(journal: Path, value: str) -> None:
    with pytest.raises(
        BodyKeyUnusable, match=r"BURSAR_BODY_KEY, .*32 bytes in base64; openssl rand"
    ) as raised:
        BodyStore.open(journal, environment={"BURSAR_BODY_KEY": value})
    assert not value or value not in str(raised.value)
    assert list(journal.parent.iterdir()) == []


def test_another_key_is_named_and_so_is_the_one_it_should_be(journal: Path) -> None:
    stored(journal)
    with pytest.raises(BodyKeyUnusable) as raised:
        BodyStore.open(journal, environment={"BURSAR_BODY_KEY": OTHER})
    assert str(raised.value) == (
        "the key for the bodies, the environment variable BURSAR_BODY_KEY, cannot be used: "
        f"the keys in {journal}.keys.db were wrapped by another one, from the file {journal}.kek; use that"
    )


def test_a_lost_key_is_not_replaced_by_a_new_one(journal: Path) -> None:
    stored(journal)
    kek = Path(f"{journal}.kek")
    kek.unlink()
    for _ in range(2):
        with pytest.raises(BodyKeyUnusable, match="bring it back, or nobody reads these bodies again"):
            BodyStore.open(journal)
    assert not kek.exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o602, 0o755])
def test_a_key_file_that_others_may_read_is_refused(journal: Path, mode: int) -> None:
    stored(journal)
    Path(f"{journal}.kek").chmod(mode)
    with pytest.raises(BodyKeyUnusable, match=f"mode {mode:o}.; run: chmod 600"):
        BodyStore.open(journal)


def test_a_key_file_that_leads_elsewhere_is_refused(journal: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text(KEY)
    elsewhere.chmod(0o600)
    Path(f"{journal}.kek").symlink_to(elsewhere)
    with pytest.raises(BodyKeyUnusable, match="not a regular file"):
        BodyStore.open(journal)


def test_half_a_key_file_never_appears(journal: Path, tmp_path: Path) -> None:
    """What a kill leaves lies under another name, and is made anew."""
    (tmp_path / "journal.db.kek.new").write_text("half")
    stored(journal)
    assert not (tmp_path / "journal.db.kek.new").exists()


def test_a_keyring_keeps_the_key_when_asked_to(journal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keyring = Keyring()
    monkeypatch.setitem(sys.modules, "keyring", keyring)
    address = stored(journal, keyring=True)
    assert stored(journal, keyring=True) == address
    assert list(keyring.entries) == [("bursar", str(journal))]
    assert not Path(f"{journal}.kek").exists()
    with pytest.raises(BodyKeyUnusable, match="cannot be used: it is not there"):
        BodyStore.open(journal)
    keyring.entries.clear()
    with pytest.raises(BodyKeyUnusable, match="in the keyring, cannot be used: there is none"):
        BodyStore.open(journal, keyring=True)
    keyring.locked = True
    with pytest.raises(BodyKeyUnusable, match="RuntimeError: the keyring is locked"):
        BodyStore.open(journal, keyring=True)


def test_without_a_keyring_it_is_said_how_to_get_one(journal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(BodyKeyUnusable, match="pip install keyring"):
        BodyStore.open(journal, keyring=True)


def test_keys_that_were_damaged_or_moved_to_another_row_are_refused(journal: Path) -> None:
    with BodyStore.open(journal) as store:
        ann, _ = store.put("ann", CANARY), store.put("bob", CANARY)
    keys = f"{journal}.keys.db"
    (one, secret), (other, secret_of_other) = sql(keys, "SELECT owner, keys FROM subject")
    for owner, wrapped in ((one, secret_of_other), (other, secret)):
        sql(keys, "UPDATE subject SET keys = ? WHERE owner = ?", wrapped, owner)
    with (
        BodyStore.open(journal) as store,
        pytest.raises(BodiesUnusable, match="wrapped by another key, or is"),
    ):
        store.get("ann", ann)
    sql(keys, "UPDATE subject SET keys = x'00'")
    with BodyStore.open(journal) as store:
        with pytest.raises(BodiesUnusable, match="the keys of a subject"):
            store.get("ann", ann)
        assert store.forget("ann").bodies == 1
