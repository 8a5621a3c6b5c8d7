"""How fast counting is, and how long it keeps the event loop from others."""

import asyncio
import json
import struct
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple, TypeVar

from bursar.adapters.clock import SystemClock
from bursar.adapters.providers.base import ProviderBase
from bursar.adapters.vocabulary.reading import vocabulary_of
from bursar.counting import Counter
from bursar.domain.counting.measures.features import features
from bursar.domain.kernel import initial
from bursar.domain.ports import Message
from bursar.domain.providers.values import Capabilities
from bursar.engine.engine import Engine
from bursar.providers import Directory
from bursar.testing.journal import MemoryJournal

from .counting_classes import code
from .counting_families import claude, claude_file

_MEGABYTE = 1_000_000
_Found = TypeVar("_Found")


class Speed(NamedTuple):
    """What counting takes."""

    features_mb_s: float
    #: Of our own counting with a vocabulary that was read from a file's header.
    vocabulary_mb_s: float
    read_s: float
    tokenizers_mb_s: float
    #: Texts that ours and `tokenizers` counted, and those of which the counts differ.
    compared: int
    different: int
    longest_estimate_ms: float
    longest_vocabulary_ms: float

    @property
    def longest_block_ms(self) -> float:
        """Of either."""
        return max(self.longest_estimate_ms, self.longest_vocabulary_ms)


def speed(quick: bool) -> Speed:
    """Measure, in seconds of the processor where the work is ours alone."""
    pieces = [text for text in code() if text.isascii()]
    text = "".join(pieces * 3)[:_MEGABYTE]
    with TemporaryDirectory() as folder:
        file = Path(folder) / "claude.gguf"
        _write(file)
        read_s, vocabulary = _timed(lambda: vocabulary_of(file))
        compared = pieces[: 200 if quick else None]
        different = [
            piece for piece in compared if vocabulary.count(piece) != len(claude().encode(piece).ids)
        ]
        counting_s, _ = _timed(lambda: vocabulary.count(text))
        features_s, _ = _timed(lambda: features(text))
        tokenizers_s, _ = _timed(lambda: claude().encode(text))
        return Speed(
            features_mb_s=1 / features_s,
            vocabulary_mb_s=1 / counting_s,
            read_s=read_s,
            tokenizers_mb_s=1 / tokenizers_s,
            compared=len(compared),
            different=len(different),
            longest_estimate_ms=asyncio.run(_longest_ms(None, text)),
            longest_vocabulary_ms=asyncio.run(_longest_ms(file, text)),
        )


class _Nowhere(ProviderBase):
    """Has the file of its model, or nothing at all; it is never asked."""

    def __init__(self, file: Path | None) -> None:
        super().__init__("p")
        self._file = file
        self.capabilities = Capabilities()

    def model_file(self, model: str) -> str | None:
        return str(self._file) if self._file else None


async def _longest_ms(file: Path | None, text: str) -> float:
    """The longest time between two turns of another task; of three tries the best: others use the machine."""
    engine = Engine(MemoryJournal(), initial(), SystemClock(0))
    counter = Counter(engine, Directory({"p": _Nowhere(file)}))  # type: ignore[dict-item]  # no whole provider: it has what is asked of it
    await counter.count("p:m", [Message("user", "so that what is read is read")])
    return min([await _longest_once(counter, f"{text}{number}") for number in range(3)])


async def _longest_once(counter: Counter, text: str) -> float:
    longest = 0.0

    async def beat() -> None:
        nonlocal longest
        before = time.perf_counter()
        while True:
            await asyncio.sleep(0)
            now = time.perf_counter()
            longest, before = max(longest, now - before), now

    beating = asyncio.create_task(beat())
    await counter.count("p:m", [Message("user", text)])
    beating.cancel()
    return 1000 * longest


def _timed(work: Callable[[], _Found]) -> tuple[float, _Found]:
    before = time.process_time()
    found = work()
    return time.process_time() - before, found


def _write(path: Path) -> None:
    """A GGUF file of Claude's vocabulary and nothing else: it splits texts as GPT-2 does."""
    model = json.loads(claude_file().read_text())["model"]
    tokens = sorted(model["vocab"], key=lambda token: model["vocab"][token])
    fields = {
        "model": _text("gpt2"),
        "pre": _text("gpt-2"),
        "tokens": _texts(tokens),
        "merges": _texts(model["merges"]),
    }
    kinds = {"model": 8, "pre": 8, "tokens": 9, "merges": 9}
    head = b"GGUF" + struct.pack("<IQQ", 3, 0, len(fields))
    named = (
        _text(f"tokenizer.ggml.{name}") + struct.pack("<I", kinds[name]) + fields[name] for name in fields
    )
    path.write_bytes(head + b"".join(named))


def _texts(texts: Sequence[str]) -> bytes:
    return struct.pack("<IQ", 8, len(texts)) + b"".join(map(_text, texts))


def _text(text: str) -> bytes:
    written = text.encode()
    return struct.pack("<Q", len(written)) + written
