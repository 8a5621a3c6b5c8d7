"""How small conversations are packed, and how fast they are read, beside zstd and zlib alone.

What is measured was never seen by the dictionary: the family's other conversations are packed first, and none
is trained after that. Bytes stored are ciphertext with nonces; what finds a message, some fifty bytes, is in
the sizes of files only.
"""

import json
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import apsw
import zstandard

from bursar.domain.contexts.encoding import to_bytes
from bursar.domain.ports import Message, ToolCall
from bursar.domain.selection.values import Turn
from bursar.eventstore.bodies import dictionaries
from bursar.eventstore.bodies.families import PACKING_LEVEL
from bursar.eventstore.bodies.frames import Codec
from bursar.eventstore.bodies.store import BodyStore

from ..streams import MissingData
from .data import locomo, qmsum

Texts = list[bytes]
#: Bytes of text by bytes stored, in hundredths; and MB/s of reading.
GOALS = {"chat": 300, "tools": 500}
GOAL_SPEED = 100
_FAMILY = "bench"
_BLOCK = 16
#: Best of so many: the machine has others to serve.
_TIMES = 5


class Fold(NamedTuple):
    """Conversations that are measured, and the others of their family."""

    others: list[Texts]
    measured: list[Texts]


class Sizes(NamedTuple):
    """Bytes, summed up over folds."""

    texts: int
    stored: int
    #: Of dictionaries, as much of them as falls to the conversations measured.
    dictionaries: int
    #: Of the file, with rows of their own and with blocks.
    file_before: int
    file_after: int


def lossless(data: Path, quick: bool) -> tuple[dict[str, Any], str]:
    """Figures and a table."""
    figures = {name: _figures(folds) for name, folds in _sets(data, quick)}
    met = {
        f"{name} ratio >= {goal / 100}": figures[name]["ratio"] * 100 >= goal for name, goal in GOALS.items()
    }
    for name in GOALS:
        met[f"{name} zstd >= {GOAL_SPEED} MB/s"] = figures[name]["zstd_mb_s"] >= GOAL_SPEED
        met[f"{name} get_many >= {GOAL_SPEED} MB/s"] = figures[name]["get_many_mb_s"] >= GOAL_SPEED
    return {"sets": figures, "goals": met}, _table(figures, met)


def _sets(data: Path, quick: bool) -> Iterator[tuple[str, list[Fold]]]:
    chats = [_chat(conversation.turns) for conversation in locomo(data)]
    yield "chat", [_fold(chats, [number]) for number in range(1 if quick else len(chats))]
    tasks, traces = zip(*_traces(data), strict=True)
    held = sorted(set(tasks))
    groups = [held[first : first + 5] for first in range(0, 5 if quick else len(held), 10)]
    parts = [[number for number, task in enumerate(tasks) if task in group] for group in groups]
    yield "tools", [_fold(traces, part) for part in parts]
    unprompted = [trace[1:] for trace in traces]
    yield "tools, no system prompt", [_fold(unprompted, part) for part in parts]
    meetings = [_chat(meeting.turns) for meeting in qmsum(data)]
    yield (
        "meetings",
        [_fold(meetings, list(range(first, first + 3))) for first in ((0,) if quick else (0, 9, 18, 27))],
    )


def _fold(conversations: Sequence[Texts], measured: Sequence[int]) -> Fold:
    return Fold(
        [texts for number, texts in enumerate(conversations) if number not in measured],
        [conversations[number] for number in measured],
    )


def _chat(turns: Sequence[Turn]) -> Texts:
    """The first who speaks is the user."""
    return [
        to_bytes(
            Message(
                role="user" if turn.speaker == turns[0].speaker else "assistant",
                content=turn.text,
                name=turn.speaker,
            )
        )
        for turn in turns
    ]


def _traces(data: Path) -> Iterator[tuple[int, Texts]]:
    """By task: four attempts at each."""
    path = data / "tau-bench-dev" / "gpt-4o-airline-half.json"
    if not path.exists():
        raise MissingData(path)
    for trace in json.loads(path.read_text()):
        yield trace["task_id"], [to_bytes(_message(raw)) for raw in trace["traj"]]


def _message(raw: dict[str, Any]) -> Message:
    calls = [ToolCall(call["id"], **call["function"]) for call in raw.get("tool_calls") or ()]
    return Message(
        role=raw["role"],
        content=raw.get("content") or "",
        tool_calls=tuple(calls),
        tool_call_id=raw.get("tool_call_id"),
        name=raw.get("name"),
    )


def _figures(folds: list[Fold]) -> dict[str, float]:
    measured = [_measured(fold) for fold in folds]
    sizes = Sizes(*map(sum, zip(*(one for one, _ in measured), strict=True)))
    speeds = [speed for _, speed in measured]
    texts = [texts for fold in folds for texts in fold.measured]
    blocks = [_joined(part) for one in texts for part in _parts(one)]
    zstd = zstandard.ZstdCompressor(level=3)
    return {
        "conversations": len(texts),
        "messages": sum(map(len, texts)),
        "bytes": sizes.texts,
        "ratio": round(sizes.texts / sizes.stored, 2),
        "ratio_with_dictionary": round(sizes.texts / (sizes.stored + sizes.dictionaries), 2),
        "file_ratio": round(sizes.file_before / sizes.file_after, 2),
        "zstd_3_message": _ratio([text for one in texts for text in one], zstd.compress),
        "zstd_3_block": _ratio(blocks, zstd.compress),
        "zlib_6_block": _ratio(blocks, lambda block: zlib.compress(block, 6)),
        **{name: round(sum(speed[name] for speed in speeds) / len(speeds), 1) for name in speeds[0]},
        "zstd_mb_s": _decompression(folds[0]),
    }


