"""What can be set in the app, and what differs between its versions."""

from dataclasses import dataclass
from typing import Literal


@dataclass(slots=True)
class Switches:
    """As a fresh LM Studio 0.4 is set, but for the token. Sizes in bytes."""

    #: `/api/v1` came with 0.4.0.
    v1: bool = True
    #: How an endpoint that does not exist answers: 404 by its documents, 200 in what people run.
    unknown_endpoint: Literal[200, 404] = 404
    #: Requests must bring this token.
    token: str | None = None
    #: Models are loaded when somebody asks them something.
    jit: bool = True
    #: "Only keep last JIT loaded model".
    keep_last_jit: bool = True
    #: Seconds without a request after which a model that was loaded just in time leaves.
    jit_ttl: float = 3600
    #: Errors of `/api/v1` are objects or mere texts.
    errors: Literal["object", "text"] = "object"
    #: Loading guardrails: more than this in all is refused. None for off.
    guardrail: int | None = None
    #: What the machine has: more than this in all, and the engine aborts without saying why.
    memory: int | None = None
    #: Prompts longer than the window are refused, crash the engine, or lose their middle without a word.
    overflow: Literal["refuse", "crash", "cut"] = "refuse"
    #: Window of a load that asks for none, in tokens.
    context: int = 4096
    #: "Max concurrent predictions" of an instance; others wait.
    parallel: int = 4
