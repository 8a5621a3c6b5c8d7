"""What is known of a model before it is loaded."""

import re
from dataclasses import dataclass
from typing import Any, cast

from ....domain.models.values import RAM, REMOTE, Description
from ..wire.fields import record, string, whole
from .attention import Header, cache

#: Window of a model for which neither the settings nor its Modelfile have one.
_CONTEXT = 4096
_NUM_CTX = re.compile(r"^\s*num_ctx\s+(\d{1,9})\s*$", re.MULTILINE)
#: Scores of a batch of 512 tokens for each entry of the vocabulary, and some intermediate results.
_BATCH_BYTES = 512 * 4
_WIDTHS = 8


@dataclass(frozen=True, slots=True)
class Shown:
    """What `/api/show` says, as far as it concerns us."""

    header: Header
    #: Empty where this version does not say.
    abilities: frozenset[str]
    #: Window that the Modelfile asks for; 0 where it does not.
    num_ctx: int
    #: It runs on another machine, and takes nothing here.
    remote: bool

    @property
    def embeds_only(self) -> bool:
        """Whether vectors are all that it makes."""
        return "embedding" in self.abilities and "completion" not in self.abilities

    def context(self, wanted: int | None) -> int:
        """Window of one request that a load is to ask for: never longer than what it was trained for."""
        asked = wanted or self.num_ctx or _CONTEXT
        trained = self.header.number("context_length")
        return min(asked, trained) if trained else asked


@dataclass(frozen=True, slots=True)
class Placing:
    """How and where the server loads models."""

    #: Window of one request; None for what the Modelfile says.
    context_tokens: int | None
    #: OLLAMA_NUM_PARALLEL.
    slots: int
    #: OLLAMA_KV_CACHE_TYPE.
    kv_type: str
    #: Device that graphics memory is charged to; None where there is none.
    gpu: str | None


def read_shown(body: dict[str, Any]) -> Shown:
    """Read the answer of `/api/show`."""
    abilities = body.get("capabilities")
    given = cast("list[object]", abilities) if isinstance(abilities, list) else []
    found = _NUM_CTX.search(string(body.get("parameters")))
    return Shown(
        header=Header(record(body.get("model_info"))),
        abilities=frozenset(string(each) for each in given),
        num_ctx=int(found[1]) if found else 0,
        remote=bool(string(body.get("remote_host")) or string(body.get("remote_model"))),
    )


def describe(model: str, tag: dict[str, Any], shown: Shown, engine: str, placing: Placing) -> Description:
    """Foresee a load, from its entry in `/api/tags` and from `/api/show`."""
    context, slots = shown.context(placing.context_tokens), placing.slots
    here = not (shown.remote or string(tag.get("remote_host")))
    keys_and_values = cache(shown.header, context, slots, placing.kv_type)
    overhead_bytes = keys_and_values.constant + _computing_bytes(shown.header)
    return Description(
        model=model,
        digest=string(tag.get("digest")),
        engine=engine,
        device=(placing.gpu or RAM) if here else REMOTE,
        weights_bytes=(whole(tag.get("size")) or 0) * here,
        kv_bytes_per_token=keys_and_values.per_token * here,
        context_tokens=context * slots,
        overhead_bytes=overhead_bytes * here,
        slots=slots,
        provenance="ollama show" if here else "ollama show: it runs elsewhere",
        kv_type=placing.kv_type,
        most_context_tokens=shown.header.number("context_length") * slots * here,
    )


def _computing_bytes(header: Header) -> int:
    """Buffers for a batch."""
    return _BATCH_BYTES * (header.number("vocab_size") + _WIDTHS * header.number("embedding_length"))
