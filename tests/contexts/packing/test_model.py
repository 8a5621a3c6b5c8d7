"""Whatever is put, packed, unpacked, swept and forgotten, in any order: a dictionary of Python's agrees."""

import tempfile
from pathlib import Path

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, MultipleResults, RuleBasedStateMachine, invariant, multiple, rule

from bursar.domain.errors import NoSuchBody, NoSuchSubject
from bursar.eventstore.bodies.store import BodyStore

from .kept import trace

SUBJECTS = st.sampled_from(["ann", "bob", "eve"])
FAMILIES = st.sampled_from([None, "agents"])
SOME = [b"", b"\0", b"\1", b"\xff" * 70_000, bytes(1 << 18), *trace(1), *trace(2)]
#: A text, or the number of one of those: what is drawn is printed.
TEXTS = st.lists(st.binary(max_size=40) | st.integers(0, len(SOME) - 1), max_size=40)
MINUTE = 60_000_000_000


class Bodies(RuleBasedStateMachine):
    """Two stores on the same files: what one does, the other sees."""

    addresses: Bundle[tuple[str, str]] = Bundle("addresses")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.now = 10**18
        journal = Path(self.folder.name) / "journal.db"
        self.store = BodyStore.open(journal, clock_ns=lambda: self.now)
        self.other = BodyStore.open(journal, clock_ns=lambda: self.now)
        #: Text and when it was put, by subject and address.
        self.kept: dict[tuple[str, str], tuple[bytes, int]] = {}

    @rule(target=addresses, subject=SUBJECTS, drawn=TEXTS)
    def put(self, subject: str, drawn: list[bytes | int]) -> MultipleResults[tuple[str, str]]:
        texts = [SOME[text] if isinstance(text, int) else text for text in drawn]
        self.now += 20 * MINUTE
        keys = [(subject, address) for address in self.store.put_many(subject, texts)]
        self.kept.update(zip(keys, ((text, self.now) for text in texts), strict=True))
        return multiple(*keys)

    @rule(subject=SUBJECTS, family=FAMILIES, level=st.sampled_from([1, 6, 12]), some=st.booleans())
    def pack(self, subject: str, family: str | None, level: int, some: bool) -> None:
        mine = [address for owner, address in self.kept if owner == subject]
        wanted = mine[::-2] if some else mine
        packed = self.store.pack(subject, wanted, family=family, level=level, ratio_per_mille=10**6)
        assert packed.lost == ()
        assert packed.messages >= len(wanted)
        assert packed.before >= sum(len(self.kept[subject, address][0]) for address in wanted)

    @rule(subject=SUBJECTS)
    def unpack(self, subject: str) -> None:
        extent = self.store.packed([subject]).get(subject)
        expected = (0, 0, ()) if extent is None else (extent.messages, extent.before, ())
        assert self.store.unpack(subject) == expected

    @rule(subject=SUBJECTS, by_other=st.booleans())
    def forget(self, subject: str, by_other: bool) -> None:
        try:
            (self.other if by_other else self.store).forget(subject)
        except NoSuchSubject:
            assert not any(owner == subject for owner, _ in self.kept)
        self.kept = {key: value for key, value in self.kept.items() if key[0] != subject}

    @rule(live=st.sets(addresses), age=st.sampled_from([0, 30, 70]))
    def sweep(self, live: set[tuple[str, str]], age: int) -> None:
        before = self.now - age * MINUTE + 1
        named = {address for _, address in live}
        gone = [key for key, (_, at) in self.kept.items() if at < before and key[1] not in named]
        assert self.store.sweep(named, before=before).bodies == len(gone)
        for key in gone:
            del self.kept[key]

    @rule(age=st.sampled_from([30, 70]))
    def expire(self, age: int) -> None:
        before = self.now - age * MINUTE + 1
        gone = [key for key, (_, at) in self.kept.items() if at < before]
        assert self.store.expire(before).bodies == len(gone)
        for key in gone:
            del self.kept[key]

    @rule(key=addresses)
    def get(self, key: tuple[str, str]) -> None:
        for store in (self.store, self.other):
            try:
                assert store.get(*key) == self.kept[key][0]
            except NoSuchBody:
                assert key not in self.kept

    @invariant()
    def everything_is_there(self) -> None:
        for subject in ("ann", "bob", "eve"):
            mine = {address: text for (owner, address), (text, _) in self.kept.items() if owner == subject}
            assert self.store.get_many(subject, list(mine)) == list(mine.values())

    def teardown(self) -> None:
        self.store.close()
        self.other.close()
        self.folder.cleanup()


TestBodies = Bodies.TestCase
TestBodies.settings = settings(
    deadline=None, max_examples=30, stateful_step_count=20, phases=[Phase.generate]
)
