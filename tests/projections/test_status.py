"""The lean status says what the state says, and imports next to nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from bursar.adapters.cli.quick import described
from bursar.domain.contexts.events import ContextOpened, MessageAdded
from bursar.domain.contexts.keeping import (
    CacheAsked,
    ContextClosed,
    ContextForgotten,
    ContextRestored,
    ModelCached,
    RestoreAsked,
)
from bursar.domain.models.events import ModelFound
from bursar.domain.models.machine import EDGES, RESIDENT
from bursar.domain.providers.events import ProviderObserved
from bursar.domain.providers.values import Capabilities
from bursar.domain.resilience.events import BreakerSet
from bursar.domain.state import STATE_VERSION
from bursar.eventstore.reader import Reader
from bursar.eventstore.snapshots import SnapshotStore
from bursar.projections import status as lean
from bursar.projections.history import state_to_json
from bursar.projections.status import ModelStatus, ProviderStatus, Status, status

from .wandering import Wanderer
from .world import GIB, NS_PER_MS, START, World, evicting


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def test_the_table_of_states_is_that_of_the_machine() -> None:
    assert {edge["trigger"]: edge["dest"].value for edge in EDGES} == lean.STATES
    assert tuple(state.value for state in RESIDENT) == lean.RESIDENT
    assert ("state", STATE_VERSION) == lean.SNAPSHOT


def test_a_status_says_what_is_where(path: Path) -> None:
    evicting(path).close()
    found = status(path)
    assert found == Status(
        journal=str(path.resolve()),
        position=47,
        at=START + 292_400 * NS_PER_MS,
        size_bytes=path.stat().st_size,
        log_bytes=0,
        archived=0,
        signed=0,
        signed_at=0,
        owner=None,
        models=(
            ModelStatus("fake:busy", "ready", START + 69_000 * NS_PER_MS, {"ram": 5 * GIB}, 0, 0, "own"),
            ModelStatus("fake:new", "absent", START + 287_400 * NS_PER_MS, {}, 0, 0, ""),
            ModelStatus("fake:rare", "ready", START + 291_400 * NS_PER_MS, {"ram": 5 * GIB}, 0, 0, "own"),
        ),
        providers=(),
        waiting=0,
        running=0,
    )


def test_the_providers_say_how_they_are_and_whose_models_they_hold(path: Path) -> None:
    world = World.started(path)
    for name, can, code in (("ollama", True, ""), ("openai:lab", False, "PROVIDER_BUSY")):
        world.record(
            ProviderObserved(
                provider=name,
                reachable=True,
                engine="1.2",
                capabilities=Capabilities(load=can, unload=can),
                lacks={},
                code=code,
                cause_text=code and "it has much to do",
            )
        )
    for model in ("ollama:a", "ollama:b", "openai:lab:c"):
        world.describe(model, 1)
    world.serve("ollama:a")
    for model in ("ollama:b", "openai:lab:c"):
        world.record(ModelFound(model=model, residency=world.residency(model, GIB), origin="external"))
    world.record(BreakerSet(provider="ollama", state="disabled"))
    world.close()
    assert status(path).providers == (
        ProviderStatus("ollama", True, "1.2", "", "", "disabled", {"own": 1, "external": 1}),
        ProviderStatus(
            *("openai:lab", True, "1.2", "PROVIDER_BUSY", "it has much to do", None), {"assumed": 1}
        ),
    )
    shown = described(status(path), None).splitlines()
    assert shown[-2].split()[:4] == ["ollama", "yes", "1.2", "disabled"]
    assert "1 external and 1 own" in shown[-2]
    assert shown[-1].endswith("PROVIDER_BUSY")


def test_a_snapshot_from_before_there_were_providers_is_read(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lean, "_SHORT", 0)
    world = World.started(path)
    world.write()
    old = json.loads(state_to_json(world.state))
    del old["providers"], old["breakers"]
    store = SnapshotStore.beside(path)
    store.save("state", STATE_VERSION, "any code", world.state.position, json.dumps(old).encode())
    world.close()
    assert status(path).providers == ()


def test_the_owner_and_the_open_requests_are_told_while_a_manager_runs(path: Path) -> None:
    world = World.started(path)
    world.describe("fake:a", 5)
    world.ask("fake:a")
    world.settle()
    world.ask("fake:a")
    world.write()
    found = status(path)
    world.close()
    assert found.owner == os.getpid()
    assert (found.running, found.waiting) == (1, 1)
    assert [(model.leases, model.waiting) for model in found.models] == [(1, 1)]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("snapshot_at", [None, 30, 100, 200])
def test_whatever_happened_the_lean_status_is_that_of_the_state(
    path: Path, seed: int, snapshot_at: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lean, "_SHORT", 0)
    wanderer = Wanderer(World.started(path), Random(seed))
    world = wanderer.world
    if snapshot_at is not None:
        wanderer.go_on(snapshot_at)
        world.write()
        store = SnapshotStore.beside(path)
        store.save("state", STATE_VERSION, "any code", world.state.position, state_to_json(world.state))
    wanderer.go_on(200)
    world.close()
    _is_that_of(world, status(path))


@pytest.mark.parametrize("snapped", [False, True])
def test_contexts_are_counted_by_their_state(
    path: Path, snapped: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lean, "_SHORT", 0)
    world = World.started(path)
    terms = {"model": "fake:a", "agent": "", "genre": "dialogue", "window_tokens": 99}
    names = ("open", "again", "packed", "restored", "closed", "forgotten", "refused")
    for name in names:
        reserve = 99 if name == "refused" else 9
        world.record(ContextOpened.model_validate({**terms, "context": name, "reserve_tokens": reserve}))
    for name in ("packed", "restored"):
        world.record(added(name))
        world.record(CacheAsked(context=name))
        world.record(packed(name))
    world.record(RestoreAsked(context="restored"))
    world.record(ContextRestored(context="restored", messages=1, bytes=9, restore_ms=1))
    world.record(ContextClosed(context="closed"))
    world.record(ContextForgotten(context="forgotten"))
    world.record(ContextOpened.model_validate({**terms, "context": "again", "reserve_tokens": 8}))
    if snapped:
        world.write()
        store = SnapshotStore.beside(path)
        store.save("state", STATE_VERSION, "any code", world.state.position, state_to_json(world.state))
    world.close()
    found = status(path)
    assert (found.contexts_open, found.contexts_packed) == (4, 1)
    _is_that_of(world, found)


def test_an_empty_journal_has_a_status(path: Path) -> None:
    World(path).close()
    found = status(path)
    assert (found.position, found.at, found.models) == (0, 0, ())


def test_a_status_is_plain_json(path: Path) -> None:
    evicting(path).close()
    document = json.loads(json.dumps(status(path).to_json()))
    assert document["models"][0]["memory"] == {"ram": 5 * GIB}


def test_a_status_imports_nothing_heavy(path: Path) -> None:
    evicting(path).close()
    program = f"""if True:
        import sys
        already = set(sys.modules)  # an editable installation imports some itself
        from bursar.projections.status import status
        status({str(path)!r})
        heavy = {{"pydantic", "transitions", "click", "rich", "asyncio", "dataclasses", "inspect", "pathlib"}}
        print(sorted(heavy & set(sys.modules) - already))
    """
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"


def added(context: str) -> MessageAdded:
    """A message came to it."""
    return MessageAdded(
        context=context, role="user", address="0" * 64, size=9, tokens=5, counted_by="estimate"
    )


def packed(context: str) -> ModelCached:
    """Its texts are."""
    sizes = {"before_bytes": 9, "after_bytes": 5, "saved_bytes": 4, "ratio_per_mille": 1800}
    what = {"messages": 1, "blocks": 1, "digest": "0" * 64, "cache_path": "x"}
    return ModelCached.model_validate({"context": context, "model": "fake:a", **sizes, **what})


def _is_that_of(world: World, found: Status) -> None:
    state = world.state
    shown = {
        model.model: (model.state, model.since, model.memory, model.leases, model.origin)
        for model in found.models
        if model.since
    }
    assert shown == {
        model.name: (
            model.state.value,
            model.since,
            model.memory,
            len(model.leases),
            model.origin if model.state in RESIDENT else "",
        )
        for model in state.models.values()
        if model.since
    }
    assert found.waiting == len(state.waiting())
    assert found.contexts_open == state.contexts.open
    assert found.waiting + found.running == len(state.requests)
    with Reader(world.path) as reader:
        assert found.position == reader.head()
