"""Who asks for which model, and when: request streams made from public traces by fixed seeds.

The traces give arrivals; which model a request wants is ours, by a rule that is stated at each stream. Every
stream comes out the same on every machine. `shared/data/*/NOTE.md` has the sources and licences.
"""

import csv
import gzip
import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import NamedTuple

#: Beside the checkout, where this project keeps data that it does not ship.
DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"

GB = 10**9
#: Starting the engine, creating the context, the first evaluation.
FIXED_MS = 2_000
NVME_BYTES_PER_S = 2 * GB
#: A disk on the network, or one that turns.
SLOW_BYTES_PER_S = GB // 5

_ZIPF_MODELS = 16
#: Typical files of quantised models, in units of 0.1 GB: 0.6B … 32B at four bits, and small ones at eight.
_FILES = (5, 13, 20, 25, 34, 41, 49, 52, 58, 81, 90, 98, 119, 143, 174, 199)
_RAG_FILES = {
    "embed": 3,
    "rerank": 12,
    "judge": 49,
    "chat-0": 52,
    "chat-1": 90,
    "chat-2": 20,
    "chat-3": 143,
    "chat-4": 199,
}


class Request(NamedTuple):
    """One arrival."""

    at_ms: int
    #: Index into the stream's models.
    model: int


@dataclass(frozen=True, slots=True)
class Model:
    """What a load takes, of memory and of time."""

    name: str
    bytes: int
    load_ms: int
    #: The same where every third model lives on a slow disk.
    load_ms_slow: int


@dataclass(frozen=True, slots=True)
class Stream:
    """Requests in the order of their arrival."""

    name: str
    models: tuple[Model, ...]
    requests: tuple[Request, ...]


class MissingData(Exception):
    """A folder of traces is not where the benchmark looks."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"no traces at {path}: pass --data PATH, the folder that holds azure-llm-2023, mooncake …"
        )


def azure_zipf16(data: Path = DATA) -> Stream:
    """Azure's conversation and code arrivals (28,185 in an hour); each draws one of 16 models, by Zipf."""
    folder = _folder(data, "azure-llm-2023")
    arrivals: list[int] = []
    for path in sorted(folder.glob("*.csv")):
        with path.open(newline="") as lines:
            arrivals += [_azure_ms(row["TIMESTAMP"]) for row in csv.DictReader(lines)]
    arrivals.sort()
    pick = _zipf(Random("azure_zipf16"))
    requests = tuple(Request(at - arrivals[0] + 1, pick()) for at in arrivals)
    return Stream("azure_zipf16", _models("azure_zipf16", _ZIPF_MODELS), requests)


def mooncake_sess16(data: Path = DATA) -> Stream:
    """Mooncake's conversations (12,031 requests in an hour); each keeps the model that it drew by Zipf's law.

    A request continues a conversation when they share a prefix block beyond the first, which all share.
    """
    pick = _zipf(Random("mooncake_sess16"))
    drawn: dict[int, int] = {}
    requests: list[Request] = []
    with gzip.open(_folder(data, "mooncake") / "conversation_trace.jsonl.gz", "rt") as lines:
        for line in lines:
            row = json.loads(line)
            blocks: list[int] = row["hash_ids"][1:]
            known = next((drawn[block] for block in reversed(blocks) if block in drawn), None)
            model = pick() if known is None else known
            for block in blocks:
                drawn.setdefault(block, model)
            requests.append(Request(int(row["timestamp"]) + 1, model))
    return Stream("mooncake_sess16", _models("mooncake_sess16", _ZIPF_MODELS), tuple(requests))


def servegen24(data: Path = DATA, group: int = 0) -> Stream:
    """24 of ServeGen's clients over 14 days, each with its own model, about 12,000 requests together.

    Clients are taken in the order of the SHA-256 of their names, `group` after `group`. A client sends in
    proportion to the square root of its true volume, so that a single one does not drown the others; within a
    window of 600 s its gaps follow the window's own Gamma or Weibull law, stretched over the window's share.
    """
    windows = _servegen_windows(_folder(data, "servegen") / "client_windows.csv.gz")
    ordered = sorted(windows, key=lambda client: sha256(client.encode()).digest())
    clients = ordered[24 * group : 24 * (group + 1)]
    roots = {client: math.sqrt(sum(window.rate for window in windows[client])) for client in clients}
    per_root = 12_000 / sum(roots.values())
    requests = sorted(
        Request(at_ms, index)
        for index, client in enumerate(clients)
        for at_ms in _renewals(windows[client], roots[client] * per_root, Random(client))
    )
    name = f"servegen24{f'.{group}' if group else ''}"
    return Stream(name, _models(name, len(clients)), tuple(requests))


