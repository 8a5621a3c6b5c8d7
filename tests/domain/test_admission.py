"""Whether a model may be loaded at all: what the limits say, before anything is touched."""

from bursar.domain.models.events import EvictionPlanned, ModelLoadStarted, PinChanged, UnloadRequested
from bursar.domain.models.ledger import ceilings
from bursar.domain.models.machine import ModelState
from bursar.domain.requests.events import LeaseGranted, RequestQueued, RequestRejected
from bursar.domain.settings import Settings
from bursar.testing.facts import (
    arrived,
    configured,
    described,
    found,
    load_failed,
    loaded,
    resident,
    running,
    sampled,
    unloaded,
)
from bursar.testing.specification import When, decided, given


def rejection(step: When) -> RequestRejected:
    """The only decision is to turn the request away; nothing else is touched."""
    step.then(RequestRejected)
    decision = step.decisions[0]
    assert isinstance(decision, RequestRejected)
    return decision


def test_a_model_larger_than_the_limit_is_refused_before_anything_is_touched() -> None:
    flow = given(running(memory_bytes=200), resident("a"), described("big", 201))
    refused = rejection(flow.when(arrived("big")))
    assert (refused.code, refused.reason.rule) == ("RESOURCE_LIMIT_EXCEEDED", "admission.infeasible")
    assert refused.values == {
        "model": "big",
        "need": "201",
        "unit": " bytes",
        "resource": "ram",
        "ceiling": "200",
        "note": "",
    }


def test_a_model_that_fits_only_without_the_pinned_ones_is_refused_naming_them() -> None:
    flow = given(running(Settings(pins=("a",)), memory_bytes=200), resident("a"), resident("b"))
    refused = rejection(flow.and_then(described("big", 150)).when(arrived("big")))
    assert (refused.code, refused.reason.rule) == ("ALL_MODELS_PINNED", "admission.pinned")
    assert refused.values == {
        "model": "big",
        "need": "150",
        "unit": " bytes",
        "resource": "ram",
        "ceiling": "100",
        "note": "",
        "pinned": "a",
    }


def test_only_those_are_named_that_hold_what_is_short() -> None:
    """`g` is pinned as well, but it is on another device."""
    settings = Settings(pins=("a", "g"))
    flow = given(running(settings, memory_bytes=150), resident("a"), resident("g", device="gpu0"))
    assert rejection(flow.and_then(described("b")).when(arrived("b"))).values["pinned"] == "a"


def test_when_all_places_are_pinned_a_model_is_refused() -> None:
    flow = given(
        running(max_models_loaded=1), resident("a"), PinChanged(model="a", pinned=True), described("b")
    )
    assert rejection(flow.when(arrived("b"))).code == "ALL_MODELS_PINNED"


def test_the_operators_word_counts_more_than_the_settings() -> None:
    flow = given(running(Settings(pins=("a",)), max_models_loaded=1), resident("a"), described("b"))
    freed = flow.and_then(PinChanged(model="a", pinned=False)).when(arrived("b"))
    assert isinstance(freed.of(EvictionPlanned), EvictionPlanned)


def test_a_pinned_model_that_is_leaving_is_in_nobodys_way() -> None:
    flow = given(running(Settings(pins=("a",)), max_models_loaded=1), resident("a"), described("b"))
    leaving = flow.and_then(UnloadRequested(model="a"))
    waiting = leaving.when(arrived("b")).then(
        decided(EvictionPlanned, victims=(), rule="admission.fits"), RequestQueued
    )
    waiting.when(unloaded("a")).then(decided(ModelLoadStarted, model="b"))


def test_pinning_a_model_does_not_load_it() -> None:
    given(running(), described("a")).when(PinChanged(model="a", pinned=True)).then_nothing()


def test_a_waiting_request_is_turned_away_when_a_pin_makes_it_hopeless() -> None:
    flow = given(running(max_models_loaded=1), resident("a"), arrived("a"), described("b"), arrived("b"))
    step = flow.when(PinChanged(model="a", pinned=True))
    assert rejection(step).code == "ALL_MODELS_PINNED"


def test_no_more_models_are_loaded_than_the_limit_says() -> None:
    flow = given(running(max_models_loaded=2), described("a"), described("b"), described("c"))
    loading = flow.and_then(arrived("a"), arrived("b"))
    loading.when(arrived("c")).then(decided(RequestQueued, rule="admission.wait"))


