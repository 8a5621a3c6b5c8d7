"""llama.cpp's own server: one model for as long as its process lives, or a router that starts one for each.

    provider.py   the port: finds out which of the two it is, and hands on
    single.py     one model: listed, described, never loaded or unloaded
    router.py     many: loaded and unloaded on demand, never by asking about them
    watching.py   how a load or unload is waited for
    reading.py    what its answers say, as far as it matters here
    sizes.py      what a model takes, out of what is known of it

**The fact that matters: a router loads a model that it is merely asked about, a GET included.** Every request
therefore carries `autoload=false` (`quiet.py`).
"""

from .provider import LlamaCppServer

__all__ = ["LlamaCppServer"]
