"""How large a window is worth having."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.domain.contexts.events import ContextPruned
from bursar.domain.contexts.memory import kv_bytes
from bursar.domain.contexts.windows import (
    affordable_tokens,
    bucket,
    recommended_context_size,
    recommended_window,
    window_for,
)
from bursar.domain.models.events import ModelDescribed
from bursar.testing.facts import arrived, described, sampled
from bursar.testing.facts import loaded as model_loaded
from bursar.testing.specification import given as given_facts

from .support import AGENT, MODEL, NAME, begun, opened, prune, talked


@pytest.mark.parametrize(
    ("tokens", "size"), [(1, 2048), (2049, 3072), (3073, 4096), (4097, 6144), (9000, 12288)]
)
def test_windows_come_in_sizes(tokens: int, size: int) -> None:
    assert bucket(tokens) == size


def test_a_conversation_that_grows_changes_its_window_a_few_times() -> None:
    sizes: list[int] = []
    current: int | None = None
    for tokens in range(0, 100_000, 50):
        current = window_for(tokens, 1024, current=current)
        sizes += [] if sizes and sizes[-1] == current else [current]
    assert sizes == sorted(sizes)
    assert len(sizes) <= 13


def test_one_that_shrinks_keeps_it_for_a_while() -> None:
    assert window_for(10_000, 1_000, current=16_384) == 16_384
    assert window_for(5_000, 1_000, current=16_384) == 16_384
    assert window_for(4_000, 1_000, current=16_384) == 8_192


@given(
    st.integers(0, 10**6),
    st.integers(0, 10**5),
    st.integers(1, 10**6),
    st.one_of(st.none(), st.integers(1, 10**6)),
)
def test_it_is_enough_or_all_there_is(tokens: int, reserve: int, most: int, current: int | None) -> None:
    size = window_for(tokens, reserve, most=most, current=current)
    assert size == most or tokens + reserve <= size <= most
    assert window_for(tokens, reserve, most=most, current=size) == size or 3 * (tokens + reserve) < size


def _large(slots: int = 1) -> ModelDescribed:
    """A model of 1 MB that takes 100 bytes for each token."""
    plain = described(MODEL, 1_000_000, slots=slots).description
    return ModelDescribed(description=plain.model_copy(update={"kv_bytes_per_token": 100}))


def test_keys_and_values_are_by_the_models_description() -> None:
    state = begun().and_then(_large()).state
    assert kv_bytes(state, MODEL, 10) == 1_000
    assert kv_bytes(state, "q:unknown", 10) == 0


def test_what_is_pruned_frees_keys_and_values_by_estimate() -> None:
    pruned = begun().and_then(_large(), talked(4)).when(prune(60)).of(ContextPruned)
    assert isinstance(pruned, ContextPruned)
    assert pruned.saved_kv_bytes == 2_000


def test_a_window_is_no_larger_than_its_memory() -> None:
    """Of 2 MB may 1.6 be used: what the weights leave is enough for 6000 tokens, of one slot or of two."""
    flow = begun().and_then(sampled(0, 2_000_000))
    assert affordable_tokens(flow.and_then(_large()).state, MODEL) == 6_000
    assert affordable_tokens(flow.and_then(_large(slots=2)).state, MODEL) == 3_000
    loaded = flow.and_then(_large(), arrived(MODEL), model_loaded(MODEL)).state
    assert affordable_tokens(loaded, MODEL) == 6_000
    talking = flow.and_then(_large(), opened(window_tokens=1_000_000), talked(300, 10)).state
    assert recommended_window(talking, NAME, 100_000) == 6_000


def test_nothing_is_known_of_the_memory_of_what_nobody_described() -> None:
    assert affordable_tokens(begun().state, "q:unknown") is None
    assert recommended_window(begun().state, "nobody", 4096) is None
    assert (
        recommended_window(begun().and_then(talked(1), opened(window_tokens=8192)).state, NAME, 4096) == 2048
    )


def test_less_is_recommended_when_memory_is_short() -> None:
    flow = begun()
    assert recommended_context_size(flow.state, AGENT, 8192) == 8192
    assert recommended_context_size(flow.and_then(sampled(640)).state, AGENT, 8192) == 8192
    half = recommended_context_size(flow.and_then(sampled(720)).state, AGENT, 8192)
    assert half == 5120 - 256 * (half < 5120)
    assert recommended_context_size(flow.and_then(sampled(800)).state, AGENT, 8192) == 2048
    assert recommended_context_size(flow.and_then(sampled(1000)).state, AGENT, 100) == 100


def test_less_is_recommended_to_an_agent_that_holds_much() -> None:
    flow = begun(agent_bytes=400).and_then(talked(2))
    assert recommended_context_size(flow.state, AGENT, 4096) == 1024
    assert recommended_context_size(given_facts().state, "nobody", 4096) == 4096
