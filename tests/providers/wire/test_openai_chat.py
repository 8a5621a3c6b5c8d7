"""Answers in OpenAI's dialect are read as servers really write them."""

import asyncio
import json
from collections.abc import Sequence
from typing import Literal

import pytest

from bursar.adapters.providers.wire.openai import chat_body, chat_chunks
from bursar.domain.errors import (
    BursarError,
    ContextTooLarge,
    ProviderBusy,
    ProviderUnavailable,
    Unsupported,
)
from bursar.domain.ports import ChatRequest, Chunk, Message

from .answering import Answering, answering

HELLO = ChatRequest([Message("system", "Be kind"), Message("user", "Hello")])


def event(delta: object, finish: str | None = None, **besides: object) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return json.dumps({"object": "chat.completion.chunk", "choices": [choice], **besides})


def usage(prompt: object, completion: object, **besides: object) -> dict[str, object]:
    return {"prompt_tokens": prompt, "completion_tokens": completion, **besides}


START = event({"role": "assistant", "content": ""})
HI = event({"content": "Hi"})
STOP = event({}, "stop")
COUNTS = json.dumps({"choices": [], "usage": usage(3, 1)})
DONE = "[DONE]"
TIMINGS = {"cache_n": 2, "prompt_n": 5, "predicted_n": 1, "prompt_ms": 1.5}

TEXT = Chunk(text="Hi")
LAST = Chunk(done=True, finish_reason="stop", prompt_tokens=3, completion_tokens=1)
UNCOUNTED = Chunk(done=True, finish_reason="stop")


def stream(*datas: str, before: str = "data: ", after: str = "\n\n") -> bytes:
    return "".join(f"{before}{data}{after}" for data in datas).encode()


