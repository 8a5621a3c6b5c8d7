"""The table of models and the metrics say what the state and the journal say."""

from contextlib import closing
from pathlib import Path

import pytest

from bursar.domain.models.values import DeviceReading, Reading
from bursar.eventstore.reader import Reader
from bursar.projections.metrics import resource_metrics
from bursar.projections.models import Counts, Tally, model_table

from .wandering import wander
from .world import GIB, World, evicting


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def test_a_row_says_what_a_model_did(path: Path) -> None:
    world = evicting(path)
    world.close()
    with closing(Reader(path)) as reader:
        rows = {row.model: row for row in model_table(reader, world.state)}
    assert list(rows) == ["fake:busy", "fake:new", "fake:rare"]
    assert rows["fake:rare"].counts == Counts(
        loads=2,
        load_ms=8000,
        unloads={"evicted": 1},
        requests={"completed": 2},
        prompt_tokens=24,
        completion_tokens=60,
    )
    assert rows["fake:rare"].evictions == 1
    assert (rows["fake:rare"].state, rows["fake:rare"].memory) == ("ready", {"ram": 5 * GIB})
    assert (rows["fake:new"].state, rows["fake:new"].memory) == ("absent", {})


@pytest.mark.parametrize("seed", range(4))
def test_the_rows_add_up_to_the_totals_of_the_state(path: Path, seed: int) -> None:
    world = wander(path, seed)
    world.close()
    with closing(Reader(path)) as reader:
        counts = [row.counts for row in model_table(reader, world.state)]
    totals = world.state.totals
    assert sum(row.loads for row in counts) == totals.loads
    assert sum(row.load_ms for row in counts) == totals.load_ms
    assert sum(row.load_failures for row in counts) == totals.load_failures
    assert sum(sum(row.unloads.values()) for row in counts) == totals.unloads
    assert sum(row.lost for row in counts) == totals.lost
    assert sum(row.prompt_tokens for row in counts) == totals.prompt_tokens
    assert sum(row.completion_tokens for row in counts) == totals.completion_tokens
    for how in ("completed", "failed", "cancelled", "rejected", "expired", "aborted"):
        assert sum(row.requests.get(how, 0) for row in counts) == getattr(totals, how)


def test_a_tally_that_goes_on_counts_what_one_from_the_start_counts(path: Path) -> None:
    world = evicting(path)
    world.close()
    with closing(Reader(path)) as reader:
        tally = Tally()
        tally.advance(reader, 20)
        assert model_table(reader, world.state, tally) == model_table(reader, world.state)
        assert tally.position == world.state.position


def test_metrics_are_of_the_state_and_of_the_freshest_reading(path: Path) -> None:
    world = evicting(path)
    world.close()
    device = DeviceReading(device="ram", total_bytes=16 * GIB, used_bytes=13 * GIB)
    card = DeviceReading(device="gpu0", total_bytes=8 * GIB, used_bytes=GIB)
    found = resource_metrics(
        world.state, Reading(devices=(device, card), cpu_per_mille=250, cores=8, models={})
    )
    assert found.memory is not None
    assert (found.memory.used_bytes, found.memory.models_bytes) == (13 * GIB, 10 * GIB)
    assert found.memory.other_bytes == 2 * GIB
    assert found.memory.free_bytes == found.memory.ceiling_bytes - 10 * GIB
    assert [gpu.device for gpu in found.gpu] == ["gpu0"]
    assert found.cpu is not None
    assert (found.cpu.cores, found.cpu.used_per_mille) == (8, 250)
    assert [model.model for model in found.models.loaded] == ["fake:busy", "fake:rare"]
    assert (found.models.loads, found.models.load_ms, found.models.evictions) == (4, 4000, 2)
    assert (found.system.completed, found.system.waiting, found.system.running) == (6, 0, 0)


def test_metrics_of_an_empty_state_have_nothing_to_say_of_the_machine(path: Path) -> None:
    world = World(path)
    world.close()
    found = resource_metrics(world.state)
    assert (found.memory, found.cpu, found.cache, found.gpu) == (None, None, None, ())
