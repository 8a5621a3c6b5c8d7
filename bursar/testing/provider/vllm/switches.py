"""How a server was started, and what differs between versions."""

from dataclasses import dataclass


@dataclass(slots=True)
class Switches:
    """As started with `VLLM_SERVER_DEV_MODE=1` and `--enable-sleep-mode`."""

    #: As `/version` says it.
    version: str = "0.17.0"
    #: Requests to `/v1` must bring this key; the other paths never ask for one.
    key: str | None = None
    #: The endpoints of sleep are there.
    dev_mode: bool = True
    #: They do something.
    sleep_mode: bool = True
    #: `/sleep` knows its `mode`; versions before about 0.17 always abort what is running.
    modes: bool = True
    #: Commands are answered before they are carried out: so many times `/is_sleeping` says what was before.
    lag: int = 0
    #: `--scheduling-policy priority`.
    priorities: bool = False
    #: The gauge of the cache is called `gpu_cache_usage_perc`, and errors are not in an object `error`.
    old: bool = False
    #: `--gpu-memory-utilization` times the memory of the card, in bytes.
    reserved: int = 60 << 30
