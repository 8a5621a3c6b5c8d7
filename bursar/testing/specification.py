"""`given(…).when(fact).then(decisions)`: what a rule says, as a test.

    given(
        running(max_models_loaded=1),
        resident("small"),
        described("large"),
    ).when(arrived("large")).then(
        decided(EvictionPlanned, victims=("small",)),
        decided(ModelDrainStarted, model="small"),
        ModelUnloadStarted,
        RequestQueued,
    )

Only facts are given (`facts` has them with defaults); the decisions follow by themselves, as they do when a
manager runs. All facts happen at one moment unless `after(ms)` stands between them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from ..domain.events import Decision, Event, Fact
from ..domain.kernel import Step, initial, step
from ..domain.reasons import Reason
from ..domain.requests.events import RequestArrived
from ..domain.requests.line import NS_PER_MS
from ..domain.state import State

#: A fact that names what only the state knows, such as the request that holds a lease.
LateFact = Callable[[State], Fact]


@dataclass(frozen=True, slots=True)
class Pause:
    """Time that passes between two facts."""

    ms: int


Happening = Fact | LateFact | Pause | tuple["Happening", ...]

_EPOCH = 1_700_000_000 * 10**9


@dataclass(frozen=True, slots=True)
class Expected:
    """A decision of which only some fields matter."""

    type: type[Decision]
    fields: dict[str, Any]

    def matches(self, decision: Decision) -> bool:
        """Whether it is of that type and has these fields; `rule` is the rule of its reason."""
        return type(decision) is self.type and all(
            _field(decision, name) == value for name, value in self.fields.items()
        )

    def __str__(self) -> str:
        return " ".join([self.type.name, *(f"{name}={value!r}" for name, value in self.fields.items())])


@dataclass(frozen=True, slots=True)
class Given:
    """What has happened so far."""

    state: State = field(default_factory=initial)
    now: int = _EPOCH
    history: tuple[Event, ...] = ()

    def and_then(self, *happened: Happening) -> "Given":
        """More facts, with the decisions that follow from each."""
        given = self
        for one in happened:
            if isinstance(one, Pause):
                given = Given(given.state, given.now + one.ms * NS_PER_MS, given.history)
            elif isinstance(one, Fact) or callable(one):
                given = given.when(one).given
            else:
                given = given.and_then(*one)
        return given

    def when(self, fact: Fact | LateFact, *, after_ms: int = 0) -> "When":
        """One more fact, whose decisions are looked at."""
        at = self.now + after_ms * NS_PER_MS
        taken = step(self.state, fact if isinstance(fact, Fact) else fact(self.state), at=at)
        return When(Given(taken.state, at, (*self.history, *taken.events)), taken)

    def request(self, agent: str) -> int:
        """The id of the last request of an agent."""
        for event in reversed(self.history):
            if isinstance(event.body, RequestArrived) and event.body.agent == agent:
                return event.position
        raise LookupError(f"{agent} asked for nothing")


@dataclass(frozen=True, slots=True)
class When:
    """A step that was taken, and the state after it."""

    given: Given
    step: Step

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """What was concluded, in order."""
        return tuple(event.body for event in self.step.decisions if isinstance(event.body, Decision))

    def then(self, *expected: type[Decision] | Decision | Expected) -> Given:
        """Exactly these decisions follow, in this order: given by type, by some fields, or as a whole."""
        difference = _difference(expected, self.decisions)
        if any(not line.startswith(" ") for line in difference):
            missing = "  - expected, + decided instead"
            raise AssertionError("\n".join([f"after {self.step.fact.body.name}:{missing}", *difference]))
        return self.given

    def then_nothing(self) -> Given:
        """No decision follows."""
        return self.then()

    def of(self, kind: type[Decision]) -> Decision:
        """The only decision of a type, to look at more closely."""
        found = [decision for decision in self.decisions if type(decision) is kind]
        if len(found) != 1:
            lines = [f"{len(found)} decisions are {kind.name}:", *map(_line, self.decisions)]
            raise AssertionError("\n  ".join(lines))
        return found[0]


def given(*happened: Happening) -> Given:
    """The facts that a specification starts from."""
    return Given().and_then(*happened)


def decided(kind: type[Decision], **fields: Any) -> Expected:
    """A decision with these fields, whatever the others are; `rule` is the rule of its reason."""
    return Expected(kind, fields)


def after(ms: int) -> Pause:
    """Let time pass between two facts."""
    return Pause(ms)


def _difference(
    expected: Sequence[type[Decision] | Decision | Expected], decisions: Sequence[Decision]
) -> list[str]:
    """The longest common part with two spaces in front, what is missing with -, what is too much with +."""

    @cache
    def from_here(done: int, seen: int) -> tuple[str, ...]:
        if done == len(expected) or seen == len(decisions):
            missing = tuple(f"- {_wanted(one)}" for one in expected[done:])
            return missing + tuple(f"+ {_line(decision)}" for decision in decisions[seen:])
        if _matches(expected[done], decisions[seen]):
            return (f"  {_line(decisions[seen])}", *from_here(done + 1, seen + 1))
        lacking = (f"- {_wanted(expected[done])}", *from_here(done + 1, seen))
        surplus = (f"+ {_line(decisions[seen])}", *from_here(done, seen + 1))
        return min(lacking, surplus, key=len)

    return list(from_here(0, 0))


def _matches(expected: type[Decision] | Decision | Expected, decision: Decision) -> bool:
    if isinstance(expected, Expected):
        return expected.matches(decision)
    return type(decision) is expected if isinstance(expected, type) else decision == expected


def _wanted(expected: type[Decision] | Decision | Expected) -> str:
    if isinstance(expected, Expected):
        return str(expected)
    return expected.name if isinstance(expected, type) else _line(expected)


def _line(decision: Decision) -> str:
    """Its fields on one line, of its reason the rule alone."""
    fields = {name: _field(decision, name) for name in type(decision).model_fields if name != "reason"}
    shown = [f"{name}={value!r}" for name, value in fields.items()]
    return " ".join([decision.name, *shown, f"rule={_field(decision, 'rule')!r}"])


def _field(decision: Decision, name: str) -> object:
    if name != "rule":
        return getattr(decision, name)
    reason: Reason | None = getattr(decision, "reason", None)
    return reason.rule if reason else None
