"""What the providers hold is compared with what the journal says: at the start, on a timer, after errors."""

import asyncio
from contextlib import suppress
from functools import partial
from typing import Final

from ..adapters.logs import get_logger
from ..domain.errors import BursarError, ProviderTimeout, ProviderUnavailable
from ..domain.events import Event
from ..domain.host.events import ManagerReconciled
from ..domain.models.events import (
    Hand,
    ModelDescribed,
    ModelLoaded,
    ModelLoadFailed,
    ModelUnloaded,
    ModelUnloadFailed,
    ModelWakeFailed,
)
from ..domain.models.machine import RESIDENT, ModelState
from ..domain.models.values import Residency
from ..domain.providers.names import provider_of
from ..domain.providers.values import Probe
from ..domain.requests.events import RequestFinished
from ..projections.figures import listed
from ..providers import Directory
from .comparing import Outlook, compare_known, found, outlook, strangers
from .effects import Effects
from .engine import Engine
from .probing import ANSWER_S, observe, record, side_by_side

#: After one comparison the next waits this long, however many errors there are.
_GAP_S: Final = 0.5
#: A provider that answers is asked for its version again after this long.
_PROBE_S: Final = 60.0
_ERRORS = (ModelLoadFailed, ModelUnloadFailed, ModelWakeFailed)

_log = get_logger("bursar.reconcile")


class Reconciler:
    """Watches every provider, each in a task of its own: one that is slow keeps nobody else waiting."""

    def __init__(self, engine: Engine, directory: Directory, effects: Effects) -> None:
        self._engine = engine
        self._directory = directory
        self._effects = effects
        self._stirred = {prefix: asyncio.Event() for prefix in directory.providers}
        #: When each was asked for its version last.
        self._probed: dict[str, float] = {}
        #: Models that we had asked for, and that may turn up later than we waited for them.
        self._loads: set[str] = set()
        self._unloads: set[str] = set()
        #: Models that each has loaded since it was compared last.
        self._arrivals: dict[str, list[str]] = {prefix: [] for prefix in directory.providers}

    async def begin(self) -> None:
        """Find out how the providers are and what they hold, and then say that requests may be served."""
        engine = self._engine
        await side_by_side(map(self._probe, self._directory.providers))
        await side_by_side(self.compare(prefix) for prefix in self._directory.providers)
        settings = engine.state.host.settings
        for name in (*settings.preload, *settings.pins):
            await describe(engine, self._directory, name)
        engine.submit(ManagerReconciled())

    async def run(self) -> None:
        """Compare until cancelled."""
        await side_by_side(map(self._watch, self._directory.providers))

    def hear(self, event: Event) -> None:
        """After an error things may not be as they are believed to be, nor after a load beside others."""
        match event.body:
            case ModelLoadFailed(model=model, code=ProviderTimeout.code):
                self._loads.add(model)
            case ModelUnloaded(model=model):
                self._unloads.add(model)
            case ModelLoaded(model=model):
                self._arrived(provider_of(model), model)
            case _:
                pass
        if isinstance(event.body, _ERRORS) or _is_failure(event):
            for stirred in self._stirred.values():
                stirred.set()

    async def compare(self, prefix: str) -> None:
        """Compare one provider's models now. A provider that is busy tells nothing; one that is gone, all."""
        seen = outlook(self._engine, prefix, self._effects.awaits)
        arrivals, self._arrivals[prefix] = [*self._arrivals[prefix], *seen.loading()], []
        provider = self._directory.providers[prefix]
        can = self._engine.state.providers[prefix].capabilities
        if not (can.load or can.sleep or can.measure_memory):
            await self._probe(prefix)
            return
        try:
            async with asyncio.timeout(ANSWER_S):
                held = await self._directory.resident_of(prefix)
        except TimeoutError:
            return
        except BursarError as error:
            if is_gone(error):
                probe = Probe(reachable=False, code=error.code, cause=str(error))
                record(self._engine, prefix, provider, probe)
                cause = f"{prefix} is gone: {error.values.get('cause', error)}"
                compare_known(seen, {}, lambda _name: cause)
            return
        if self._is_due(prefix):
            await self._probe(prefix)
        lost = compare_known(seen, held, partial(_gone, prefix, arrivals))
        if lost:
            # A provider may have learnt from it how many models it holds at once.
            await self._probe(prefix)
        for name in strangers(seen, held):
            await self._adopt(seen, name, held[name])
        # What was unloaded and is not listed any more is gone: whoever loads it next is somebody else.
        self._unloads -= {
            name for name in self._unloads - held.keys() if name in seen.stood and seen.still(name)
        }

    def _arrived(self, prefix: str, model: str) -> None:
        """Providers make room by rules of their own: who else was there may not be any more."""
        beside = any(
            other.name != model and other.state in RESIDENT and provider_of(other.name) == prefix
            for other in self._engine.state.models.values()
        )
        if beside and prefix in self._arrivals:
            self._arrivals[prefix].append(model)
            self._stirred[prefix].set()

    async def _watch(self, prefix: str) -> None:
        stirred = self._stirred[prefix]
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._engine.state.host.settings.reconcile.interval_ms / 1000):
                    await stirred.wait()
            stirred.clear()
            try:
                await self.compare(prefix)
            except BursarError as error:
                # The journal is closed or broken; or an adapter says what none may say of a list.
                _log.warning("not compared", provider=prefix, error=str(error))
            await asyncio.sleep(_GAP_S)

    async def _adopt(self, seen: Outlook, name: str, residency: Residency) -> None:
        """A model in memory that the journal has not there counts from now on, whoever loaded it."""
        await describe(self._engine, self._directory, name)
        model = seen.still(name)
        if model is None:
            return
        ours = model.state is ModelState.FAILED or residency.pid is not None
        origin: Hand = "own" if ours or name in self._loads | self._unloads else "external"
        self._loads.discard(name)
        self._engine.submit(found(name, residency, origin))

    def _is_due(self, prefix: str) -> bool:
        """Whether it should be asked for more than its list: it has come back, or may be another by now."""
        last = self._probed.get(prefix)
        long_ago = last is None or asyncio.get_running_loop().time() - last >= _PROBE_S
        return long_ago or not self._engine.state.providers[prefix].reachable

    async def _probe(self, prefix: str) -> None:
        self._probed[prefix] = asyncio.get_running_loop().time()
        await observe(self._engine, prefix, self._directory.providers[prefix])


async def describe(engine: Engine, directory: Directory, model: str) -> None:
    """Record what the provider says of a model, when that is new; not being able to say is no error here."""
    try:
        async with asyncio.timeout(ANSWER_S):
            description = await directory.find(model).describe()
    except (BursarError, TimeoutError):
        return
    known = engine.state.models.get(description.model)
    if known is None or known.described != description:
        engine.submit(ModelDescribed(description=description))


def _gone(prefix: str, arrivals: list[str], model: str) -> str:
    """What is said of a model that is not there any more, after others were loaded beside it."""
    others = [name for name in arrivals if name != model]
    if others:
        return f"{prefix} let it go while it loaded {listed(others)}"
    return f"{prefix} does not hold it any more: somebody else unloaded it, or {prefix} did by itself"


def is_gone(error: BursarError) -> bool:
    """Whether an error says that the provider's process is not there: its models are not either."""
    cause = error.values.get("cause", "")
    return isinstance(error, ProviderUnavailable) and str(cause).startswith("nobody listens")


def _is_failure(event: Event) -> bool:
    """Whether a request failed, and not because of what it asked for."""
    body = event.body
    return isinstance(body, RequestFinished) and body.outcome == "failed"
