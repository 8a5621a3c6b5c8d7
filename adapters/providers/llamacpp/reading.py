"""What the server's answers say, as far as it matters here; whatever is missing is 0 or empty."""

import re
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, cast

from ....domain.errors import ProviderBusy
from ..wire.fields import record, string, whole

_BUILD = re.compile(r"\bb(\d+)\b")
#: From this build on a router makes room only by unloading what is idle, and queues loads meanwhile
#: (llama.cpp pull request 26572).
_SPARES_BUSY = 10313
#: Names by which the router's children are started, and ours for them.
_FLAGS = {
    "--model": "model",
    "-m": "model",
    "--ctx-size": "ctx-size",
    "-c": "ctx-size",
    "--parallel": "parallel",
    "-np": "parallel",
    "--cache-type-k": "cache-type-k",
    "-ctk": "cache-type-k",
    "--slot-save-path": "slot-save-path",
}


@dataclass(frozen=True, slots=True)
class Props:
    """The answer to `/props`. Windows in tokens."""

    router: bool
    build_info: str
    #: Of one slot.
    window: int
    slots: int
    asleep: bool
    path: str

    @property
    def kills_busy(self) -> bool:
        """Whether it is a router that unloads models that are answering to make room for others.

        A build that does not know its number (0) is not blamed.
        """
        match = _BUILD.search(self.build_info)
        return self.router and match is not None and 0 < int(match[1]) < _SPARES_BUSY


@dataclass(frozen=True, slots=True)
class About:
    """What the server read in the model's file: its `meta`."""

    size: int
    params: int
    vocabulary: int
    embedding: int
    trained_context: int


@dataclass(frozen=True, slots=True)
class Listed:
    """An entry of `/models`."""

    id: str
    #: `unloaded`, `loading`, `loaded`, `sleeping`, and while it is fetched `downloading` and `downloaded`;
    #: empty where it comes from a server with one model.
    status: str
    failed: bool
    exit_code: int
    about: About | None
    #: What its process is started with, as far as we look at it.
    flags: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def in_memory(self) -> bool:
        """Whether it answers, or would once it wakes."""
        return self.status in ("loaded", "sleeping")

    @property
    def running(self) -> bool:
        """Whether there is a process for it."""
        return self.in_memory or self.status == "loading"


def read_props(answer: dict[str, Any]) -> Props | None:
    """None for what no llama-server says."""
    settings = record(answer.get("default_generation_settings"))
    if "role" not in answer and not settings:
        return None
    return Props(
        router=answer.get("role") == "router",
        build_info=string(answer.get("build_info")),
        window=whole(settings.get("n_ctx")) or 0,
        slots=whole(answer.get("total_slots")) or 1,
        asleep=answer.get("is_sleeping") is True,
        path=string(answer.get("model_path")),
    )


def read_entry(entry: dict[str, Any]) -> Listed:
    """Read one of the models listed."""
    status = record(entry.get("status"))
    return Listed(
        id=string(entry.get("id")),
        status=string(status.get("value")),
        failed=status.get("failed") is True,
        exit_code=whole(status.get("exit_code")) or 0,
        about=_about(record(entry.get("meta"))),
        flags=_flags([string(arg) for arg in items(status.get("args"))]),
    )


def is_loading(busy: ProviderBusy) -> bool:
    """Whether it is busy with loading: any other kind of busy says nothing of what is in memory."""
    return "loading model" in str(busy.values.get("cause")).lower()


def items(value: object) -> list[object]:
    """A list; an empty one for anything else."""
    return list(cast("list[object]", value)) if isinstance(value, list) else []


def _about(meta: dict[str, Any]) -> About | None:
    if not meta:
        return None
    return About(
        size=whole(meta.get("size")) or 0,
        params=whole(meta.get("n_params")) or 0,
        vocabulary=whole(meta.get("n_vocab")) or 0,
        embedding=whole(meta.get("n_embd")) or 0,
        trained_context=whole(meta.get("n_ctx_train")) or 0,
    )


def _flags(args: list[str]) -> dict[str, str]:
    return {_FLAGS[name]: value for name, value in pairwise(args) if name in _FLAGS}
