"""The whole engine, simulated: real rules, real journal, everything else drawn from a seed."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from bursar.testing.simulation import simulate

#: What has to happen in at least one of the worlds, or the simulation proves little.
SOMETIMES = (
    "BreakerChanged",
    "ConcurrencyChanged",
    "EvictionPlanned",
    "LeaseRevoked",
    "MemoryOvercommitted",
    "ModelDrainCancelled",
    "ModelFound",
    "ModelLoadFailed",
    "ModelLost",
    "ModelUnloadFailed",
    "PlanAbandoned",
    "RecoveryFinished",
    "RequestAborted",
    "RequestCancelled",
    "RequestExpired",
    "RequestRedirected",
    "RequestRejected",
    "RetryDenied",
    "RetryGranted",
    "TimerFired",
)

SEEDS = range(60)

DIGEST = """
import sys
from pathlib import Path
from bursar.testing.simulation import simulate
print(*(simulate(seed, Path(sys.argv[1]) / f"{seed}.db").root for seed in range(4)))
"""


def test_no_world_breaks_a_promise_and_every_kind_of_trouble_is_met(tmp_path: Path) -> None:
    seen: Counter[str] = Counter()
    for seed in SEEDS:
        result = simulate(seed, tmp_path / f"{seed}.db")
        assert not result.violations, f"seed {seed}: {result.violations}"
        seen += result.seen
    assert [kind for kind in SOMETIMES if not seen[kind]] == []


def test_the_same_seed_gives_the_same_journal_in_any_process(tmp_path: Path) -> None:
    found: list[str] = []
    for hash_seed in ("0", "1", "4711"):
        folder = tmp_path / hash_seed
        folder.mkdir()
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        done = subprocess.run(
            [sys.executable, "-c", DIGEST, folder],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        found.append(done.stdout)
    assert found[0].count(" ") == 3
    assert found == [found[0]] * 3


def test_another_seed_gives_another_journal(tmp_path: Path) -> None:
    assert simulate(1, tmp_path / "1.db").root != simulate(2, tmp_path / "2.db").root


@pytest.mark.parametrize("seed", [40])
def test_a_seed_that_once_failed_holds(seed: int, tmp_path: Path) -> None:
    """40: a model that could not be unloaded before the manager closed; the journal has to say so."""
    assert simulate(seed, tmp_path / "journal.db").violations == []
