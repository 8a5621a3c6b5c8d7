"""Dictionaries: what texts have in common, found once so that no text has to repeat it.

A dictionary is made of pieces of the texts it was trained on. So it is of a single subject; or of a family of
subjects, and it is known whose texts those were: it goes when one of them goes (`families`).
"""

from collections.abc import Sequence
from typing import NamedTuple

import zstandard

from .frames import LEVEL, Codec

#: Fewer texts, or bytes of them, have too little in common to be worth it.
TEXTS_MIN = 256
BYTES_MIN = 32 << 10
#: More than this takes longer and finds nothing new.
BYTES_MAX = 1 << 20
#: Percent by which the texts of late may be stored worse than those the dictionary was new with.
DRIFT = 20


class Shape(NamedTuple):
    """Of a dictionary. zstd's own search for one takes three times as long and finds nothing better."""

    size_max: int
    segment: int
    match: int


#: For texts one by one, and for blocks of them, which have more to look back on.
SINGLE = Shape(16 << 10, 50, 6)
BLOCKS = Shape(64 << 10, 400, 8)

#: Bytes of samples for each byte of dictionary.
_SHARE = 8
#: Every fifth text is kept from the training, to see what it is good for.
_HELD_OUT = 5
#: Percent that a dictionary must gain to be taken.
_GAIN = 5
#: Of AES-GCM, which is stored with every text.
_TAG = 16


class Dictionary(NamedTuple):
    """A dictionary, and how well it does on texts it has not seen."""

    content: bytes
    #: Bytes of text for a hundred that are stored.
    ratio: int


def train(
    texts: Sequence[bytes], current: bytes | None = None, shape: Shape = SINGLE, level: int = LEVEL
) -> Dictionary | None:
    """A dictionary that stores such texts better than the current one, or than none; None when it would not.

    Takes some ten milliseconds, on any thread: it touches nothing but what it is given.
    """
    held_out = texts[::_HELD_OUT]
    lessons: list[bytes | bytearray | memoryview] = [
        text for number, text in enumerate(texts) if number % _HELD_OUT
    ]
    size = min(shape.size_max, sum(map(len, lessons)) // _SHARE)
    try:
        trained = zstandard.train_dictionary(size, lessons, k=shape.segment, d=shape.match, level=level)
        content = trained.as_bytes()
        ratio = _ratio(Codec(content, level), held_out)
    except zstandard.ZstdError:  # too few, too short, or nothing in common
        return None
    before = _ratio(Codec(current, level), held_out)
    return Dictionary(content, ratio) if ratio * 100 >= before * (100 + _GAIN) else None


def has_drifted(then: int, now: int) -> bool:
    """Whether one ratio is so much worse than another that it is time to train again."""
    return now * 100 < then * (100 - DRIFT)


def ratio_of(size: int, stored: int) -> int:
    """Bytes of text for a hundred stored."""
    return size * 100 // max(stored, 1)


def _ratio(codec: Codec, texts: Sequence[bytes]) -> int:
    stored = sum(len(codec.compress(text)) + _TAG for text in texts)
    return ratio_of(sum(map(len, texts)), stored)
