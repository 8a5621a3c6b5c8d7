"""Versions of Ollama, and what can be wrong with it and not with others."""

import asyncio
from dataclasses import dataclass, field

from ..world import GIB


@dataclass(slots=True)
class Switches:
    """All off, in a recent version. What every provider can do wrong is in `Faults`."""

    #: What it says it is, and does as.
    version: str = "0.32.15"
    #: OLLAMA_KEEP_ALIVE, in seconds; null for ever.
    keep_alive_s: float | None = 300
    #: OLLAMA_NUM_PARALLEL.
    parallel: int = 1
    #: OLLAMA_MAX_LOADED_MODELS; 0 for any number. Without a graphics card 0.12 lets all others go, as with 1.
    max_loaded: int = 0
    #: OLLAMA_MAX_QUEUE.
    max_queue: int = 512
    #: OLLAMA_CONTEXT_LENGTH, in tokens.
    context: int = 4096
    #: Bytes on the graphics card that a model may take; what does not fit goes to main memory.
    vram: int = 0
    #: Models whose context cannot be shifted, as those of the deepseek2 family.
    no_shift: set[str] = field(default_factory=set[str])
    #: Stubs of models in the cloud, and the host that has them.
    remote: dict[str, str] = field(default_factory=dict[str, str])
    #: Fields of `/api/show` besides the usual ones, by model.
    model_info: dict[str, dict[str, object]] = field(default_factory=dict[str, dict[str, object]])
    #: Text of a Modelfile's PARAMETER lines, by model.
    parameters: dict[str, str] = field(default_factory=dict[str, str])
    #: Clear it, and `/api/ps` waits: a runner is being killed, and the locks are held.
    may_list: asyncio.Event = field(default_factory=asyncio.Event)
    #: Seconds that each `/api/ps` takes.
    ps_stall_s: float = 0
    #: New loads hang for ever; everything else stays green.
    deadlocked: bool = False
    #: The same prompt again: its count is left out, as before 0.4.
    forgets_cached: bool = False
    #: Memory runs out after so many tokens of an answer, and every model is let go.
    oom_after: int | None = None
    #: Ollama gives up on an answer after so many tokens, because they repeat: no last record.
    repeats_after: int | None = None
    #: An error line after so many tokens.
    error_after: tuple[int, str] | None = None
    #: The sizes in llama-server's log could not be read: the file's size is told instead.
    sizes_of_files: bool = False
    #: Bytes that are free for a load whose window was not asked for; smaller windows are tried.
    free: int = 1024 * GIB
    #: The tokenizer adds a token for the beginning.
    adds_bos: bool = True

    def __post_init__(self) -> None:
        self.may_list.set()

    def since(self, *version: int) -> bool:
        """Whether it is at least that version."""
        own = tuple(int(part) for part in self.version.split("-")[0].split("."))
        return own >= version
