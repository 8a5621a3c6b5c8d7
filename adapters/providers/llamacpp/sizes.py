"""What a model takes, out of what is known of it: the server says nothing of memory."""

import asyncio
import hashlib
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from ....domain.models.values import Description, Residency
from ..llama import estimate
from ..llama.header import NotAModel
from ..llama.metadata import Metadata, read_metadata
from .reading import About

_F16_BYTES = 2
#: How many slots a server opens that is told nothing of them; they share one window then.
_USUAL_SLOTS = 4
#: Bytes by which a file may be larger than its tensors, for their alignment.
_PADDING_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Known:
    """All that can be had of a model. Windows in tokens."""

    model: str
    #: Its file, on the server's machine; empty if unknown.
    path: str
    #: Window of one slot; 0 if unknown.
    window: int
    slots: int
    about: About | None
    engine: str
    kv_type: str = "f16"


@dataclass(frozen=True, slots=True)
class Placing:
    """Where a provider's models are, as settings say it."""

    #: Of the server.
    url: str
    #: Device that their memory is charged to.
    device: str
    #: Window of a slot where nothing is known of it; 0 for no guess.
    window: int = 0


async def describe(known: Known, placing: Placing) -> Description:
    """What is known of it, as the port has it.

    The server's machine being ours, the file's own header is read. Otherwise keys and values are taken to
    have as many heads as queries have, which is an upper bound. Nothing is known of a model on another
    machine that was never loaded: its sizes are 0.
    """
    metadata, provenance = await _metadata(known, placing.url)
    window = known.window or metadata.trained_context or placing.window
    sized = estimate.describe(known.model, metadata, window, known.slots)
    kv_bytes = sized.kv_bytes_per_token
    if _shared(known, metadata):
        # As many bytes, over so many times the tokens.
        kv_bytes = -(-kv_bytes // known.slots)
    return sized.model_copy(
        update={
            "engine": known.engine,
            "device": placing.device,
            "context_tokens": window * known.slots,
            "kv_bytes_per_token": kv_bytes,
            "kv_type": known.kv_type,
            "provenance": provenance,
        }
    )


def residency(described: Description, *, asleep: bool = False, leaving: bool = False) -> Residency:
    """It in memory, how much of that nobody says; asleep it has given everything back."""
    return Residency(
        model=described.model,
        digest=described.digest,
        memory={described.device: 0} if asleep else {},
        provenance="asleep" if asleep else "not measured",
        context_tokens=described.context_tokens,
        slots=described.slots,
        asleep=asleep,
        leaving=leaving,
    )


async def _metadata(known: Known, url: str) -> tuple[Metadata, str]:
    if known.path and _is_here(url):
        header = await asyncio.to_thread(_read, known.path)
        if header is not None and _matches(header, known.about):
            return header, "gguf header"
    if known.about is not None:
        return _bound(known, known.about), "llama-server meta, keys and values at most"
    digest = _digest(known)
    return Metadata(digest, "", 0, 0, 0, 0, 0, 0), "unknown until it was loaded once"


def _read(path: str) -> Metadata | None:
    try:
        return read_metadata(Path(path))
    except (NotAModel, OSError):
        return None


def _matches(header: Metadata, about: About | None) -> bool:
    """Whether it is the file that the server has, and not another one of that name, as in a container."""
    return about is None or abs(header.weights_bytes - about.size) <= about.size // 64 + _PADDING_BYTES


def _bound(known: Known, about: About) -> Metadata:
    """Sizes from the numbers of parameters and channels.

    A layer of a transformer with d channels has about 12·d² parameters, and its keys and values 2·d elements
    a token; so the parameters beside the vocabulary, divided by 6·d, are the elements of all layers.
    """
    embedding = max(1, about.embedding)
    inner = max(0, about.params - 2 * about.vocabulary * embedding)
    return Metadata(
        digest=_digest(known),
        architecture="",
        weights_bytes=about.size,
        kv_bytes_per_token=inner // (6 * embedding) * _F16_BYTES,
        layers=inner // (12 * embedding * embedding),
        embedding=about.embedding,
        vocabulary=about.vocabulary,
        trained_context=about.trained_context,
    )


def _shared(known: Known, metadata: Metadata) -> bool:
    """Whether the slots have one window together, which only follows: it is what happens by default."""
    return known.slots == _USUAL_SLOTS and 0 < metadata.trained_context == known.window


def _digest(known: Known) -> str:
    """Identity of weights that cannot be read: where they lie."""
    return hashlib.sha256(f"llama.cpp:{known.path or known.model}".encode()).hexdigest()


def _is_here(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
