"""Puts a manager together, and takes it apart: the one place that knows all the rooms."""

import asyncio
import os
import platform
import socket
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, closing
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

import apsw

from .adapters.clock import SystemClock
from .adapters.logs import get_logger
from .configured import build, find_sites
from .contexts.shell import Contexts
from .contexts.vault import Vault
from .counting import Counter
from .domain.host.events import ManagerStarted, SettingsChanged
from .domain.ports import Clock, Provider, Sensor
from .engine.desk import Desk
from .engine.effects import Effects
from .engine.engine import Engine
from .engine.intake import taking_in
from .engine.leases import Leases
from .engine.reconcile import Reconciler
from .engine.recovering import Recovering
from .engine.sampling import Sampler
from .engine.shutdown import Shutdown
from .engine.snapshots import Keeper
from .engine.views import keeping
from .eventstore.journal import Journal
from .eventstore.proof.notary import Notary
from .eventstore.proof.notes import origin
from .eventstore.proof.signing import find_or_make
from .eventstore.snapshots import SnapshotStore
from .eventstore.subscriptions import Subscription
from .eventstore.views.index import IndexedReader
from .listeners import Listeners
from .manager import Parts, ResourceManager
from .patterns.shelf import PatternShelf
from .projections.snapshots import code_fingerprint, event_ns, restored
from .projections.views import VIEWS
from .providers import Directory
from .settings import Settings

if TYPE_CHECKING:
    from .adapters.sensors.host import HostSensor

_log = get_logger("bursar.opening")


@asynccontextmanager
async def open(
    journal: str | os.PathLike[str] = "bursar.db",
    settings: Settings | None = None,
    *,
    providers: Mapping[str, Provider] | None = None,
    sensor: Sensor | None = None,
) -> AsyncGenerator[ResourceManager, None]:
    """Own a journal and manage models by it, for a block.

    `settings` default to `Settings.load()`: `bursar.toml`, then the environment. `providers`, by prefix,
    default to those the settings name and those found at their default ports, `sensor` to this machine's.
    Leaving the block waits a little for leases, unloads the models it loaded and closes the journal.
    Raises `JournalConflict` naming the process that owns the journal, `JournalUnusable`, `JournalCorrupt`,
    `SettingsInvalid`.
    """
    path = Path(journal)
    settings = settings or Settings.load()
    if providers is None:
        providers = await default_providers(path, settings)
    with Journal.open(path) as store:
        _report(store)
        Notary(store, find_or_make(store.path, origin(store.journal_id)))
        async with (
            keeping(store, VIEWS),
            serve(store, settings, providers, sensor=sensor, reachable=True) as manager,
        ):
            yield manager


@asynccontextmanager
async def serve(
    store: Journal,
    settings: Settings,
    providers: Mapping[str, Provider],
    *,
    sensor: Sensor | None = None,
    clock: Clock | None = None,
    identity: ManagerStarted | None = None,
    reachable: bool = False,
) -> AsyncGenerator[ResourceManager, None]:
    """Manage models by a journal that is open already, for a block.

    A simulation brings a clock and an identity of its own; they default to this machine's and this process's.
    `reachable`: listen to other processes, at the socket beside the journal.
    """
    snapshots = SnapshotStore.beside(store.path)
    async with AsyncExitStack() as stack:
        reader = stack.enter_context(closing(IndexedReader(store.path)))
        found = restored(reader, snapshots)
        engine = Engine(store, found.state, clock or SystemClock(found.state.at))
        stack.callback(engine.stop)
        keeper = Keeper(snapshots, found, partial(event_ns, reader))
        directory = Directory(providers)
        desk, listeners, effects = Desk(), Listeners(), Effects(engine, directory)
        vault = Vault(store.path)
        stack.push_async_callback(vault.close)
        contexts = Contexts(engine, directory, vault, Counter(engine, directory))
        patterns = PatternShelf(engine, vault)
        hearing = (desk.hear, listeners.hear, effects.hear, contexts.hear, patterns.hear)
        for listener in (*hearing, partial(keeper.hear, engine)):
            engine.listen(listener)
        engine.on_failure(desk.fail_all)
        await _start(directory, effects, stack)
        engine.submit(identity or _identity())
        if sensor is None:
            sensor = stack.enter_context(closing(_host_sensor(directory)))
        effects.measure_with(sensor)
        reconciler = Reconciler(engine, directory, effects)
        engine.listen(reconciler.hear)
        recovering = Recovering(engine, directory, reconciler.compare)
        engine.listen(recovering.hear)
        sampler = await _take_over(engine, directory, reconciler, settings, sensor)
        beside = [
            asyncio.create_task(sampler.run(), name="bursar sampling"),
            asyncio.create_task(reconciler.run(), name="bursar reconciling"),
        ]
        contexts.begin(sweep=not store.opened.clean)
        patterns.begin()
        shutdown = Shutdown(engine, desk, effects, beside, keeper)
        for end in (shutdown.run, contexts.close, patterns.close, recovering.cancel):
            stack.push_async_callback(end)
        leases = Leases(engine, desk, directory)
        if reachable:
            await stack.enter_async_context(taking_in(engine, store, reader, directory, shutdown))
        subscribe = partial(Subscription.of, store)
        parts = Parts(
            engine,
            leases,
            directory,
            sampler,
            listeners,
            reader,
            subscribe,
            shutdown,
            reconciler.compare,
            contexts,
            patterns,
        )
        yield ResourceManager(parts, settings)


async def _start(directory: Directory, effects: Effects, stack: AsyncExitStack) -> None:
    """Have the providers ready, until the stack is left."""
    for prefix, provider in directory.providers.items():
        await provider.start(partial(_lost, effects, prefix))
        stack.push_async_callback(provider.close)


async def _take_over(
    engine: Engine, directory: Directory, reconciler: Reconciler, settings: Settings, sensor: Sensor
) -> Sampler:
    """Write down what holds from here on, and find out what is in memory."""
    wanted = directory.named(settings.domain())
    if engine.state.host.settings != wanted or not engine.state.host.settings_position:
        engine.submit(SettingsChanged(settings=wanted))
    sampler = Sampler(engine, sensor)
    await reconciler.begin()
    return sampler


async def default_providers(journal: Path, settings: Settings) -> dict[str, Provider]:
    """The providers that the settings name, and those that are found where they allow it."""
    sites = await find_sites(settings)
    for ignored in sites.ignored:
        _log.info("not used", url=ignored.url, reason=ignored.reason)
    for site in sites.there:
        note = {"note": site.note} if site.note else {}
        _log.info("provider", name=site.prefix, at=site.place, known_from=site.source, **note)
    return {site.prefix: build(site, settings, journal) for site in sites.there}


def _report(store: Journal) -> None:
    """Say how the owner before ended, and what may be missing because of it."""
    say = _log.info if store.opened.clean else _log.warning
    say(str(store.opened), journal=store.path)


def _lost(effects: Effects, prefix: str, model: str, cause: str) -> None:
    effects.lost(f"{prefix}:{model}", cause)


def _identity() -> ManagerStarted:
    try:
        code_version = version("bursar")
    except PackageNotFoundError:
        code_version = "unknown"
    return ManagerStarted(
        pid=os.getpid(),
        host=socket.gethostname(),
        code_version=code_version,
        code_fingerprint=code_fingerprint(),
        python=platform.python_version(),
        sqlite=apsw.sqlite_lib_version(),
    )


def _host_sensor(directory: Directory) -> "HostSensor":
    from .adapters.sensors.host import HostSensor

    return HostSensor(directory.memory)
