"""When a model is loaded with another window."""

from typing import Any, TypeVar

from bursar.domain.contexts.events import ContextCompressionStarted, MessageRefused
from bursar.domain.contexts.growth import WindowChosen, WindowWanted
from bursar.domain.contexts.keeping import ContextClosed, ContextForgotten
from bursar.domain.contexts.windows import affordable_tokens
from bursar.domain.events import Decision, Fact
from bursar.domain.models.events import (
    ModelDescribed,
    ModelDrainStarted,
    ModelFound,
    ModelLoaded,
    ModelLoadFailed,
    ModelLoadStarted,
    ModelUnloadFailed,
    ModelUnloadStarted,
    PinChanged,
    UnloadRequested,
)
from bursar.domain.models.machine import ModelState
from bursar.domain.models.values import RAM, Residency
from bursar.domain.state import State
from bursar.testing.facts import (
    arrived,
    described,
    finished,
    found,
    load_failed,
    loaded,
    sampled,
    unloaded,
)
from bursar.testing.specification import Given, When, decided

from .support import MODEL, NAME, begun, opened, said, talked, the

T = TypeVar("T", bound=Decision)

OWN = 4096


def _described(most: int = 32_768, slots: int = 1) -> ModelDescribed:
    """A model of 1 MB that takes 100 bytes for each token."""
    plain = described(MODEL, 1_000_000, slots=slots).description
    changes = {
        "kv_bytes_per_token": 100,
        "context_tokens": OWN * slots,
        "most_context_tokens": most * slots,
    }
    return ModelDescribed(description=plain.model_copy(update=changes))


def _loaded(state: State) -> ModelLoaded:
    """It has the window that was asked for."""
    known = state.models[MODEL].description
    assert known is not None
    residency = Residency(
        model=MODEL,
        digest=known.digest,
        memory={RAM: known.estimate_bytes},
        provenance="test",
        context_tokens=known.context_tokens,
        slots=known.slots,
    )
    return ModelLoaded(model=MODEL, residency=residency, load_ms=1)


def _talking(memory_bytes: int = 100_000_000, *, sizing: str = "auto", **changes: Any) -> Given:
    """An idle model in memory, and an open context that may have a larger window."""
    terms = {"window_tokens": OWN, "reserve_tokens": 512, "sizing": sizing}
    given = begun(automatic="extractive", terms=terms, **changes)
    asked = given.and_then(sampled(0, memory_bytes), _described(), arrived(MODEL, agent="ann"), _loaded)
    return asked.and_then(finished(MODEL))


def _all(when: When, kind: type[T]) -> list[T]:
    return [decision for decision in when.decisions if isinstance(decision, kind)]


def _long(tokens: int = 3_100) -> Fact:
    """A message after which little room is left."""
    return said("user", tokens)


def test_a_conversation_that_outgrows_its_window_gets_a_larger_one() -> None:
    flow = _talking().when(_long())
    grown = flow.then(
        decided(
            WindowChosen,
            model=MODEL,
            context=NAME,
            before_tokens=OWN,
            context_tokens=6_144,
            failed=False,
            rule="window.larger",
        ),
        decided(ModelDrainStarted, model=MODEL, motive="window", leases=0),
        ModelUnloadStarted,
    )
    assert the(grown.state).window_tokens == 6_144
    [loading] = _all(grown.and_then(unloaded(MODEL)).when(arrived(MODEL)), ModelLoadStarted)
    assert loading.need[RAM] == 1_000_000 + 6_144 * 100


def test_what_is_small_enough_leaves_the_model_alone() -> None:
    _talking().when(_long(3_000)).then()


def test_nobody_is_interrupted_for_it() -> None:
    flow = _talking().and_then(arrived(MODEL, agent="bob"))
    flow = flow.when(_long()).then(WindowChosen, decided(ModelDrainStarted, leases=1))
    flow.when(finished(MODEL)).then(ModelUnloadStarted)


def test_a_fixed_window_is_compressed_instead() -> None:
    flow = _talking(sizing="fixed").and_then(talked(15, 100))
    assert not _all(flow.when(_long(100)), WindowChosen)
    assert the(flow.and_then(_long(100)).state).window_tokens == OWN


