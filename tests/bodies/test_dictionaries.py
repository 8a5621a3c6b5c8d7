"""Dictionaries: trained when it is time, kept as long as they are needed, and gone with their subject."""

from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from bursar.eventstore.bodies import dictionaries
from bursar.eventstore.bodies.frames import SIZE_MAX, Codec
from bursar.eventstore.bodies.store import BodyStore

from .texts import CANARY, files_with, message, sql

MANY = [message(seed) for seed in range(400)]
#: As long, and with nothing in common with those.
OTHERS = [" ".join(f"{seed * 7919 + n:x}-{n * seed:o}" for n in range(25)) for seed in range(400)]
TRAINED = dictionaries.train([text.encode() for text in MANY])


@pytest.fixture
def store(tmp_path: Path) -> BodyStore:
    return BodyStore.open(tmp_path / "journal.db")


def used(store: BodyStore, folder: Path) -> list[tuple[int | None, int, int]]:
    """Dictionaries with the number of texts under them, and bytes of text for a hundred stored."""
    statement = (
        "SELECT dictionary, count(*), sum(size) * 100 / sum(length(body)) FROM blob GROUP BY dictionary"
    )
    return sql(folder / "journal.db.blobs.db", statement)


@settings(deadline=None)
@given(st.binary(max_size=2000) | st.sampled_from([text.encode() for text in MANY]), st.booleans())
def test_every_text_comes_back_with_a_dictionary_and_without(text: bytes, with_one: bool) -> None:
    assert TRAINED is not None
    codec = Codec(TRAINED.content if with_one else None)
    assert codec.decompress(codec.compress(text), len(text)) == text


def test_it_is_time_for_one_when_there_are_enough_texts(store: BodyStore, tmp_path: Path) -> None:
    early = store.put_many("ann", MANY[:255])
    assert not store.train("ann") and not store.train("nobody")
    early += store.put_many("ann", MANY[255:300])
    assert store.train("ann")
    late = store.put_many("ann", MANY[300:])
    (_, before, poor), (_, after, good) = used(store, tmp_path)
    assert (before, after) == (300, 100)
    assert good > poor * 1.2
    with BodyStore.open(tmp_path / "journal.db") as reopened:
        texts = [reopened.get("ann", address).decode() for address in early + late]
    assert texts == MANY


def test_it_is_time_for_the_next_when_texts_of_late_are_stored_a_fifth_worse(
    store: BodyStore, tmp_path: Path
) -> None:
    store.put_many("ann", MANY)
    assert store.train("ann") and not store.train("ann")
    store.put_many("ann", [message(seed) for seed in range(1000, 1400)])
    assert not store.train("ann")
    early = store.put_many("ann", OTHERS[:300])
    assert store.train("ann")
    assert store.put_many("ann", OTHERS[300:])
    (_, drifted, poor), (_, newest, good) = used(store, tmp_path)[1:]
    assert (drifted, newest) == (700, 100)
    assert good > poor
    assert store.get("ann", early[0]).decode() == OTHERS[0]


def test_a_training_that_came_to_nothing_is_not_repeated_for_the_same_texts(store: BodyStore) -> None:
    noise = [f"{seed**40:x}"[:50] * 4 for seed in range(10**6, 10**6 + 300)]
    store.put_many("ann", noise)
    assert store.lessons("ann") is not None
    assert store.lessons("ann") is None


def test_a_dictionary_stays_while_texts_need_it(store: BodyStore, tmp_path: Path) -> None:
    store.put_many("ann", MANY)
    assert store.train("ann")
    (kept, gone) = store.put_many("ann", ["kept " + MANY[0], "gone " + MANY[1]])
    store.put_many("ann", OTHERS)
    assert store.train("ann")
    dictionaries_of = "SELECT id FROM dictionary"
    store.sweep([kept], before=1 << 62)
    assert len(sql(tmp_path / "journal.db.blobs.db", dictionaries_of)) == 2
    assert store.get("ann", kept).decode() == "kept " + MANY[0]
    store.sweep([], before=1 << 62)
    assert len(sql(tmp_path / "journal.db.blobs.db", dictionaries_of)) == 1
    assert gone != kept


def test_a_dictionary_is_of_one_subject_and_no_other(store: BodyStore, tmp_path: Path) -> None:
    """It is made of pieces of texts: so it is encrypted as they are, and nobody else's sizes depend on it."""
    store.put_many("ann", [f"{CANARY} {text}" for text in MANY])
    store.put_many("bob", MANY[:10])
    assert store.train("ann")
    store.put_many("bob", MANY[10:])
    assert [count for dictionary, count, _ in used(store, tmp_path) if dictionary is None] == [800]
    assert files_with(tmp_path, CANARY.encode(), CANARY.encode()[:12]) == []


def test_training_may_happen_elsewhere_while_the_subject_is_forgotten(store: BodyStore) -> None:
    store.put_many("ann", MANY)
    lessons = store.lessons("ann")
    assert lessons is not None
    trained = dictionaries.train(*lessons)
    store.forget("ann")
    assert trained is not None
    assert not store.adopt("ann", trained)


@pytest.mark.parametrize("texts", [[], [b""] * 300, [b"a"] * 300, [b"abc"] * 5, [bytes(99)] * 300])
def test_texts_without_anything_in_common_give_no_dictionary(texts: list[bytes]) -> None:
    trained = dictionaries.train(texts)
    assert trained is None or trained.ratio > 100


BOMB = bytes(64 << 20)
WIDE = zstandard.ZstdCompressionParameters(window_log=23)


@pytest.mark.parametrize(
    ("compressor", "size", "problem"),
    [
        (zstandard.ZstdCompressor(), 100, "states 67108864 bytes and not 100"),
        (zstandard.ZstdCompressor(), len(BOMB), "more than the 16777216 that a body may have"),
        (zstandard.ZstdCompressor(write_content_size=False), 100, f"states {2**64 - 1} bytes and not 100"),
        (zstandard.ZstdCompressor(compression_params=WIDE), SIZE_MAX, "asks for a window of 8388608 bytes"),
    ],
    ids=["states more", "is allowed more", "states nothing", "looks back too far"],
)
def test_a_bomb_is_stopped_before_it_goes_off(
    compressor: zstandard.ZstdCompressor, size: int, problem: str
) -> None:
    frame = compressor.compress(BOMB[:SIZE_MAX] if size == SIZE_MAX else BOMB)
    assert len(frame) < 10_000
    with pytest.raises(ValueError, match=problem):
        Codec().decompress(frame, size)


def test_a_frame_that_lies_about_its_size_is_not_believed() -> None:
    """The size stands in the third part of the header: two bytes for a frame of this length."""
    frame = bytearray(Codec().compress(bytes(1000)))
    assert zstandard.get_frame_parameters(bytes(frame)).content_size == 1000
    place = frame.index((1000 - 256).to_bytes(2, "little"), 4)
    frame[place : place + 2] = (300 - 256).to_bytes(2, "little")
    assert zstandard.get_frame_parameters(bytes(frame)).content_size == 300
    with pytest.raises(ValueError, match=r"cannot be decompressed|does not decompress to"):
        Codec().decompress(bytes(frame), 300)


def test_a_frame_of_another_dictionary_is_refused() -> None:
    assert TRAINED is not None
    text = MANY[0].encode()
    with pytest.raises(ValueError, match="names dictionary 0 and not"):
        Codec(TRAINED.content).decompress(Codec().compress(text), len(text))
    with pytest.raises(ValueError, match="and not 0"):
        Codec().decompress(Codec(TRAINED.content).compress(text), len(text))