def rag_loop(_data: Path = DATA) -> Stream:
    """A pipeline, made up: embed, rerank, chat, judge, and again from the start when the judge says no.

    Questions arrive by a Poisson process, one in 30 s; each stays with one of five chat models, drawn by
    Zipf's law; the judge sends one answer in three back, at most twice; steps take 0.3 to 8 s.
    """
    rng = Random("rag_loop")
    names = tuple(_RAG_FILES)
    chats = [index for index, name in enumerate(names) if name.startswith("chat")]
    requests: list[Request] = []
    asked_s = 0.0
    while len(requests) < 6_000:
        asked_s += rng.expovariate(1 / 30)
        at_s = asked_s
        chat = rng.choices(chats, [1 / rank for rank in range(1, len(chats) + 1)])[0]
        for _ in range(3):
            for model in (names.index("embed"), names.index("rerank"), chat, names.index("judge")):
                requests.append(Request(int(at_s * 1000) + 1, model))
                at_s += rng.uniform(0.3, 1.0) if model < 2 else rng.uniform(1.0, 8.0)
            if rng.random() > 1 / 3:
                break
    models = tuple(_model(name, tenths, index) for index, (name, tenths) in enumerate(_RAG_FILES.items()))
    return Stream("rag_loop", models, tuple(sorted(requests)))


#: Every stream by name.
STREAMS: dict[str, Callable[[Path], Stream]] = {
    "azure_zipf16": azure_zipf16,
    "mooncake_sess16": mooncake_sess16,
    "servegen24": servegen24,
    "rag_loop": rag_loop,
}


class _Window(NamedTuple):
    """600 s of one client."""

    start_s: float
    #: Requests per second, before compression.
    rate: float
    family: str
    shape: float


def _servegen_windows(path: Path) -> dict[str, list[_Window]]:
    windows: dict[str, list[_Window]] = defaultdict(list)
    with gzip.open(path, "rt", newline="") as lines:
        for row in csv.DictReader(lines):
            window = _Window(float(row["t"]), float(row["rate_rps"]), row["family"], float(row["p1"]))
            windows[f"{row['model']}/{row['client']}"].append(window)
    for found in windows.values():
        found.sort()
    return windows


def _renewals(windows: list[_Window], volume: float, rng: Random) -> Iterator[int]:
    """About `volume` arrivals in ms: a renewal process on a clock that runs as fast as the client sends.

    Gaps are drawn with mean one and used up by the clock, across window borders too: after compression most
    gaps are longer than a window, and a process begun anew in each would bunch up at their starts.
    """
    scale = volume / sum(window.rate for window in windows)
    gap = _gap(windows[0], rng) * rng.random()
    for window in windows:
        share = window.rate * scale
        used = 0.0
        while used + gap <= share:
            used += gap
            yield int((window.start_s + 600 * used / share) * 1000) + 1
            gap = _gap(window, rng)
        gap -= share - used


def _gap(window: _Window, rng: Random) -> float:
    """A gap by the window's law, with mean one."""
    if window.family == "G":
        return rng.gammavariate(window.shape, 1 / window.shape)
    return rng.weibullvariate(1 / math.gamma(1 + 1 / window.shape), window.shape)


def _zipf(rng: Random) -> Callable[[], int]:
    """Draws one of 16 models, the first twice as often as the second, three times as often as the third …"""
    cumulative = list(accumulate(1 / rank for rank in range(1, _ZIPF_MODELS + 1)))
    return lambda: rng.choices(range(_ZIPF_MODELS), cum_weights=cumulative)[0]


def _models(seed: str, count: int) -> tuple[Model, ...]:
    """Typical files dealt out at random, so that how popular a model is says nothing about its size."""
    files = [_FILES[index % len(_FILES)] for index in range(count)]
    Random(f"{seed} sizes").shuffle(files)
    return tuple(_model(f"model-{index:02}", tenths, index) for index, tenths in enumerate(files))


def _model(name: str, tenths: int, index: int) -> Model:
    size = tenths * GB // 10
    fast_ms = FIXED_MS + size * 1000 // NVME_BYTES_PER_S
    slow_ms = FIXED_MS + size * 1000 // SLOW_BYTES_PER_S
    return Model(name, size, fast_ms, slow_ms if index % 3 == 1 else fast_ms)


def _azure_ms(timestamp: str) -> int:
    """Milliseconds since the epoch of `2023-11-16 18:15:46.6805900`."""
    return int(datetime.fromisoformat(f"{timestamp}+00:00").timestamp() * 1000)


def _folder(data: Path, name: str) -> Path:
    if not (data / name).is_dir():
        raise MissingData(data / name)
    return data / name
