"""The settings of the providers: where they are, what opens them, and how long they may take."""

from typing import Annotated, Literal

from pydantic import PlainValidator

from .kinds import Device, File, Folder, PositiveSeconds, ProviderName, Seconds, Secret, Section, Switch, Url
from .quantities import Size, Whole, or_none

_WINDOW = Whole(1, 2**24)
Tokens = Annotated[int | None, PlainValidator(or_none(_WINDOW))]
Slots = Annotated[int, PlainValidator(Whole(1, 1024))]


class Llama(Section):
    """The embedded llama.cpp; it is there when `folder` is."""

    #: Where the GGUF files are, in folders of any depth; relative to the working directory.
    folder: Folder = None
    #: Window of each slot, unless the model was trained for less.
    context_tokens: Annotated[int, PlainValidator(_WINDOW)] = 2048
    #: Requests a model serves at once; llama.cpp has no more than 256.
    slots: Annotated[int, PlainValidator(Whole(1, 256))] = 2
    #: Processors that each model computes with; 0 for half of what there are.
    threads: Annotated[int, PlainValidator(Whole(0, 1024))] = 0
    #: How long a model waits to be adopted when its manager was killed.
    orphan_grace: Seconds = 30.0


class Timeouts(Section):
    """How long a provider may take."""

    #: To say how it is and what it has.
    status: PositiveSeconds = 10.0
    #: To load a model.
    load: PositiveSeconds = 600.0
    #: From asking for an unload to the proof that it happened.
    unload: PositiveSeconds = 30.0
    #: Between two bytes of an answer, and before the first; an answer has no limit in all.
    idle: PositiveSeconds = 300.0


class Server(Section):
    """A provider that is asked over HTTP."""

    #: False leaves it alone: it is not used, and not looked for.
    enabled: Switch = True
    #: Where it answers; without it, it is there if it is found at its default port.
    url: Url = None
    #: Sent to `url` and nowhere else, and never shown.
    key: Secret = None
    #: A file that holds the key, read at every start; instead of `key`.
    key_file: File = None
    #: What its models' memory counts against: `gpu0`, `ram`, `remote` for none of this machine's; `auto`
    #: tells that from the URL, and is the first graphics device here if there is one.
    gpu: Device = "auto"
    timeouts: Timeouts = Timeouts()


class Ollama(Server):
    """Ollama."""

    #: Window that every model is loaded with; None for what its Modelfile says, or 4,096.
    context_tokens: Tokens = None
    #: Requests a model serves at once: the server's OLLAMA_NUM_PARALLEL, which it does not tell.
    slots: Slots = 1
    #: How keys and values are kept: the server's OLLAMA_KV_CACHE_TYPE, which it does not tell.
    kv_type: Literal["f16", "q8_0", "q4_0"] = "f16"


class LmStudio(Server):
    """LM Studio."""

    #: Window that every model is loaded with; None for 4,096, or less where the model was trained for less.
    context_tokens: Tokens = None
    #: Before 0.4.0 it loads what it is asked; so long after the last request it unloads it again.
    ttl: PositiveSeconds = 3600.0


class LlamaCpp(Server):
    """llama.cpp's own server, with one model or as a router; its window is what it was started with."""


class Vllm(Server):
    """vLLM."""

    #: Window of one request, where the server does not say.
    context_tokens: Tokens = None
    #: Requests that are sent at once.
    slots: Slots = 16
    #: What it reserved when it started: `--gpu-memory-utilization` times the card's memory. It does not tell.
    reserved: Annotated[int | None, PlainValidator(or_none(Size()))] = None
    #: 1 keeps the weights of a sleeping model in main memory, 2 has them read again.
    sleep_level: Annotated[Literal[1, 2], PlainValidator(Whole(1, 2))] = 1


class OpenAI(Server):
    """Any server that speaks OpenAI's protocol."""

    #: Where it answers, with or without `/v1`.
    url: Url = None
    #: Window of one request, where the server does not say.
    context_tokens: Tokens = None
    #: Requests that are sent to a model at once.
    slots: Slots = 8


class Providers(Section):
    """What runs the models."""

    #: Look for providers that have no `url` at their default ports on this machine, when bursar starts.
    discover: Switch = True
    llama: Llama = Llama()
    ollama: Ollama = Ollama()
    lmstudio: LmStudio = LmStudio()
    llamacpp: LlamaCpp = LlamaCpp()
    vllm: Vllm = Vllm()
    #: Other servers that speak OpenAI's protocol, by name: models are `openai:<name>:<model>`.
    openai: dict[ProviderName, OpenAI] = {}

    @property
    def servers(self) -> dict[str, Server]:
        """Those that are asked over HTTP, by the prefix of their models' ids."""
        known = {name: getattr(self, name) for name in ("ollama", "lmstudio", "llamacpp", "vllm")}
        return {**known, **{f"openai:{name}": server for name, server in self.openai.items()}}
