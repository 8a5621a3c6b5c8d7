"""Entries in blocks: adding one to a hundred thousand copies one block and the list of the others."""

from collections.abc import Iterator

from .values import Entry

Entries = tuple[tuple[Entry, ...], ...]

_BLOCK = 128


def appended(entries: Entries, entry: Entry) -> Entries:
    """The entries with one more behind them."""
    if entries and len(entries[-1]) < _BLOCK:
        return (*entries[:-1], (*entries[-1], entry))
    return (*entries, (entry,))


def removed_last(entries: Entries) -> Entries:
    """The entries without the last one."""
    rest = entries[-1][:-1]
    return (*entries[:-1], rest) if rest else entries[:-1]


def count(entries: Entries) -> int:
    """How many there are."""
    return (len(entries) - 1) * _BLOCK + len(entries[-1]) if entries else 0


def at(entries: Entries, ordinal: int) -> Entry:
    """The entry with an ordinal. Raises IndexError."""
    if ordinal < 0:
        raise IndexError(ordinal)
    return entries[ordinal // _BLOCK][ordinal % _BLOCK]


def every(entries: Entries) -> Iterator[Entry]:
    """All of them, by ordinal."""
    for block in entries:
        yield from block


def changed(entries: Entries, ordinal: int, entry: Entry) -> Entries:
    """The entries with one of them replaced."""
    number, place = divmod(ordinal, _BLOCK)
    block = entries[number]
    return (*entries[:number], (*block[:place], entry, *block[place + 1 :]), *entries[number + 1 :])
