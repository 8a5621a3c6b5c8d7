"""What a power cut leaves of operations that no sync had covered."""

from collections.abc import Callable, Iterator
from random import Random

from .disk import Do, Op, Platter, apply, with_names

#: What a disk writes as a whole, in bytes.
SECTOR = 512


def wreck(platter: Platter, damage: str, random: Random) -> dict[str, bytearray]:
    """The files as the next start of the machine finds them."""
    kept = random.randint(0, len(platter.pending_names))
    if damage in ("dropped", "kept"):
        kept = 0 if damage == "dropped" else len(platter.pending_names)
    names = with_names(platter.names, platter.pending_names[:kept])
    contents = {file: bytearray(platter.contents[file]) for file in names.values()}
    waiting = [op for _, op in platter.pending if op.file in contents]
    if damage == "garbage" and any(map(_rewrites, waiting)):
        # A third misfortune in one moment, after a failed sync and a power cut, is more than is promised.
        damage = "sectors"
    for op in DAMAGES[damage](waiting, random):
        apply(contents[op.file], op)
    return {name: contents[file] for name, file in names.items()}


def _rewrites(op: Op) -> bool:
    """Whether a log is being written once more as a whole: not its header, and not a frame."""
    return op.do is Do.WRITE and op.name.endswith("-wal") and op.offset == 0 and len(op.data) > SECTOR


def _dropped(_ops: list[Op], _random: Random) -> Iterator[Op]:
    return iter(())


def _kept(ops: list[Op], _random: Random) -> Iterator[Op]:
    return iter(ops)


def _torn(ops: list[Op], random: Random) -> Iterator[Op]:
    """In order, up to the middle of one."""
    if ops:
        last = random.randrange(len(ops))
        yield from ops[:last]
        yield _part(ops[last], 0, random.randint(0, len(ops[last].data)))


def _shuffled(ops: list[Op], random: Random) -> Iterator[Op]:
    """Some of them, in any order."""
    share = random.random()
    some = [op for op in ops if random.random() < share]
    random.shuffle(some)
    return iter(some)


def _sectors(ops: list[Op], random: Random) -> Iterator[Op]:
    """Some of their sectors."""
    share = random.random()
    return (piece for op in ops for piece in _pieces(op) if random.random() < share)


def _garbage(ops: list[Op], random: Random) -> Iterator[Op]:
    """Some of their sectors, and noise in place of some."""
    for op in ops:
        for piece in _pieces(op):
            fate = random.random()
            if fate < 0.1:
                yield piece._replace(data=random.randbytes(len(piece.data)))
            elif fate < 0.6:
                yield piece


def _torn_sectors(ops: list[Op], random: Random) -> Iterator[Op]:
    """As `garbage`, but noise fills whole sectors: what had been safe beside a write is gone with it."""
    for op in ops:
        for piece in _pieces(op):
            if piece.do is Do.WRITE and random.random() < 0.1:
                start = piece.offset // SECTOR * SECTOR
                yield piece._replace(offset=start, data=random.randbytes(SECTOR))
            elif random.random() < 0.6:
                yield piece


def _pieces(op: Op) -> Iterator[Op]:
    """A write, cut where the disk's sectors end."""
    if op.do is Do.TRUNCATE:
        yield op
        return
    do, file, name, offset, data = op
    start, end = 0, len(data)
    while start < end:
        stop = min(end, start + SECTOR - (offset + start) % SECTOR)
        yield Op(do, file, name, offset + start, data[start:stop])
        start = stop


def _part(op: Op, start: int, stop: int) -> Op:
    if op.do is Do.TRUNCATE:
        return op
    return op._replace(offset=op.offset + start, data=op.data[start:stop])


DAMAGES: dict[str, Callable[[list[Op], Random], Iterator[Op]]] = {
    "dropped": _dropped,
    "kept": _kept,
    "torn": _torn,
    "shuffled": _shuffled,
    "sectors": _sectors,
    "garbage": _garbage,
    "torn sectors": _torn_sectors,
}
#: What a journal survives on a disk that keeps its word.
SURVIVED = ("dropped", "kept", "torn", "shuffled", "sectors", "garbage")
