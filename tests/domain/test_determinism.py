"""Same facts, same bytes: whatever seed Python hashes strings with."""

import os
import subprocess
import sys
from pathlib import Path

from bursar.domain.registry import REGISTRY

from .everything import EVERYTHING
from .invariants import Invariants
from .scripts import is_at_rest

_ROOT = Path(__file__).resolve().parents[2]


def test_a_world_is_the_same_under_every_hash_seed() -> None:
    """Three processes play the same script, and every event of theirs is the same."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.domain.everything"],
            cwd=_ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            stdout=subprocess.PIPE,
            text=True,
        )
        for seed in ("0", "1", "4242")
    ]
    digests = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert len(digests[0]) == 64
    assert set(digests) == {digests[0]}


def test_nearly_everything_happens_in_the_script_that_is_compared() -> None:
    """The comparison is worth as much as what it compares; and the script keeps the rules as well."""
    invariants = Invariants()
    world = EVERYTHING.play(invariants)
    happened = {event.body.name for event in world.history}
    missing = {name for name, _version in REGISTRY} - happened
    assert len(missing) <= 3, missing
    invariants.everybody_was_answered()
    assert is_at_rest(world)
