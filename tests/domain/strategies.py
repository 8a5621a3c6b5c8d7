"""Hypothesis draws scripts: small worlds in which everything is short of everything."""

from hypothesis import strategies as st

from bursar.domain.settings import Eviction, Limits, Queue, Settings
from bursar.testing.machines import Faults, Kind

from .scripts import (
    Action,
    Ask,
    Cancel,
    Configure,
    Find,
    Free,
    Lose,
    Nap,
    Observe,
    Pin,
    Replace,
    Restart,
    Sample,
    Script,
    Sense,
    Shrink,
    Traffic,
    Unload,
    Wait,
)

NAMES = ("a", "b", "c", "d")
names = st.sampled_from(NAMES)
few_names = st.lists(names, max_size=2, unique=True).map(tuple)
sizes = st.sampled_from((40, 60, 100, 150))
kinds = st.builds(Kind, sizes, st.sampled_from(("ram", "ram", "ram", "gpu0")), st.sampled_from((1, 1, 2)))
limits = st.builds(
    Limits,
    max_models_loaded=st.sampled_from((1, 1, 2, 3)),
    memory_bytes=st.sampled_from((None, 100, 160, 200, 300)),
    inactivity_timeout_ms=st.sampled_from((None, None, 2_000)),
    idle_price_ms_per_gib_hour=st.sampled_from((0, 1_000, 10**13, 10**15)),
    overtake_budget_ms=st.sampled_from((0, 500, 3_000, 60_000)),
    lease_max_ms=st.sampled_from((3_600_000, 3_600_000, 700)),
    load_cooldown_ms=st.sampled_from((10_000, 100, 0)),
)
settings = st.builds(
    Settings,
    limits=limits,
    queue=st.builds(Queue, max_waiting=st.sampled_from((512, 512, 512, 512, 512, 2, 0))),
    eviction=st.builds(Eviction, policy=st.sampled_from(("hybrid", "lru", "lfu", "priority"))),
    model_sizes=st.sampled_from(({}, {}, {"a": 120})),
    priorities=st.sampled_from(({}, {"a": 2, "b": 1})),
    pins=st.sampled_from(((), (), (), (), ("a",), ("b", "c"))),
    preload=st.sampled_from(((), (), ("a",), ("a", "b"))),
)
holds = st.sampled_from((1, 10, 100, 1_000, 5_000))
asks = st.builds(
    Ask,
    model=names,
    hold_ms=holds,
    times=st.sampled_from((1, 1, 1, 4)),
    priority=st.sampled_from((0, 0, 0, 5, 1, -1)),
    deadline_ms=st.sampled_from((None, None, None, None, 100, 2_000, 0)),
)
waits = st.builds(Wait, st.sampled_from((1, 10, 100, 1_000, 5_000, 60_000)))
traffic = st.builds(Traffic, names, st.sampled_from((50, 400)), st.integers(2, 8))
abilities = (st.booleans(), st.booleans(), st.booleans())
rare: tuple[st.SearchStrategy[Action], ...] = (
    st.builds(Cancel, st.integers(0, 7)),
    st.builds(Lose, names),
    st.builds(Find, names),
    st.builds(Observe, names, *abilities),
    st.builds(Nap, names),
    st.builds(Shrink, names),
    st.builds(Sense, names, st.sampled_from((900, 1_100, 2_000, 3_000)), st.sampled_from((1, 3))),
    st.builds(Configure, settings),
    st.builds(Pin, names, st.booleans()),
    st.builds(Unload, names),
    st.builds(Free),
    st.builds(Sample, st.sampled_from((0, 10, 60, 200)), st.booleans()),
    st.builds(Replace, names, sizes),
    st.builds(Restart, st.booleans(), few_names, few_names),
)
chances = st.sampled_from((0, 0, 200, 500))
faults = st.builds(Faults, chances, chances, chances)
machines = st.sampled_from(({}, {"ram": 300}, {"ram": 250, "gpu0": 120}))


@st.composite
def scripts(draw: st.DrawFn) -> Script:
    """A script in which, besides people asking, only a few kinds of things happen, so that they meet."""
    happening = draw(st.lists(st.sampled_from(rare), max_size=3))
    often: tuple[st.SearchStrategy[Action], ...] = (asks, waits, asks, waits, asks, waits, traffic)
    # In chunks: long lists are drawn more often than Hypothesis would on its own.
    chunks = [
        draw(st.lists(st.one_of(*often, *happening), min_size=4, max_size=8))
        for _ in range(draw(st.integers(1, 5)))
    ]
    return Script(
        kinds={name: draw(kinds) for name in NAMES},
        settings=draw(settings),
        actions=tuple(action for chunk in chunks for action in chunk),
        totals=draw(machines),
        faults=draw(faults),
        seed=draw(st.integers(0, 99)),
    )


@st.composite
def crowds(draw: st.DrawFn) -> Script:
    """People asking without a pause, for more than there is room for, and no faults."""
    hurry = st.builds(Ask, names, st.sampled_from((10, 100, 1_000)), priority=st.sampled_from((0, 0, 5)))
    pauses = st.builds(Wait, st.sampled_from((0, 50, 300, 1_000)))
    chunks = [
        draw(st.lists(st.one_of(hurry, pauses, hurry), min_size=8)) for _ in range(draw(st.integers(1, 8)))
    ]
    return Script(
        kinds={
            name: Kind(draw(st.sampled_from((40, 60, 100))), slots=draw(st.integers(1, 2))) for name in NAMES
        },
        settings=Settings(
            limits=Limits(
                max_models_loaded=draw(st.integers(1, 3)),
                memory_bytes=draw(st.sampled_from((None, 100, 160))),
                overtake_budget_ms=draw(st.sampled_from((0, 500, 3_000))),
                idle_price_ms_per_gib_hour=0,
            ),
            eviction=Eviction(policy=draw(st.sampled_from(("hybrid", "lru")))),
        ),
        actions=tuple(action for chunk in chunks for action in chunk),
        totals={},
        seed=draw(st.integers(0, 99)),
    )
