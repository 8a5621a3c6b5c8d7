"""What a server with a model answers to; a router hands on to the same."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import JSONResponse, PlainTextResponse
from starlette.types import ASGIApp, Receive

from ..world import tokens
from . import completions, refusing, shapes
from .engine import Engine, Slot
from .shapes import Json

_NEXT = {"has_next_token": True, "has_new_line": False}


@dataclass(frozen=True, slots=True)
class Call:
    """A request, read."""

    method: str
    path: str
    query: dict[str, str]
    body: Json
    receive: Receive
    #: Parts of the path that are not fixed.
    rest: dict[str, str] = field(default_factory=dict[str, str])


Handler = Callable[[Engine, Call], Awaitable[ASGIApp]]


async def health(engine: Engine, call: Call) -> ASGIApp:
    """Neither wakes it nor keeps it awake."""
    return JSONResponse({"status": "ok"})


async def models(engine: Engine, call: Call) -> ASGIApp:
    """Neither wakes it nor keeps it awake."""
    return JSONResponse(shapes.listing(engine.name, shapes.meta(engine.instance)))


async def props(engine: Engine, call: Call) -> ASGIApp:
    """Neither wakes it nor keeps it awake."""
    return JSONResponse(shapes.props(engine.name, engine.instance, engine.flags))


async def change_props(engine: Engine, call: Call) -> ASGIApp:
    """Nothing can be changed."""
    if not engine.flags.props:
        raise refusing.unsupported("changing global properties", "--props")
    return JSONResponse({"success": True})


async def slots(engine: Engine, call: Call) -> ASGIApp:
    """Wakes it and keeps it awake: while a monitor asks this, a model never sleeps."""
    if not engine.flags.slots:
        raise refusing.unsupported("slots endpoint", "--slots")
    await engine.awake(task=True)
    if call.query.get("fail_on_no_slot") and all(slot.busy for slot in engine.slots):
        raise refusing.no_slot()
    return JSONResponse([_slot(engine, slot) for slot in engine.slots])


async def act_on_slot(engine: Engine, call: Call) -> ASGIApp:
    """Save, restore, erase."""
    await engine.awake()
    if engine.flags.slot_save_path is None:
        raise refusing.unsupported("slots action", "--slot-save-path")
    if not call.rest["slot"].isdigit():
        raise refusing.invalid("Invalid slot ID")
    number, action = int(call.rest["slot"]), call.query.get("action")
    if action == "erase":
        return JSONResponse({"id_slot": number, "n_erased": engine.erase(number)})
    if action not in ("save", "restore"):
        raise refusing.invalid("Invalid action")
    filename = call.body.get("filename")
    if not isinstance(filename, str):
        raise refusing.invalid("[json.exception.out_of_range.403] key 'filename' not found")
    if not filename or "/" in filename or filename.startswith("."):
        raise refusing.invalid("Invalid filename")
    there: Json = {"id_slot": number, "filename": filename}
    if action == "save":
        count = engine.save(number, filename)
        return JSONResponse(
            {**there, "n_saved": count, "n_written": 40 + 536 * count, "timings": {"save_ms": 0.1}}
        )
    count = engine.restore(number, filename)
    return JSONResponse(
        {**there, "n_restored": count, "n_read": 40 + 536 * count, "timings": {"restore_ms": 0.1}}
    )


async def tokenize(engine: Engine, call: Call) -> ASGIApp:
    """The tokens of a text, with their own text if asked."""
    await engine.awake()
    text = str(call.body.get("content", ""))
    found: list[Any] = tokens(text)
    if call.body.get("with_pieces"):
        pieces = [text[at : at + 4] for at in range(0, len(text), 4)]
        found = [{"id": token, "piece": piece} for token, piece in zip(found, pieces, strict=True)]
    return JSONResponse({"tokens": found})


async def detokenize(engine: Engine, call: Call) -> ASGIApp:
    """A text of so many tokens; which ones cannot be told from these."""
    await engine.awake()
    return JSONResponse({"content": "".join(f"w{token} " for token in call.body.get("tokens", []))})


async def apply_template(engine: Engine, call: Call) -> ASGIApp:
    """The prompt that a chat becomes."""
    await engine.awake()
    return JSONResponse({"prompt": shapes.prompt_of(completions.messages_of(call.body))})


async def input_tokens(engine: Engine, call: Call) -> ASGIApp:
    """How many tokens a chat has; what older versions do not know."""
    if not engine.flags.counts_chats:
        raise refusing.no_path()
    await engine.awake()
    responses = call.path == "/v1/responses/input_tokens"
    asked = completions.input_of(call.body) if responses else completions.messages_of(call.body)
    count = len(tokens(shapes.prompt_of(asked)))
    if call.path == "/v1/messages/count_tokens":
        return JSONResponse({"input_tokens": count})
    return JSONResponse({"input_tokens": count, "object": "response.input_tokens"})


async def chat(engine: Engine, call: Call) -> ASGIApp:
    """OpenAI's chat."""
    return await completions.chat(engine, call.body, call.receive)


