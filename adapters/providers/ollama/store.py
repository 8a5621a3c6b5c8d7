"""Where Ollama keeps the files of its models; only read, and only where it runs on this machine.

A manifest names a model's layers by their digests, and each is a file among the blobs:
`manifests/registry.ollama.ai/library/qwen3/8b` and `blobs/sha256-…`.
"""

import json
import os
import re
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from ..wire.fields import record, records, string
from .names import full_name

_REGISTRY, _OWNER = "registry.ollama.ai", "library"
#: What a part of a name may be: no way out of the folder.
_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._:-]{0,127}")
_WEIGHTS = "application/vnd.ollama.image.model"
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_MANIFEST_BYTES_MAX = 1 << 20


def is_here(url: str) -> bool:
    """Whether what answers there runs on this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def store_folder() -> Path:
    """Where the server keeps its models, as far as its client's environment says."""
    given = os.environ.get("OLLAMA_MODELS")
    return Path(given) if given else Path.home() / ".ollama" / "models"


def weights_file(store: Path, model: str) -> str | None:
    """Path of the GGUF file; None for a model that is not there, or not in one file."""
    manifest = _manifest(store, model)
    if manifest is None:
        return None
    try:
        with manifest.open("rb") as file:
            layers = records(record(json.loads(file.read(_MANIFEST_BYTES_MAX))).get("layers"))
    except (OSError, ValueError, RecursionError):
        return None
    digests = [string(layer.get("digest")) for layer in layers if layer.get("mediaType") == _WEIGHTS]
    found = _DIGEST.fullmatch(digests[0]) if len(digests) == 1 else None
    blob = store / "blobs" / f"sha256-{found[1]}" if found else None
    return str(blob) if blob is not None and blob.is_file() else None


def _manifest(store: Path, model: str) -> Path | None:
    name, _, tag = full_name(model).rpartition(":")
    parts = name.split("/")
    if len(parts) > 3 or not all(_PART.fullmatch(part) for part in (*parts, tag)):
        return None
    usual = [_REGISTRY, _OWNER][: max(0, 3 - len(parts))]
    return store.joinpath("manifests", *usual, *parts, tag)
