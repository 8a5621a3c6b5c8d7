"""How long a provider may take."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProviderTimeouts:
    """Seconds. A stream has no limit in all, and a long prompt on a slow machine is silent at first."""

    #: Questions about how it is and what it has.
    status_s: float = 10
    #: A load, from asking to the answer that it is done.
    load_s: float = 600
    #: From asking for an unload to the proof that it happened.
    unload_s: float = 30
    #: Between two bytes of an answer, and before the first.
    idle_s: float = 300
