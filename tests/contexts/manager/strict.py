"""A model that takes only what strict servers take, and says what was wrong with what it was sent."""

import random
from collections.abc import AsyncGenerator, Sequence

import bursar
from bursar.domain.ports import ChatRequest, Chunk, Message, ToolCall

from .support import Talker

#: Tokens of a message, but for its words: one for every four characters begun.
_EACH = 4


def tokens_of(messages: Sequence[Message]) -> int:
    """What this model makes of them."""
    return sum(_EACH + sum(-(-len(word) // 4) for word in _text(message).split()) for message in messages)


def problems_of(messages: Sequence[Message]) -> list[str]:
    """What a strict server would refuse, or its template get wrong."""
    roles = [message.role for message in messages]
    rest = [role for role in roles if role != "system"]
    found = (
        [] if roles[: len(roles) - len(rest)] == ["system"] * (len(roles) - len(rest)) else ["system late"]
    )
    if rest[:1] != ["user"]:
        found.append(f"begins with {rest[:1]}")
    waiting: list[str] = []
    for place, message in enumerate(messages):
        if message.role == "tool":
            if message.tool_call_id not in waiting:
                found.append(f"{place} answers nothing")
                continue
            waiting.remove(message.tool_call_id)
        elif waiting:
            found.append(f"{place} comes before {len(waiting)} results")
        waiting += [call.id for call in message.tool_calls]
    return found + [f"no result of {len(waiting)} calls"] * bool(waiting)


class Strict(Talker):
    """Answers by chance: in words, with calls, with an error or not at all; a seed gives the same again."""

    def __init__(self, rng: random.Random, window: int) -> None:
        super().__init__(window)
        self._rng = rng
        self._calls = 0
        self.may_call = True
        #: What it was sent and should not have been.
        self.wrong: list[str] = []
        #: Tokens of all that it was sent, the most at once.
        self.most = 0

    async def chat(self, model: str, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        messages = list(request.messages)
        self.sent.append(messages)
        prompt = tokens_of(messages)
        self.most = max(self.most, prompt)
        self.wrong += problems_of(messages)
        if prompt + (request.max_tokens or 0) > self.window:
            self.wrong.append(f"{prompt} tokens and {request.max_tokens} in {self.window}")
        chance = self._rng.random()
        if chance < 0.08:
            raise bursar.ProviderUnavailable(provider="sim", cause="it is out")
        yield Chunk(text=self._words())
        if chance < 0.16:
            raise bursar.ProviderUnavailable(provider="sim", cause="it broke off")
        may_call = self.may_call and request.schema is None
        calls = self._some_calls() if may_call and chance < 0.5 else ()
        yield Chunk(
            done=True, finish_reason="stop", prompt_tokens=prompt, completion_tokens=9, tool_calls=calls
        )

    def _words(self) -> str:
        number = len(self.sent)
        return f"Order {number} goes to town {self._rng.randrange(9)} on 2024-03-{number % 28 + 1:02}. " * (
            self._rng.randrange(1, 4)
        )

    def _some_calls(self) -> tuple[ToolCall, ...]:
        calls: list[ToolCall] = []
        # Some models begin anew with each answer.
        anew = self._rng.random() < 0.5
        for number in range(self._rng.randrange(1, 4)):
            self._calls += 1
            name = f"call-{number}" if anew else f"call-1{self._calls:04}"
            calls.append(ToolCall(name, "find", f'{{"order": {self._calls}}}'))
        return tuple(calls)


def _text(message: Message) -> str:
    return " ".join((message.content, *(f"{call.name} {call.arguments}" for call in message.tool_calls)))
