"""What a provider says of itself, as plain frozen values."""

from ..events import Value


class Capabilities(Value):
    """What a provider can do; policies degrade explicitly where it cannot."""

    #: Models come into memory when asked for, and not before.
    load: bool = False
    unload: bool = False
    #: It says what a loaded model takes.
    measure_memory: bool = False
    #: It counts tokens with the model's own vocabulary.
    tokenize: bool = False
    #: Keys and values of a conversation can be written to a file and read back.
    kv_save: bool = False
    #: A model can give its memory back and be woken faster than loaded.
    sleep: bool = False
    #: Loading reports how far it has come.
    progress: bool = False
    embeddings: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Those that it has, in the order they are declared."""
        return tuple(name for name in type(self).model_fields if getattr(self, name))


class Probe(Value):
    """What a provider answered when it was asked how it is."""

    reachable: bool
    #: As the provider writes it; empty when it does not say.
    version: str = ""
    capabilities: Capabilities = Capabilities()
    #: Ability that it lacks, and why or since which version it would have it.
    lacks: dict[str, str] = {}
    #: Code and text of the error, when it did not answer as it should.
    code: str = ""
    cause: str = ""
    #: How many models it was seen to hold at once, where a load displaced others.
    max_loaded: int | None = None
    #: What its user should know of it, such as what this version is known to do wrong; not recorded.
    note: str = ""
