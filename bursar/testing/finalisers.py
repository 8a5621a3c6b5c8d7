"""Keeping finalisers from running at moments that no seed decides."""

import contextlib
import ctypes
import gc
import sysconfig
from collections.abc import Generator
from types import AsyncGeneratorType, CoroutineType, GeneratorType


@contextlib.contextmanager
def collector_asleep() -> Generator[None]:
    """Run no finalisers at moments that no seed decides, and set apart what is older than the run.

    What was young before it, the garbage of the run before for one, would come back among the old, where
    Python hardly looks: it is collected first.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    gc.collect(1)
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        if was_enabled:
            gc.enable()


SUSPENDABLE: tuple[type, ...] = (CoroutineType, GeneratorType, AsyncGeneratorType)


def defuse(generator: object) -> None:
    """Let a suspended generator be freed without running what is left of its code.

    CPython would close it, and so run its `finally` blocks. But it finalises no object twice (PEP 442), and
    notes that it has done so in bit 0 of the word before the object (`PyGC_Head._gc_prev`; free-threaded
    builds have no such word). Where setting the bit has no effect, the generator is kept for ever.
    """
    if not sysconfig.get_config_var("Py_GIL_DISABLED"):
        ctypes.c_size_t.from_address(id(generator) - ctypes.sizeof(ctypes.c_size_t)).value |= 1
    if not gc.is_finalized(generator):
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(generator))
