"""In what servers with OpenAI's API differ from each other."""

from dataclasses import dataclass
from typing import Literal


@dataclass(slots=True)
class Quirks:
    """As OpenAI's own, unless switched."""

    #: Requests must bring this key.
    key: str | None = None
    #: `/v1/models` is served.
    lists: bool = True
    #: Field of a listed model that holds its window, in tokens.
    window: Literal["", "max_model_len", "context_length", "context_window", "meta"] = ""
    #: Comments between the events of a stream.
    pings: bool = False
    #: Its lines end as HTTP's do.
    crlf: bool = False
    #: A stream ends with `[DONE]`; `world.faults.no_end` has the same effect.
    done: bool = True
    #: What frames the objects of a stream: events, or nothing but the ends of lines.
    framing: Literal["events", "lines"] = "events"
    #: Where a stream has its token counts, once asked for; `world.faults.no_usage` takes them out everywhere.
    usage: Literal["last", "finish", "every", "noughts"] = "last"
    #: After so many words of a stream comes an error, under the status 200 that has long been sent.
    error_after: int | None = None
    #: Words of reasoning before those of the answer.
    reasoning: int = 0
    #: The field they are in.
    reasoning_field: Literal["reasoning_content", "reasoning"] = "reasoning_content"
    #: Tool calls have numbers and come in pieces; or each is whole and has none.
    numbers_calls: bool = True
    #: What is behind it cuts prompts to so many tokens, and says nothing.
    cuts_to: int | None = None
    #: Requests at a time; more are refused.
    limit: int | None = None
    #: How a refusal says when to come again.
    retry_after: Literal["seconds", "date", "unsaid"] = "seconds"
    #: In so many seconds.
    retry_after_s: int = 2
    #: It is llama-swap, or LocalAI: models are loaded when asked for.
    like: Literal["", "llama-swap", "localai"] = ""
