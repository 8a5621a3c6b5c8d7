"""What can be had over either dialect, and why the rest cannot."""

from ....domain.providers.values import Capabilities
from .listing import Dialect

CAPABILITIES: dict[Dialect | None, Capabilities] = {
    "v1": Capabilities(load=True, unload=True, embeddings=True),
    "v0": Capabilities(embeddings=True),
    # It has not spoken yet.
    None: Capabilities(),
}

_LACKS = {
    "measure_memory": "its REST API knows the sizes of files, not of what is in memory",
    "tokenize": "only over the WebSocket of its SDK",
    "kv_save": "it has no such thing",
    "sleep": "it has no such thing",
    "progress": "only in answers of /api/v1/chat, which would load the model just in time",
}
_LACKS_V0 = {
    "load": "since 0.4.0 (/api/v1); before, a model is loaded when it is asked something",
    "unload": "since 0.4.0 (/api/v1); before, a model leaves when its time to live is over",
    **_LACKS,
}

LACKS: dict[Dialect, dict[str, str]] = {"v1": _LACKS, "v0": _LACKS_V0}

#: Where the figures of a description come from.
PROVENANCE: dict[Dialect, str] = {
    "v1": "lmstudio size_bytes (file size)",
    "v0": "unknown: LM Studio tells no sizes before 0.4.0",
}