def test_what_is_being_loaded_counts() -> None:
    flow = given(running(memory_bytes=150), described("a"), described("b"), arrived("a"))
    flow.when(arrived("b")).then(decided(RequestQueued, rule="admission.wait"))


def test_a_request_waits_while_those_in_its_way_are_in_use() -> None:
    flow = given(running(max_models_loaded=1), resident("a"), arrived("a"), described("b"))
    step = flow.when(arrived("b"))
    step.then(decided(RequestQueued, rule="admission.wait"))
    queued = step.of(RequestQueued)
    assert isinstance(queued, RequestQueued)
    assert [(one.model, one.because) for one in queued.reason.excluded] == [("a", "leases=1")]


def test_the_threshold_is_a_share_of_the_device() -> None:
    flow = given(running(memory_threshold_per_mille=800), described("a"), sampled(0, 1_000))
    assert ceilings(flow.state) == {"models": 3, "ram": 800}


def test_what_other_processes_use_is_set_aside() -> None:
    flow = given(running(memory_threshold_per_mille=800), described("a", 100), sampled(710, 1_000))
    assert ceilings(flow.state)["ram"] == 90
    assert rejection(flow.when(arrived("a"))).code == "RESOURCE_LIMIT_EXCEEDED"


def test_what_our_own_models_use_is_not_counted_twice() -> None:
    flow = given(running(), resident("a", 300), sampled(500, models={"a": 300}))
    assert flow.state.host.other == {"ram": 200}


def test_a_model_without_a_process_of_its_own_uses_what_the_ledger_says() -> None:
    flow = given(running(), resident("a", 300), sampled(500))
    assert flow.state.host.other == {"ram": 200}


def test_a_reading_taken_while_a_model_is_loaded_does_not_change_what_others_are_believed_to_use() -> None:
    """Nobody can tell how much of its memory the model has taken by then."""
    flow = given(running(), described("a", 300, device="gpu0"), sampled(50, device="gpu0"), arrived("a"))
    for used, others in ((50, 50), (150, 50), (350, 50), (400, 100), (30, 30)):
        assert flow.and_then(sampled(used, device="gpu0")).state.host.other == {"gpu0": others}
    known = flow.and_then(loaded("a"), sampled(400, device="gpu0"))
    assert known.state.host.other == {"gpu0": 100}


def test_a_device_that_cannot_be_read_is_not_limited() -> None:
    given(running(), described("a", 10**12, device="gpu0"), sampled(0)).when(arrived("a")).then(
        ModelLoadStarted, RequestQueued
    )


def test_the_lower_of_limit_and_threshold_holds() -> None:
    flow = given(running(memory_bytes=100, memory_threshold_per_mille=500), sampled(0, 1_000))
    assert ceilings(flow.state)["ram"] == 100
    assert ceilings(flow.and_then(sampled(450, 1_000)).state)["ram"] == 50


def test_raising_a_limit_serves_who_waits() -> None:
    flow = given(running(max_models_loaded=1), resident("a"), arrived("a"), described("b"), arrived("b"))
    flow.when(configured(max_models_loaded=2)).then(decided(ModelLoadStarted, model="b"))


def test_lowering_a_limit_turns_away_who_can_never_be_served() -> None:
    flow = given(
        running(memory_bytes=200), resident("a"), arrived("a"), described("big", 200), arrived("big")
    )
    refused = [
        decision
        for decision in flow.when(configured(memory_bytes=150)).decisions
        if isinstance(decision, RequestRejected)
    ]
    assert [decision.code for decision in refused] == ["RESOURCE_LIMIT_EXCEEDED"]


def test_a_model_on_one_device_does_not_wait_for_another() -> None:
    flow = given(
        running(memory_bytes=100), resident("a"), arrived("a"), described("b"), described("g", device="gpu0")
    )
    flow.and_then(arrived("b")).when(arrived("g")).then(decided(ModelLoadStarted, model="g"), RequestQueued)


def test_a_request_arriving_at_a_model_that_somebody_else_loaded_is_served() -> None:
    flow = given(running(), described("a")).when(found("a")).then_nothing()
    flow.when(arrived("a")).then(LeaseGranted)


def test_a_failed_model_found_in_memory_serves() -> None:
    flow = given(running(), described("a"), arrived("a"), load_failed("a"))
    assert flow.state.models["a"].state is ModelState.FAILED
    flow.and_then(found("a")).when(arrived("a")).then(LeaseGranted)
