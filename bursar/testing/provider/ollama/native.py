"""Ollama's own requests about models: chat, generate, embed, pull."""

import json
import time
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from ..world import Installed, World, tokens, vector
from .answering import Answering, Record
from .bodies import Ask, Refused, find
from .listing import timestamp
from .scheduler import Runner, Scheduler, Wanted
from .switches import Switches

Verb = Literal["generate", "chat"]


@dataclass(frozen=True, slots=True)
class Native:
    """What is asked of one server."""

    world: World
    switches: Switches
    scheduler: Scheduler = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "scheduler", Scheduler(self.world, self.switches))

    async def answer(self, ask: Ask, verb: Verb) -> AsyncGenerator[Record, None]:
        """Load, unload, or the answer's records. Raises `Refused` before the first."""
        begun = time.monotonic_ns()
        model = self.known(ask, verb)
        empty = not ask.fields.get("messages" if verb == "chat" else "prompt")
        if empty and ask.keep_alive_s == 0:
            self.scheduler.expire(model)
            yield _empty(ask, verb, "unload")
            return
        if model.kind == "embedding":
            raise Refused(400, f'"{ask.model}" does not support {verb}')
        async with self.using(model, ask) as runner:
            if empty:
                yield _empty(ask, verb, "load")
                return
            answering = Answering(self.world, self.switches, self.scheduler, ask, runner, begun)
            async with aclosing(answering.records()) as records:
                async for record in records:
                    yield record

    async def embed(self, ask: Ask) -> dict[str, Any]:
        """`/api/embed`. Raises `Refused`."""
        begun = time.monotonic_ns()
        texts = _texts(ask.fields.get("input"))
        model = self.known(ask, "embed")
        async with self.using(model, ask, shift=None) as runner:
            loaded = time.monotonic_ns()
            if not texts:
                return {"model": ask.model, "embeddings": []}
            counts = [self._embedded_tokens(ask, text, runner) for text in texts]
            return {
                "model": ask.model,
                "embeddings": [vector(text) for text in texts],
                "total_duration": time.monotonic_ns() - begun,
                "load_duration": loaded - begun,
                "prompt_eval_count": sum(counts),
            }

    async def embedding(self, ask: Ask) -> dict[str, Any]:
        """`/api/embeddings`, the older one. Raises `Refused`."""
        model = self.known(ask, "embed")
        async with self.using(model, ask, shift=None):
            prompt = str(ask.fields.get("prompt") or "")
            return {"embedding": vector(prompt) if prompt else []}

    async def pull(self, ask: Ask) -> AsyncGenerator[Record, None]:
        """`/api/pull` of what is there already, or what the registry says of anything else."""
        if not ask.model:
            raise Refused(400, "invalid model name")
        yield {"status": "pulling manifest"}
        model = find(self.world, ask.model)
        if model is None:
            yield {"error": "pull model manifest: file does not exist"}
            return
        layer = {"digest": f"sha256:{model.digest}", "total": model.size, "completed": model.size}
        yield {"status": f"pulling {model.digest[:12]}", **layer}
        for status in ("verifying sha256 digest", "writing manifest", "success"):
            yield {"status": status}

    def known(self, ask: Ask, verb: str) -> Installed:
        """The model it is about. Raises `Refused` in the words of that request."""
        model = find(self.world, ask.model)
        if model is not None:
            return model
        if verb == "chat" and not ask.model:
            raise Refused(400, "model is required")
        if verb == "embed":
            raise Refused(404, f'model "{ask.model}" not found, try pulling it first')
        raise Refused(404, f"model '{ask.model}' not found")

    def using(
        self, model: Installed, ask: Ask, *, shift: bool | None = True
    ) -> AbstractAsyncContextManager[Runner]:
        """Have it in memory as the request wants it; `shift` None where the request cannot say."""
        options = ask.options
        shifts = ask.flag("shift", None) if shift else None
        wanted = Wanted(
            num_ctx=options.get("num_ctx"),
            num_batch=options.get("num_batch"),
            num_gpu=options.get("num_gpu"),
            main_gpu=options.get("main_gpu"),
            draft_num_predict=options.get("draft_num_predict"),
            num_thread=options.get("num_thread"),
            use_mmap=options.get("use_mmap"),
            shift=model.name not in self.switches.no_shift if shifts is None else shifts,
        )
        return self.scheduler.using(model, wanted, ask.keep_alive_s)

    def _embedded_tokens(self, ask: Ask, text: str, runner: Runner) -> int:
        count, window = len(tokens(text)), runner.instance.context
        if count > window and ask.flag("truncate", True) is False:
            raise Refused(400, "input exceeds maximum context length")
        return min(count, window)


def line(record: Record) -> bytes:
    """One record of a stream."""
    return json.dumps(record, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def _empty(ask: Ask, verb: Verb, reason: str) -> Record:
    common = {"model": ask.model, "created_at": timestamp()}
    said: Record = {"message": {"role": "assistant", "content": ""}} if verb == "chat" else {"response": ""}
    return {**common, **said, "done": True, "done_reason": reason}


def _texts(given: object) -> list[str]:
    if isinstance(given, str):
        return [given] if given else []
    if given is None:
        return []
    texts = cast("list[object]", given) if isinstance(given, list) else [None]
    if not all(isinstance(text, str) for text in texts):
        raise Refused(400, "invalid input type")
    return [str(text) for text in texts]
