"""Whatever happens in the world, the kernel keeps its rules (`invariants`), and everybody is answered."""

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from bursar.domain.kernel import Step, evolve, initial
from bursar.domain.requests.events import LeaseGranted
from bursar.domain.requests.line import NS_PER_MS, overdue
from bursar.domain.state import State
from bursar.projections.history import fold, state_from_json, state_to_json
from bursar.testing.worlds import World

from . import strategies as draw
from .invariants import Invariants
from .scripts import Action, Script, is_at_rest


@given(draw.scripts())
def test_every_step_keeps_the_rules_and_everybody_is_answered(script: Script) -> None:
    """The rules are checked after every step; at rest nobody waits and nothing is under way."""
    invariants = Invariants()
    world = script.play(invariants)
    invariants.everybody_was_answered()
    assert is_at_rest(world)


@given(draw.scripts())
def test_the_state_is_the_fold_of_the_history_from_wherever_one_starts(script: Script) -> None:
    """Live state, fold and continued fold agree at every step, and a state survives being stored."""
    live: dict[int, State] = {}
    world = script.play(lambda _before, taken: live.__setitem__(taken.state.position, taken.state))
    state = initial()
    for event in world.history:
        state = evolve(state, event)
        if event.position in live:
            assert state == live[event.position]
    for position in list(live)[:: max(1, len(live) // 5)]:
        stored = state_to_json(live[position])
        assert state_from_json(stored) == live[position]
        assert state_to_json(state_from_json(stored)) == stored
        assert fold(world.history[position:], live[position]) == world.state


_HOLD_MS, _UNLOAD_MS, _LOAD_MS = 1_000, 500, 4_000


@given(draw.crowds())
def test_whoever_is_overdue_is_served_within_a_bound(script: Script) -> None:
    """Those who came earlier may be served first, each with a load at most; nobody else.

    One load that is under way may have to be waited for, then a lease, an unload and the load itself.
    """
    since: dict[int, int] = {}
    bounds: dict[int, int] = {}

    def watch(_before: State, taken: Step) -> None:
        waiting = taken.state.waiting()
        for ahead, request in enumerate(waiting):
            if overdue(taken.state, request) and request.position not in since:
                since[request.position] = taken.state.at
                bounds[request.position] = (ahead + 1) * (_HOLD_MS + _UNLOAD_MS + _LOAD_MS) + _LOAD_MS
        for event in taken.decisions:
            if isinstance(event.body, LeaseGranted) and event.body.request in since:
                late_ms = (event.at - since[event.body.request]) // NS_PER_MS
                assert late_ms <= bounds[event.body.request], f"{event.body.request} waits for {late_ms} ms"

    assert is_at_rest(script.play(watch))


class Worlds(RuleBasedStateMachine):
    """The same worlds, one action at a time."""

    world: World
    watch: Invariants

    @initialize(script=draw.scripts())
    def begin(self, script: Script) -> None:
        self.watch = Invariants()
        self.world = script.world(self.watch)

    @rule(action=draw.asks)
    def ask(self, action: Action) -> None:
        action.play(self.world)

    @rule(action=draw.waits)
    def wait(self, action: Action) -> None:
        action.play(self.world)

    @rule(action=st.one_of(draw.traffic, *draw.rare))
    def anything_else(self, action: Action) -> None:
        action.play(self.world)

    @invariant()
    def the_live_state_can_be_stored(self) -> None:
        if hasattr(self, "world"):
            assert state_from_json(state_to_json(self.world.state)) == self.world.state

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.settle()
            self.watch.everybody_was_answered()
            assert is_at_rest(self.world)


def test_a_world_that_goes_on_action_by_action_keeps_the_rules() -> None:
    """What Hypothesis chooses next may depend on what has happened."""
    run_state_machine_as_test(Worlds, settings=settings(stateful_step_count=20))
