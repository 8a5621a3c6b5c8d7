"""What a file's header says about the memory its model will take."""

import hashlib
import os
import stat
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from .catalogue import parts_of
from .header import Header, NotAModel, read_header

_LAYERS_MAX = 10_000
_F16_BYTES = 2
_SAMPLE_BYTES = 1 << 16
_SAMPLES = 16


@dataclass(frozen=True, slots=True)
class Metadata:
    """A model as its file describes it. Sizes in bytes."""

    digest: str
    architecture: str
    weights_bytes: int
    kv_bytes_per_token: int
    layers: int
    embedding: int
    vocabulary: int
    #: Window the model was trained for; the engine allows no longer one.
    trained_context: int


def read_metadata(path: Path) -> Metadata:
    """Read the header of `path`, unless that was done before. Raises `NotAModel` or `OSError`."""
    parts = parts_of(path)
    return _read(parts, tuple(_identity(part, place, len(parts)) for place, part in enumerate(parts, 1)))


def _identity(part: Path, place: int, parts: int) -> tuple[int, ...]:
    try:
        status = part.stat()
    except FileNotFoundError:
        raise NotAModel(f"part {place} of {parts} is missing: {part.name}") from None
    if stat.S_ISDIR(status.st_mode):
        raise NotAModel("it is a folder, not a model file")
    if not stat.S_ISREG(status.st_mode):
        raise NotAModel("it is not a regular file")
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


@lru_cache(maxsize=256)
def _read(parts: tuple[Path, ...], identities: tuple[tuple[int, ...], ...]) -> Metadata:
    headers = [read_header(part) for part in parts]
    weights = sum(map(_weights_bytes, parts, headers))
    if weights == 0:
        raise NotAModel("it has no weights, only a header")
    fields = _Fields(headers[0])
    layers = fields.number("block_count", most=_LAYERS_MAX)
    return Metadata(
        digest=_digest(parts),
        architecture=fields.architecture,
        weights_bytes=weights,
        kv_bytes_per_token=_kv_bytes_per_token(fields, layers),
        layers=layers,
        embedding=fields.number("embedding_length"),
        vocabulary=headers[0].array_lengths.get("tokenizer.ggml.tokens", 0),
        trained_context=fields.number("context_length"),
    )


class _Fields:
    """The fields of the model's own architecture, such as `llama.block_count`."""

    def __init__(self, header: Header) -> None:
        self._fields = header.fields
        architecture = header.fields.get("general.architecture")
        if not isinstance(architecture, str):
            raise NotAModel("its header lacks general.architecture")
        self.architecture = architecture

    def number(self, key: str, default: int | None = None, most: int = 1 << 40) -> int:
        value = self._fields.get(f"{self.architecture}.{key}", default)
        if not isinstance(value, int) or not 0 <= value <= most:
            raise NotAModel(f"its header has no usable {self.architecture}.{key}")
        return value

    def per_layer(self, key: str, default: int, layers: int) -> list[int]:
        """One number for each layer, whether the file gives one for all or a list."""
        value = self._fields.get(f"{self.architecture}.{key}", default)
        numbers = value if isinstance(value, tuple) else (value,) * layers
        if len(numbers) < layers:
            raise NotAModel(f"its header has {len(numbers)} values of {key} for {layers} layers")
        return [number if isinstance(number, int) and number >= 0 else 0 for number in numbers[:layers]]


def _kv_bytes_per_token(fields: _Fields, layers: int) -> int:
    """Keys and values of one token as f16. An upper bound: a sliding window or shared keys take less."""
    heads = max([1, *fields.per_layer("attention.head_count", 1, layers)])
    width = fields.number("embedding_length") // heads
    channels = fields.number("attention.key_length", width) + fields.number("attention.value_length", width)
    kv_heads = fields.per_layer("attention.head_count_kv", heads, layers)
    return sum(kv_heads) * channels * _F16_BYTES


def _weights_bytes(part: Path, header: Header) -> int:
    """The file from its first tensor to its end, whatever types of tensor there may be."""
    size = part.stat().st_size
    if any(header.data_start + offset >= size for offset in header.tensor_offsets):
        raise NotAModel("it is truncated: weights that its header announces are missing")
    return max(0, size - header.data_start) if header.tensor_offsets else 0


def _digest(parts: tuple[Path, ...]) -> str:
    """Identity of the weights from samples spread over them, so that 40 GB need not be read.

    The time of change is left out: a copy is the same model.
    """
    digest = hashlib.sha256()
    for part in parts:
        with part.open("rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            digest.update(size.to_bytes(8, "little"))
            for sample in range(_SAMPLES):
                file.seek(max(0, size - _SAMPLE_BYTES) * sample // (_SAMPLES - 1))
                digest.update(file.read(_SAMPLE_BYTES))
    return digest.hexdigest()
