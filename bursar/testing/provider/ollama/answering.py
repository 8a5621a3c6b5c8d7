"""The records of an answer, of `/api/chat` and of `/api/generate`."""

import json
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from ..world import Gone, World, tokens
from .bodies import Ask, Refused
from .listing import timestamp
from .prompts import Prompt, prompt_of
from .scheduler import Runner, Scheduler
from .switches import Switches

#: Tokens of an answer that nobody limited.
_WORDS = 16
_OUT_OF_MEMORY = "CUDA error: out of memory"
_STOPPED = (
    "model runner has unexpectedly stopped, this may be due to resource limitations or an internal error, "
    "check ollama server logs for details"
)
#: Its process was there when the answer began.
_CUT_SHORT = "an error was encountered while running the model: unexpected EOF"

Record = dict[str, Any]


@dataclass(slots=True)
class Answering:
    """One answer, from a model that is in memory."""

    world: World
    switches: Switches
    scheduler: Scheduler
    ask: Ask
    runner: Runner
    #: When the request came, and when its model was there, by the clock of `time.monotonic_ns`.
    begun: int
    loaded: int = field(default_factory=time.monotonic_ns)

    @property
    def chats(self) -> bool:
        """Whether it is a message rather than a text."""
        return "messages" in self.ask.fields

    async def records(self) -> AsyncGenerator[Record, None]:
        """Each token, and the last record; an error in the middle is a record as well.

        Raises `Refused` for one that comes before the first token.
        """
        prompt = prompt_of(self.ask, self.runner, self.switches)
        async with self.runner.slots:
            given = 0
            try:
                async with aclosing(self._words(prompt)) as words:
                    async for word in words:
                        given += 1
                        yield self._record(word)
                if self.chats and self.world.calls:
                    yield self._calling()
            except _Failure as failure:
                if not given:
                    raise Refused(500, str(failure)) from None
                yield {"error": str(failure)}
                return
            if self.switches.repeats_after is None and not self.world.faults.no_end:
                yield self._last(prompt, given)

    async def _words(self, prompt: Prompt) -> AsyncGenerator[str, None]:
        switches, given = self.switches, 0
        async with aclosing(self.world.words(self.runner.instance, self._most(prompt)[0])) as words:
            try:
                async for word in words:
                    if given == switches.oom_after:
                        self.scheduler.expire_all()
                        raise _Failure(_OUT_OF_MEMORY)
                    if switches.error_after and given == switches.error_after[0]:
                        raise _Failure(switches.error_after[1])
                    if given == switches.repeats_after:
                        return
                    yield word
                    given += 1
            except Gone:
                raise _Failure(_CUT_SHORT if given else _STOPPED) from None

    def _most(self, prompt: Prompt) -> tuple[int, str]:
        """How many tokens, and why no more."""
        asked = self.ask.options.get("num_predict")
        limits = [(int(asked), "length")] if asked is not None and asked >= 0 else [(_WORDS, "stop")]
        if not (self.runner.wanted.shift and self.switches.since(0, 30)):
            limits.append((max(1, self.runner.instance.context - prompt.tokens), "length"))
        return min(limits)

    def _record(self, text: str) -> Record:
        common = {"model": self.ask.model, "created_at": timestamp()}
        if self.chats:
            return {**common, "message": {"role": "assistant", "content": text}, "done": False}
        return {**common, "response": text, "done": False}

    def _calling(self) -> Record:
        """All calls in one record; each whole, with its arguments as an object."""
        record = self._record("")
        record["message"]["tool_calls"] = [
            {
                **({"id": call.id} if self.switches.since(0, 12, 10) else {}),
                "function": {
                    **({"index": index} if self.switches.since(0, 5) else {}),
                    "name": call.name,
                    "arguments": json.loads(call.arguments),
                },
            }
            for index, call in enumerate(self.world.calls)
        ]
        return record

    def _last(self, prompt: Prompt, given: int) -> Record:
        now = time.monotonic_ns()
        record = {**self._record(""), "done": True, "done_reason": self._most(prompt)[1]}
        if not self.chats:
            record["context"] = tokens(prompt.text)
        record |= {"total_duration": now - self.begun, "load_duration": self.loaded - self.begun}
        if not self.world.faults.no_usage:
            if not (self.switches.forgets_cached and prompt.text in self.runner.prompts):
                record["prompt_eval_count"] = prompt.tokens
            record |= {"prompt_eval_duration": 1_000_000}
            record |= {"eval_count": given, "eval_duration": 1_000_000 * given}
        self.runner.prompts.add(prompt.text)
        return record


class _Failure(Exception):
    """The answer ends with an error; the text is Ollama's."""


async def whole(records: AsyncGenerator[Record, None]) -> Record:
    """The answer as one record. Raises `Refused` where it was cut off by an error."""
    texts: list[str] = []
    calls: Record = {}
    last: Record = {}
    async with aclosing(records):
        async for record in records:
            if "error" in record:
                raise Refused(500, record["error"])
            last = record
            if called := record.get("message", {}).get("tool_calls"):
                calls = {"tool_calls": called}
            texts.append(record["message"]["content"] if "message" in record else record["response"])
    if "message" in last:
        return {**last, "message": {**last["message"], "content": "".join(texts), **calls}}
    return {**last, "response": "".join(texts)}