def _measured(fold: Fold) -> tuple[Sizes, dict[str, float]]:
    """Through the store itself."""
    with tempfile.TemporaryDirectory() as folder:
        journal = Path(folder) / "journal.db"
        with BodyStore.open(journal) as store:
            others = {f"other/{number}": texts for number, texts in enumerate(fold.others)}
            measured = {f"{number}": texts for number, texts in enumerate(fold.measured)}
            _pack(store, others)
            (dictionary, count) = _row(journal, "SELECT sum(length(body)), max(id) FROM dictionary")
            stored, seconds = _pack(store, measured)
            if _row(journal, "SELECT max(id) FROM dictionary") != (count,):
                raise RuntimeError("a dictionary was trained on what is measured: choose other folds")
            size = sum(map(len, (text for texts in measured.values() for text in texts)))
            speeds = {"pack_mb_s": size / seconds / 1e6, "get_many_mb_s": _reading(store, measured) / 1e6}
            after = _file_size(journal)
            for subject in (*others, *measured):
                store.unpack(subject)
            before = _file_size(journal)
    share = dictionary * len(measured) // (len(others) + len(measured))
    return Sizes(stored[0], stored[1], share, before, after), speeds


def _pack(store: BodyStore, conversations: dict[str, Texts]) -> tuple[tuple[int, int], float]:
    """Bytes of text and bytes stored, and the seconds that packing took."""
    before = after = 0
    seconds = 0.0
    for subject, texts in conversations.items():
        addresses = store.put_many(subject, texts)
        begun = time.process_time()
        packed = store.pack(subject, addresses, family=_FAMILY)
        seconds += time.process_time() - begun
        before, after = before + packed.before, after + packed.after
    return (before, after), seconds


def _reading(store: BodyStore, conversations: dict[str, Texts]) -> float:
    """Bytes of text per second of all texts from the file, as a context is read."""
    addresses = {subject: store.put_many(subject, texts) for subject, texts in conversations.items()}
    best = 0.0
    for _ in range(_TIMES):
        store.let_go()
        size, begun = 0, time.process_time()
        for subject, wanted in addresses.items():
            size += sum(len(text) for text in store.get_many(subject, wanted) if text is not None)
        best = max(best, size / (time.process_time() - begun))
    return best


def _decompression(fold: Fold) -> float:
    """MB/s of zstd's work alone, with a dictionary and frames such as the store's."""
    trained = dictionaries.train(
        [text for texts in fold.others for text in texts][:4000], None, dictionaries.BLOCKS, PACKING_LEVEL
    )
    codec = Codec(None if trained is None else trained.content, PACKING_LEVEL)
    blocks = [_joined(part) for texts in fold.measured for part in _parts(texts)]
    frames = [(codec.compress(block), len(block)) for block in blocks]
    best = 0.0
    for _ in range(_TIMES):
        begun = time.process_time()
        for frame, size in frames:
            codec.decompress(frame, size)
        best = max(best, sum(map(len, blocks)) / (time.process_time() - begun))
    return round(best / 1e6, 1)


def _parts(texts: Texts) -> list[Texts]:
    return [texts[first : first + _BLOCK] for first in range(0, len(texts), _BLOCK)]


def _joined(texts: Texts) -> bytes:
    return b"\n".join(texts)


def _ratio(texts: Sequence[bytes], compress: Callable[[bytes], bytes]) -> float:
    """As if each were encrypted alone."""
    return round(sum(map(len, texts)) / sum(len(compress(text)) + 28 for text in texts), 2)


def _row(journal: Path, statement: str) -> Any:
    connection = apsw.Connection(f"{journal}.blobs.db", flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return connection.execute(statement).fetchone()
    finally:
        connection.close()


def _file_size(journal: Path) -> int:
    """Without pages that are free."""
    copy = journal.with_name("copy.db")
    copy.unlink(missing_ok=True)
    _row(journal, f"VACUUM INTO '{copy}'")
    return copy.stat().st_size


def _table(figures: dict[str, dict[str, float]], met: dict[str, bool]) -> str:
    heads = (
        "",
        "texts",
        "ratio",
        "+ dict",
        "file",
        "message",
        "zstd-3",
        "zlib-6",
        "pack",
        "get_many",
        "zstd",
    )
    columns = (
        *("messages", "ratio", "ratio_with_dictionary", "file_ratio", "zstd_3_message", "zstd_3_block"),
        *("zlib_6_block", "pack_mb_s", "get_many_mb_s", "zstd_mb_s"),
    )
    rows = [heads, *((name, *(f"{one[column]}" for column in columns)) for name, one in figures.items())]
    lines = [
        "".join(f"{cell:<24}" if not at else f"{cell:>9}" for at, cell in enumerate(row)) for row in rows
    ]
    goals = [f"{'met' if is_met else 'NOT MET':<8} {goal}" for goal, is_met in met.items()]
    return "\n".join([*lines, *goals])
