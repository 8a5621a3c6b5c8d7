"""Every answer of `why` is in its fields; the sentences say nothing else."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bursar.domain.errors import NoSuchModel, NoSuchPosition, NoSuchRequest
from bursar.domain.host.events import ManagerStopping, SettingsChanged
from bursar.domain.kernel import Origin
from bursar.domain.models.events import ModelLoadFailed, ModelLost, UnloadRequested
from bursar.domain.models.eviction import margin
from bursar.domain.reasons import reevaluate
from bursar.domain.requests.events import RequestCancelled
from bursar.domain.settings import Eviction, Limits, Settings
from bursar.eventstore.reader import Reader
from bursar.projections.figures import span
from bursar.projections.why import Explanation, why

from .wandering import wander
from .world import World, evicting


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def eviction(path: Path) -> Iterator[Explanation]:
    """Why `fake:rare` was unloaded, the first time."""
    evicting(path).close()
    with closing(Reader(path)) as reader:
        unloaded = next(reader.read(types=("ModelUnloaded",), subject="model/fake:rare"))
        yield why(reader, unloaded.position)


def explained(world: World, what: int | str) -> Explanation:
    """What the journal answers; the world is over then."""
    world.close()
    with closing(Reader(world.path)) as reader:
        return why(reader, what)


def types(explanation: Explanation) -> list[str]:
    return [link.type for link in explanation.chain]


def test_an_eviction_goes_back_to_the_request_by_way_of_the_plan(eviction: Explanation) -> None:
    assert types(eviction) == [
        "ModelUnloaded",
        "ModelUnloadStarted",
        "ModelDrainStarted",
        "EvictionPlanned",
        "RequestArrived",
    ]
    assert [link.relation for link in eviction.chain] == [
        "asked",
        "outcome_of",
        "drained_by",
        "planned_by",
        "requested_by",
    ]
    assert eviction.chain[-1].data["model"] == "fake:new"
    assert eviction.chain[-1].data["agent"] == "ada"


def test_an_eviction_names_the_victim_and_the_runner_up(eviction: Explanation) -> None:
    assert eviction.rule == "eviction.hybrid"
    assert [(candidate.model, candidate.chosen) for candidate in eviction.candidates] == [
        ("fake:rare", True),
        ("fake:busy", False),
    ]
    assert eviction.runner_up == ("fake:busy",)
    assert eviction.margin == eviction.candidates[1].score[0] - eviction.candidates[0].score[0]


def test_an_eviction_shows_what_was_compared(eviction: Explanation) -> None:
    failed = [test for test in eviction.comparisons if not test.holds]
    assert [test.what for test in failed] == ["uncommitted ram"]
    assert failed[0].right == 5 << 30


def test_the_evidence_says_how_old_it_was(eviction: Explanation) -> None:
    ages = {piece.what: (piece.position, piece.type, piece.age_ms) for piece in eviction.evidence}
    assert ages == {
        "settings": (2, "SettingsChanged", 102_000),
        "reading": (3, "MetricsSampled", 102_000),
    }


def test_what_an_eviction_was_good_for_and_what_it_cost_is_told(eviction: Explanation) -> None:
    made_room = [effect.type for effect in eviction.effects if effect.consequence == "made_room_for"]
    assert made_room == ["ModelLoaded", "LeaseGranted"]
    (regret,) = eviction.regrets
    assert (regret.model, regret.load_ms) == ("fake:rare", 4000)
    assert [delayed.waited_ms for delayed in regret.delayed] == [4200]


def test_the_sentences_name_victim_requester_comparisons_and_runner_up(eviction: Explanation) -> None:
    text = str(eviction)
    first = text.partition("\n")[0]
    assert first.startswith("fake:rare was unloaded at 2026-10-01T12:01:42.200Z (#31): ")
    assert "room had to be made for fake:new, which request/26 of ada asked for" in first
    assert "uncommitted ram             819 MiB >= 5 GiB   no" in text
    cost, more = span(eviction.candidates[0].score[0] // 1000), span((eviction.margin or 0) // 1000)
    assert f"1. fake:rare (chosen): its absence costs {cost} of loading an hour; frees 5 GiB of ram" in text
    assert f"The next best choice, fake:busy, would have cost {more} of loading an hour more." in text
    assert "reading #3          1 min 42 s old  ram 2 GiB of 16 GiB used" in text
    assert "loading it took 4 s, which delayed request/37 by 4.2 s." in text


def test_an_explanation_survives_json(eviction: Explanation) -> None:
    assert Explanation.model_validate_json(eviction.model_dump_json()) == eviction


def test_a_model_stands_for_the_last_event_that_moved_it(path: Path) -> None:
    explanation = explained(evicting(path), "fake:rare")
    assert (explanation.asked.type, explanation.asked.subject) == ("ModelLoaded", "model/fake:rare")
    assert str(explanation).startswith("fake:rare was loaded at ")
    assert "request/37 of bob asked for it; fake:new left for it" in str(explanation)


def test_a_model_may_be_named_without_its_provider(path: Path) -> None:
    assert explained(evicting(path), "busy").asked.subject == "model/fake:busy"


def test_a_request_is_explained_by_the_last_decision_about_it(path: Path) -> None:
    explanation = explained(evicting(path), "request/26")
    assert types(explanation) == [
        "LeaseGranted",
        "ModelLoaded",
        "ModelLoadStarted",
        "EvictionPlanned",
        "RequestArrived",
    ]
    assert "after 4.2 s, for it had to be loaded, and fake:rare had to leave" in str(explanation)
    assert [effect.type for effect in explanation.effects] == ["RequestFinished"]


def test_a_request_that_waits_says_for_what(path: Path) -> None:
    world = World.started(path)
    world.describe("fake:a", 5)
    request = world.ask("fake:a")
    assert "fake:a was still being loaded" in str(explained(world, f"request/{request}"))


def test_a_request_that_got_a_slot_says_who_let_go(path: Path) -> None:
    world = World.started(path)
    world.describe("fake:a", 5)
    first, second = world.ask("fake:a"), world.ask("fake:a")
    world.settle()
    world.finish(first)
    explanation = explained(world, f"request/{second}")
    assert f"after 5 s, when request/{first} had let go of it" in str(explanation)


def test_a_request_that_can_never_be_served_says_what_is_short(path: Path) -> None:
    world = World.started(path)
    world.describe("fake:huge", 40)
    explanation = explained(world, f"request/{world.ask('fake:huge')}")
    assert explanation.asked.type == "RequestRejected"
    assert [(test.what, test.holds) for test in explanation.comparisons][-1] == ("ceiling ram", False)
    assert "RESOURCE_LIMIT_EXCEEDED" in str(explanation)


def test_a_request_whose_load_failed_says_why_it_failed(path: Path) -> None:
    world = World.started(path)
    world.describe("fake:a", 5)
    request = world.ask("fake:a")
    intent = world.state.models["fake:a"].intent or 0
    body = ModelLoadFailed(model="fake:a", code="MODEL_LOAD_FAILED", cause_text="the file is cut short")
    world.record(body, origin=Origin(intent, request))
    explanation = explained(world, f"request/{request}")
    assert types(explanation)[:3] == ["RequestRejected", "ModelLoadFailed", "ModelLoadStarted"]
    assert "fake:a could not be loaded, the file is cut short" in str(explanation)


def test_an_expired_request_says_since_when_it_had_waited(path: Path) -> None:
    world = World.started(path)
    world.describe("fake:a", 5)
    request = world.ask("fake:a", deadline_ms=1000)
    world.wait(1500)
    world.tick()
    explanation = explained(world, f"request/{request}")
    assert types(explanation)[:2] == ["RequestExpired", "RequestQueued"]
    assert [(test.what, test.left, test.right) for test in explanation.comparisons] == [
        ("waited_ms", 1500, 1000)
    ]


def test_an_idle_model_left_because_it_was_not_worth_its_memory(path: Path) -> None:
    world = World.started(path)
    world.describe("fake:a", 5)
    world.serve("fake:a")
    world.wait(3_600_000)
    world.tick()
    world.settle()
    explanation = explained(world, "fake:a")
    assert explanation.rule == "unload.idle"
    assert "nobody had used it for 1 h, and it was worth keeping idle for " in str(explanation)
    assert "Nobody has wanted fake:a since it left." in str(explanation)


def test_a_model_that_an_operator_wanted_out_says_who(path: Path) -> None:
    world = World.started(path)
    world.describe("fake:a", 5)
    world.serve("fake:a")
    world.record(UnloadRequested(model="fake:a"), actor="ada")
    world.settle()
    explanation = explained(world, "fake:a")
    assert types(explanation)[-1] == "UnloadRequested"
    assert "ada wanted it out of memory" in str(explanation)


def test_a_wish_that_came_while_it_was_loading_is_found(path: Path) -> None:
    world = World.started(path)
    world.describe("fake:a", 5)
    request = world.ask("fake:a")
    world.record(UnloadRequested(model="fake:a"), actor="ada")
    world.load("fake:a")
    if request in world.state.requests:
        world.finish(request)
    world.settle()
    explanation = explained(world, "fake:a")
    assert "ada wanted it out of memory" in str(explanation)


def test_pressure_names_the_excess_and_the_reading(path: Path) -> None:
    world = World.started(path)
    world.describe("fake:a", 5)
    world.serve("fake:a")
    world.sample(15, **{"fake:a": 5 << 30})
    world.settle()
    explanation = explained(world, "fake:a")
    assert types(explanation)[-2:] == ["EvictionPlanned", "MetricsSampled"]
    assert "more was in use than may be" in str(explanation)
    assert [piece.age_ms for piece in explanation.evidence if piece.what == "reading"] == [0]


def test_a_model_that_may_stay_after_all_says_whose_plan_was_given_up(path: Path) -> None:
    world = World.started(path, Settings(limits=Limits(max_models_loaded=1)))
    world.describe("fake:a", 1, slots=2)
    world.describe("fake:b", 1)
    world.ask("fake:a")
    world.settle()
    passed = world.ask("fake:b")
    world.ask("fake:a")
    world.wait(61_000)
    world.tick()
    world.record(RequestCancelled(request=passed), origin=Origin(passed, passed))
    explanation = explained(world, "fake:a")
    assert types(explanation)[:3] == ["ModelDrainCancelled", "PlanAbandoned", "RequestCancelled"]
    assert explanation.rule == "plan.unwanted"


def test_a_model_may_be_loaded_because_the_settings_want_it(path: Path) -> None:
    world = World.started(path)
    world.describe("fake:a", 1)
    world.record(SettingsChanged(settings=Settings(preload=("fake:a",))), actor="ada")
    world.settle()
    assert "the settings want it in memory from the start" in str(explained(world, "fake:a"))


def test_a_closing_manager_unloads_everything(path: Path) -> None:
    world = World.started(path)
    world.describe("fake:a", 1)
    world.serve("fake:a")
    world.record(ManagerStopping())
    world.settle()
    explanation = explained(world, "fake:a")
    assert explanation.rule == "manager.stopping"
    assert ": the manager was closing.\n" in str(explanation)


def test_a_model_that_vanished_has_no_cause_in_the_journal(path: Path) -> None:
    world = World.started(path)
    world.describe("fake:a", 5)
    world.serve("fake:a")
    lost = world.record(ModelLost(model="fake:a", cause_text="killed by signal 9"))
    explanation = explained(world, lost)
    assert types(explanation) == ["ModelLost"]
    assert explanation.decided is None
    assert "killed by signal 9; no event of the journal caused it" in str(explanation)


@pytest.mark.parametrize("policy", ["lru", "lfu", "priority"])
def test_every_policy_has_words_for_its_scores(path: Path, policy: str) -> None:
    eviction = Eviction.model_validate({"policy": policy})
    world = World.started(path, Settings(limits=Limits(max_models_loaded=2), eviction=eviction))
    for model in ("fake:a", "fake:b", "fake:c"):
        world.describe(model, 1)
        world.serve(model)
    world.close()
    with closing(Reader(path)) as reader:
        *_, planned = reader.read(types=("EvictionPlanned",))
        explanation = why(reader, planned.position)
    assert explanation.runner_up == ("fake:b",)
    phrase = {"lru": "was last used ", "lfu": "had been requested 0 times", "priority": "higher by 0"}[policy]
    assert phrase in str(explanation)


def test_what_is_not_there_is_said_to_be_missing(path: Path) -> None:
    evicting(path).close()
    with closing(Reader(path)) as reader:
        with pytest.raises(NoSuchPosition, match="no event at position 99999; the journal has 47 events"):
            why(reader, 99999)
        with pytest.raises(NoSuchPosition):
            why(reader, "0")
        with pytest.raises(NoSuchModel, match="known: fake:busy, fake:new, fake:rare"):
            why(reader, "fake:none")
        with pytest.raises(NoSuchRequest, match="no request/2"):
            why(reader, "request/2")


@pytest.mark.parametrize("seed", range(4))
def test_whatever_happened_can_be_explained(path: Path, seed: int) -> None:
    """Chains go back and end; reasons hold; runners-up cost what the margin says; there are always words."""
    wander(path, seed).close()
    with closing(Reader(path)) as reader:
        for record in reader.read():
            explanation = why(reader, record.position)
            positions = [link.position for link in explanation.chain]
            assert positions[0] == record.position
            assert positions == sorted(set(positions), reverse=True)
            assert all(reevaluate(link.reason) for link in explanation.chain if link.reason)
            assert all(effect.position > record.position for effect in explanation.effects)
            assert str(explanation).partition("\n")[0].endswith(".")
            if record.kind == "decision":
                assert explanation.decided in positions
            _runner_up_is_the_one_of_the_margin(explanation)


def _runner_up_is_the_one_of_the_margin(explanation: Explanation) -> None:
    if not explanation.runner_up:
        return
    scores = {candidate.model: candidate.score[0] for candidate in explanation.candidates}
    chosen = sum(candidate.score[0] for candidate in explanation.candidates if candidate.chosen)
    assert sum(scores[name] for name in explanation.runner_up) - chosen == explanation.margin


def test_the_margin_of_the_rule_is_the_margin_shown(eviction: Explanation) -> None:
    plan = eviction.link("EvictionPlanned")
    assert plan is not None
    assert plan.reason is not None
    assert margin("hybrid", plan.reason.candidates, plan.data["shortfall"]) == eviction.margin