WELL: dict[str, tuple[bytes, Chunk]] = {
    "as OpenAI's": (stream(START, HI, STOP, COUNTS, DONE), LAST),
    "pings between events": (
        b": ping\n\n" + stream(START, HI, after="\n\n: ping\n\n") + stream(STOP, COUNTS, DONE),
        LAST,
    ),
    "CRLF": (stream(START, HI, STOP, COUNTS, DONE, after="\r\n\r\n"), LAST),
    "no space after the colon": (stream(HI, STOP, COUNTS, DONE, before="data:"), LAST),
    "no [DONE]": (stream(START, HI, STOP, COUNTS), LAST),
    "neither [DONE] nor the last empty line": (stream(HI, STOP, COUNTS).rstrip(), LAST),
    "[DONE] and no finish reason": (
        stream(HI, COUNTS, DONE),
        Chunk(done=True, prompt_tokens=3, completion_tokens=1),
    ),
    "usage on the finish chunk": (stream(HI, event({}, "stop", usage=usage(3, 1)), DONE), LAST),
    "usage and finish reason beside the last word": (
        stream(event({"content": "Hi"}, "stop", usage=usage(3, 1)), DONE),
        LAST,
    ),
    "usage in every chunk": (
        stream(event({"content": "Hi"}, usage=usage(3, 0)), event({}, "stop", usage=usage(3, 1)), DONE),
        LAST,
    ),
    "usage that is null until the end": (
        stream(event({"content": "Hi"}, usage=None), STOP, COUNTS, DONE),
        LAST,
    ),
    "no usage": (stream(HI, STOP, DONE), UNCOUNTED),
    "usage of noughts": (
        stream(HI, STOP, json.dumps({"choices": [], "usage": usage(0, 0)}), DONE),
        UNCOUNTED,
    ),
    "usage that is nonsense": (
        stream(HI, STOP, json.dumps({"choices": [], "usage": usage("3", None)}), DONE),
        UNCOUNTED,
    ),
    "counts with a point": (
        stream(HI, STOP, json.dumps({"choices": [], "usage": usage(3.0, 1.0)}), DONE),
        LAST,
    ),
    "cached tokens": (
        stream(
            HI,
            STOP,
            json.dumps({"choices": [], "usage": usage(3, 1, prompt_tokens_details={"cached_tokens": 2})}),
            DONE,
        ),
        Chunk(done=True, finish_reason="stop", prompt_tokens=3, completion_tokens=1, cached_tokens=2),
    ),
    "llama.cpp's timings beside usage": (
        stream(HI, STOP, json.dumps({"choices": [], "usage": usage(7, 1), "timings": TIMINGS}), DONE),
        Chunk(done=True, finish_reason="stop", prompt_tokens=7, completion_tokens=1, cached_tokens=2),
    ),
    "llama.cpp's timings alone": (
        stream(HI, event({}, "stop", timings=TIMINGS), DONE),
        Chunk(done=True, finish_reason="stop", prompt_tokens=7, completion_tokens=1, cached_tokens=2),
    ),
    "reasoning_content": (stream(event({"reasoning_content": "Hm"}), HI, STOP, COUNTS, DONE), LAST),
    "reasoning": (stream(event({"reasoning": "Hm", "content": None}), HI, STOP, COUNTS, DONE), LAST),
    "tool calls": (stream(event({"tool_calls": [{"index": 0}]}), HI, STOP, COUNTS, DONE), LAST),
    "an answer that was filtered": (
        stream(HI, event({}, "content_filter"), COUNTS, DONE),
        Chunk(done=True, finish_reason="content_filter", prompt_tokens=3, completion_tokens=1),
    ),
    "lines of JSON": (stream(HI, STOP, COUNTS, before="", after="\n"), LAST),
    "events with no empty lines between": (stream(HI, STOP, COUNTS, DONE, after="\n"), LAST),
    "an event over several lines": (
        b'data: {"choices":\ndata: [{"delta":{"content":"Hi"}}]}\n\n' + stream(STOP, COUNTS, DONE),
        LAST,
    ),
    "the whole answer at once": (
        json.dumps(
            {"choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}], "usage": usage(3, 1)}
        ).encode(),
        LAST,
    ),
}


@pytest.mark.parametrize("case", WELL)
def test_a_whole_answer_is_its_text_and_its_end(case: str) -> None:
    body, last = WELL[case]
    assert ask([body]) == [TEXT, last]


@pytest.mark.parametrize("case", WELL)
def test_it_does_not_matter_how_an_answer_is_cut_into_pieces(case: str) -> None:
    body, last = WELL[case]
    assert ask([body[n : n + 1] for n in range(len(body))]) == [TEXT, last]


ILL: dict[str, tuple[bytes, type[BursarError], str]] = {
    "nothing": (b"", ProviderUnavailable, "ended before it was complete"),
    "an end before the end": (stream(START, HI), ProviderUnavailable, "ended before it was complete"),
    "nonsense": (stream(HI, "nonsense"), ProviderUnavailable, "answered with nonsense"),
    "an array": (stream(HI, "[1]"), ProviderUnavailable, r"answered with \[1\]"),
    "a number": (stream("42"), ProviderUnavailable, "answered with 42"),
    "brackets without end": (stream("[" * 100_000), ProviderUnavailable, r"answered with \[\[\["),
    "an error object": (
        stream(HI, '{"error":{"message":"The server had an error","type":"server_error"}}'),
        ProviderUnavailable,
        "The server had an error",
    ),
    "an error text": (stream(HI, '{"error":"no"}'), ProviderUnavailable, "no"),
    "an event called error": (
        b'event: error\ndata: {"message":"Model unloaded."}\n\n',
        BursarError,
        "Model unloaded",
    ),
    "an error in place of a stream": (
        b'{"error":"Unexpected endpoint or method. (POST /v1/chat/completions)"}',
        Unsupported,
        "Unexpected endpoint",
    ),
    "an error with its status": (
        stream('{"error":{"code":503,"message":"Loading model"}}'),
        ProviderBusy,
        "Loading model",
    ),
    "a prompt that is too long": (
        stream('{"error":{"type":"exceed_context_size_error","n_prompt_tokens":9,"n_ctx":4}}'),
        ContextTooLarge,
        r"the prompt \(tokens: 9\) does not fit the window of m \(4\)",
    ),
    "HTML": (b"<html>sorry</html>", ProviderUnavailable, "ended before it was complete"),
}


@pytest.mark.parametrize("case", ILL)
def test_what_is_no_whole_answer_is_one_error(case: str) -> None:
    body, kind, text = ILL[case]
    with pytest.raises(kind, match=text):
        ask([body])


def test_an_answer_is_complete_with_its_finish_reason_though_the_connection_breaks() -> None:
    assert ask([stream(HI, STOP)], end="cut") == [TEXT, UNCOUNTED]


def test_an_answer_is_complete_with_done_though_the_connection_stays_open() -> None:
    assert ask([stream(HI, STOP, COUNTS, DONE)], end="open") == [TEXT, LAST]


@pytest.mark.parametrize("end", ["well", "late"])
def test_one_connection_serves_many_answers(end: Literal["well", "late"]) -> None:
    async def talk() -> None:
        app = Answering([stream(HI, STOP, COUNTS, DONE)], end=end)
        async with answering(app) as http:
            for _ in range(3):
                _ = [chunk async for chunk in chat_chunks(http, "lab", "m", {}, idle_s=20)]
        assert (len(app.asked), len(app.connections)) == (3, 1)

    asyncio.run(talk())


def test_a_connection_that_breaks_before_the_end_is_an_error() -> None:
    with pytest.raises(ProviderUnavailable):
        ask([stream(HI)], end="cut")


def test_a_refusal_is_told_as_what_it_is() -> None:
    with pytest.raises(ProviderBusy, match="status 429: slow down"):
        ask([b'{"error":{"message":"slow down"}}'], status=429)


def test_a_body_asks_for_a_stream_with_usage_and_for_what_the_request_asks_for() -> None:
    assert chat_body("m", HELLO) == {
        "model": "m",
        "messages": [{"role": "system", "content": "Be kind"}, {"role": "user", "content": "Hello"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    full = ChatRequest(HELLO.messages, max_tokens=5, temperature=0.0, seed=0, stop=["a", "b"])
    body = chat_body("m", full, ttl=60)
    assert body == {
        **chat_body("m", HELLO),
        "max_tokens": 5,
        "temperature": 0.0,
        "seed": 0,
        "stop": ["a", "b"],
        "ttl": 60,
    }


def ask(
    pieces: Sequence[bytes], *, status: int = 200, end: Literal["well", "cut", "open"] = "well"
) -> list[Chunk]:
    """What comes of a chat with a server that answers with these pieces."""

    async def talk() -> list[Chunk]:
        app = Answering(pieces, status, end=end)
        async with answering(app) as http:
            body = chat_body("m", HELLO)
            # Longer than the test may take: whoever waits for more than the answer has failed.
            chunks = [chunk async for chunk in chat_chunks(http, "lab", "m", body, idle_s=60)]
            assert app.asked == [body]
            return chunks

    return asyncio.run(talk())