def test_it_is_compressed_once_there_is_no_larger_one() -> None:
    """The weights and 20,000 tokens take what may be used."""
    flow = _talking(3_750_000)
    sizes: list[int] = []
    for _ in range(400):
        step = flow.when(said("user", 50))
        chosen = [one.context_tokens for one in _all(step, WindowChosen)]
        sizes += chosen
        flow = step.given
        if chosen:
            assert not _all(step, ContextCompressionStarted)
            flow = flow.and_then(unloaded(MODEL), arrived(MODEL, agent=str(len(sizes))), _loaded)
            flow = flow.and_then(finished(MODEL))
        if any(isinstance(event.body, ContextCompressionStarted) for event in flow.history):
            break
    assert sizes == [6_144, 8_192, 12_288, 16_384, 20_000]
    assert the(flow.state).tokens > 20_000 * 8 // 10


def test_a_message_for_which_the_window_is_too_small_is_not_refused() -> None:
    flow = _talking().when(_long(10_000))
    assert not _all(flow, MessageRefused)
    assert the(flow.given.state).window_tokens == 16_384
    assert _all(_talking(sizing="fixed").when(_long(10_000)), MessageRefused)


def test_no_window_is_larger_than_what_the_model_was_made_for() -> None:
    flow = _talking().and_then(_described(5_000)).when(_long())
    assert [one.context_tokens for one in _all(flow, WindowChosen)] == [5_000]
    assert not _all(flow.given.when(said("user", 1_000)), WindowChosen)


def test_a_load_that_may_take_more_than_there_is_is_not_tried() -> None:
    """Another has taken more than it was said to, and so may this one."""
    other = (described("p:b", 1_000_000), arrived("p:b"), loaded("p:b", 2_500_000), finished("p:b"))
    flow = _talking(5_000_000).and_then(*other)
    assert affordable_tokens(flow.state, MODEL) == 5_000
    assert not _all(flow.when(_long()), WindowChosen)


def test_others_models_and_pinned_ones_stay_as_they_are() -> None:
    assert not _all(_talking().and_then(PinChanged(model=MODEL, pinned=True)).when(_long()), WindowChosen)
    theirs = begun(terms={"window_tokens": OWN, "sizing": "auto"})
    theirs = theirs.and_then(sampled(0, 10**8), _described(), found(MODEL, origin="external"))
    assert not _all(theirs.when(_long(3_600)), WindowChosen)


def test_one_that_was_chosen_while_it_was_loaded_is_had_before_anybody_is_served() -> None:
    terms = {"window_tokens": OWN, "reserve_tokens": 512, "sizing": "auto"}
    loading = begun(terms=terms).and_then(sampled(0, 10**8), _described(), arrived(MODEL))
    [small] = [event.body for event in loading.history if isinstance(event.body, ModelLoadStarted)]
    assert small.need[RAM] == 1_000_000 + OWN * 100

    def as_asked(state: State) -> ModelLoaded:
        fact = _loaded(state)
        residency = fact.residency.model_copy(update={"context_tokens": OWN})
        return fact.model_copy(update={"residency": residency})

    flow = loading.and_then(_long()).when(as_asked)
    [drain] = _all(flow, ModelDrainStarted)
    assert drain.motive == "window"
    [again] = _all(flow.given.when(unloaded(MODEL)), ModelLoadStarted)
    assert again.need[RAM] == 1_000_000 + 6_144 * 100


def test_what_cannot_be_loaded_so_is_loaded_as_before() -> None:
    flow = _talking().and_then(_long(), unloaded(MODEL), arrived(MODEL))
    failed = flow.when(load_failed(MODEL))
    [chosen] = _all(failed, WindowChosen)
    assert (chosen.before_tokens, chosen.context_tokens, chosen.failed) == (6_144, OWN, True)
    after = failed.given
    assert the(after.state).window_tokens == OWN
    known = after.state.models[MODEL].description
    assert known is not None
    assert known.context_tokens == OWN
    assert not _all(after.when(said("user", 10)), WindowChosen)


def test_what_cannot_be_unloaded_keeps_its_window() -> None:
    flow = _talking().and_then(_long())
    kept = flow.when(ModelUnloadFailed(model=MODEL, cause_text="it is stuck"))
    assert _all(kept, WindowChosen)
    assert the(kept.given.state).window_tokens == OWN
    again = kept.given.when(said("user", 10))
    assert not _all(again, WindowChosen)