async def complete(engine: Engine, call: Call) -> ASGIApp:
    """llama.cpp's own."""
    return await completions.complete(engine, call.body, call.receive)


async def embed(engine: Engine, call: Call) -> ASGIApp:
    """OpenAI's embeddings."""
    return await completions.embed(engine, call.body)


async def metrics(engine: Engine, call: Call) -> ASGIApp:
    """For Prometheus; neither wakes it nor keeps it awake."""
    if not engine.flags.metrics:
        raise refusing.unsupported("metrics endpoint", "--metrics")
    busy = sum(slot.busy for slot in engine.slots)
    counters = {
        "prompt_tokens_total": engine.totals["prompt"],
        "prompt_tokens_cached_total": engine.totals["cached"],
        "tokens_predicted_total": engine.totals["predicted"],
    }
    gauges = {"requests_processing": busy, "requests_deferred": max(0, engine.instance.busy - busy)}
    kinds = ((counters, "counter"), (gauges, "gauge"))
    lines = [
        f"# TYPE llamacpp:{name} {kind}\nllamacpp:{name} {value}\n"
        for values, kind in kinds
        for name, value in values.items()
    ]
    return PlainTextResponse("".join(lines), media_type="text/plain; version=0.0.4")


def _slot(engine: Engine, slot: Slot) -> Json:
    there: Json = {"id": slot.id, "n_ctx": engine.window, "speculative": False, "is_processing": slot.busy}
    if slot.task is None:
        return there
    left = slot.limit - slot.predicted if slot.busy and slot.limit >= 0 else -1
    return {
        **there,
        "id_task": slot.task,
        "n_prompt_tokens": len(slot.tokens),
        "n_prompt_tokens_processed": slot.computed if slot.busy else 0,
        "n_prompt_tokens_cache": slot.cached if slot.busy else 0,
        "params": slot.params,
        "next_token": [{**_NEXT, "n_remain": left, "n_decoded": slot.predicted if slot.busy else 0}],
    }


#: By method and path; a name in braces stands for one part of it.
ENDPOINTS: dict[tuple[str, str], Handler] = {
    ("GET", "/health"): health,
    ("GET", "/v1/health"): health,
    ("GET", "/models"): models,
    ("GET", "/v1/models"): models,
    ("GET", "/props"): props,
    ("POST", "/props"): change_props,
    ("GET", "/slots"): slots,
    ("POST", "/slots/{slot}"): act_on_slot,
    ("GET", "/metrics"): metrics,
    ("POST", "/tokenize"): tokenize,
    ("POST", "/detokenize"): detokenize,
    ("POST", "/apply-template"): apply_template,
    ("POST", "/v1/chat/completions/input_tokens"): input_tokens,
    ("POST", "/v1/responses/input_tokens"): input_tokens,
    ("POST", "/v1/messages/count_tokens"): input_tokens,
    ("POST", "/chat/completions"): chat,
    ("POST", "/v1/chat/completions"): chat,
    ("POST", "/completion"): complete,
    ("POST", "/embeddings"): embed,
    ("POST", "/v1/embeddings"): embed,
}


def endpoint(method: str, path: str) -> tuple[Handler, dict[str, str]]:
    """Who answers that. Raises `Refused` when nobody does."""
    if (method, path) in ENDPOINTS:
        return ENDPOINTS[method, path], {}
    before, _, last = path.rpartition("/")
    if (method, f"{before}/{{slot}}") in ENDPOINTS:
        return ENDPOINTS[method, f"{before}/{{slot}}"], {"slot": last}
    raise refusing.no_path()
