"""What llama-server is started with."""

from dataclasses import dataclass

#: From this build on a router queues loads, and makes room only by unloading what is idle (pull 26572).
QUEUES_LOADS = 10313


@dataclass(slots=True)
class Flags:
    """Options of a server with one model, named as on its command line. Tokens and seconds."""

    #: Of all slots together.
    ctx_size: int = 16384
    parallel: int = 2
    #: The model's id; by default the path of its file.
    alias: str | None = None
    api_key: str | None = None
    embeddings: bool = False
    #: `none` makes vectors of tokens, which OpenAI's dialect cannot say.
    pooling: str = "mean"
    slots: bool = True
    #: Without it slots cannot be saved.
    slot_save_path: str | None = None
    metrics: bool = False
    props: bool = False
    #: Answers go on beyond the window, and forget how they began.
    context_shift: bool = False
    #: An old version with `context_shift`: a prompt that is too long is cut, and what is left is answered.
    cuts_prompts: bool = False
    #: Idle for so long, weights and window are given back; the next task takes them again.
    sleep_idle_seconds: float | None = None
    sse_ping_interval: float = 30
    #: Which version it is.
    build: int = 10900
    #: Whether the version counts the tokens of a chat (`…/input_tokens`).
    counts_chats: bool = True

    @property
    def build_info(self) -> str:
        """The version as it says it."""
        return f"b{self.build}-df03399b8"


@dataclass(slots=True)
class RouterFlags(Flags):
    """Options of a router; the others are those that it starts every model with."""

    #: How many may be loaded at a time; 0 for any number.
    models_max: int = 4
    models_autoload: bool = True
    #: Whether it tells of what happens as events; older ones must be asked.
    sse: bool = True