def test_what_nobody_needs_any_more_is_not_loaded_again() -> None:
    flow = _talking().and_then(_long(), unloaded(MODEL), arrived(MODEL, agent="eve"), _loaded)
    flow = flow.and_then(finished(MODEL))
    kept = flow.and_then(UnloadRequested(model=MODEL)).when(unloaded(MODEL))
    assert not _all(kept, WindowChosen)
    gone = flow.and_then(ContextForgotten(context=NAME), UnloadRequested(model=MODEL)).when(unloaded(MODEL))
    [chosen] = _all(gone, WindowChosen)
    assert (chosen.context_tokens, chosen.failed) == (OWN, False)


def test_what_is_to_be_answered_counts() -> None:
    flow = _talking().and_then(said("user", 1_000))
    grown = flow.when(WindowWanted(context=NAME, tokens=9_000))
    [chosen] = _all(grown, WindowChosen)
    assert chosen.context_tokens == 12_288
    grown.given.when(WindowWanted(context="nobody", tokens=9_000)).then()


def test_each_slot_has_the_window() -> None:
    terms = {"window_tokens": OWN, "reserve_tokens": 512, "sizing": "auto"}
    flow = begun(terms=terms).and_then(sampled(0, 10**8), _described(slots=2), opened("other", **terms))
    grown = flow.when(_long())
    [chosen] = _all(grown, WindowChosen)
    assert chosen.context_tokens == 2 * 6_144
    windows = {one.name: one.window_tokens for one in grown.given.state.contexts.named.values()}
    assert windows == {NAME: 6_144, "other": 6_144}


def test_a_new_description_keeps_the_window_that_was_chosen() -> None:
    flow = _talking().and_then(_long(), _described(5_500))
    known = flow.state.models[MODEL]
    assert known.described == _described(5_500).description
    assert known.description is not None
    assert known.description.context_tokens == 5_500


def test_a_window_that_was_wanted_for_one_answer_is_there_for_it() -> None:
    flow = _talking().and_then(said("user", 100), WindowWanted(context=NAME, tokens=9_000))
    back = flow.when(unloaded(MODEL))
    assert not _all(back, WindowChosen)
    assert the(back.given.state).window_tokens == 12_288


def test_a_budget_is_kept_in_whatever_window_there_is() -> None:
    terms: dict[str, Any] = {"window_tokens": OWN, "reserve_tokens": 512, "sizing": "auto"}
    flow = _talking().and_then(opened(budget_tokens=3_200, **terms))
    assert not _all(flow.when(_long()), WindowChosen)


def test_one_whose_window_nobody_knows_is_left_alone() -> None:
    terms = {"window_tokens": OWN, "sizing": "auto"}
    residency = Residency(model=MODEL, digest=MODEL, memory={}, provenance="", context_tokens=0, slots=1)
    flow = begun(terms=terms).and_then(sampled(0, 10**8), _described())
    flow = flow.and_then(ModelFound(model=MODEL, residency=residency))
    assert not _all(flow.when(_long(3_600)), WindowChosen)


def test_one_that_may_yet_stay_keeps_its_window() -> None:
    """It leaves for another, and may be spared."""
    flow = _talking().and_then(arrived(MODEL), UnloadRequested(model=MODEL))
    assert flow.state.models[MODEL].state is ModelState.DRAINING
    assert not _all(flow.when(_long()), WindowChosen)


def test_others_conversations_keep_the_window_they_have() -> None:
    terms = {"window_tokens": OWN, "reserve_tokens": 512}
    flow = _talking().and_then(opened("other", **terms), opened("closed", sizing="auto", **terms))
    flow = flow.and_then(said("user", 3_600, name="closed"), ContextClosed(context="closed"))
    flow = flow.and_then(unloaded(MODEL))
    flow = flow.and_then(opened(window_tokens=OWN, reserve_tokens=512, sizing="auto"), _long(8_000))
    windows = {one.name: one.window_tokens for one in flow.state.contexts.named.values()}
    assert windows == {NAME: 16_384, "other": OWN, "closed": 6_144}


def test_a_provider_that_is_away_says_nothing_of_the_window() -> None:
    flow = _talking().and_then(_long(), unloaded(MODEL), arrived(MODEL))
    away = ModelLoadFailed(model=MODEL, code="PROVIDER_UNAVAILABLE", cause_text="it is out")
    failed = flow.when(away)
    assert not _all(failed, WindowChosen)
    assert the(failed.given.state).window_tokens == 6_144
