"""The plan fills what there is room for; a window of the newest messages is none."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.domain.contexts.entries import appended
from bursar.domain.contexts.planning import Infeasible, Plan, keep
from bursar.domain.contexts.spans import backwards, holds, ordinals, shortened, spans_of
from bursar.domain.contexts.state import Context
from bursar.domain.contexts.structure import atoms, problems, protected, shape
from bursar.domain.contexts.values import Entry, Role, Span

from .mutants import naive


def _context(*entries: Entry) -> Context:
    """A context that holds these, all of them in its window."""
    known: tuple[tuple[Entry, ...], ...] = ()
    for entry in entries:
        known = appended(known, entry)
    return Context(
        name="x",
        position=1,
        model="p:a",
        agent="",
        genre="agent",
        window_tokens=10**9,
        reserve_tokens=0,
        budget_tokens=None,
        priority=0,
        opened_at=0,
        used_at=0,
        entries=known,
        window=spans_of(range(len(entries))),
        tokens=sum(entry.tokens for entry in entries),
        size=sum(entry.size for entry in entries),
    )


def _entry(role: Role, tokens: int = 10, calls: int = 0, answers: int | None = None) -> Entry:
    return Entry(1, role, tokens, tokens * 4, calls=calls, answers=answers, answered=calls)


_TRACE = _context(
    _entry("system"),
    _entry("user"),
    _entry("assistant", calls=2),
    _entry("tool", 50, answers=2),
    _entry("user"),
    _entry("tool", 50, answers=2),
    _entry("assistant"),
    _entry("user"),
)


def test_atoms_are_by_whose_call_it_is() -> None:
    assert atoms(_TRACE.entries, _TRACE.window) == ((0,), (1,), (2, 3, 5), (4,), (6,), (7,))
    assert protected(_TRACE, 1) == {0, 7}
    assert protected(_TRACE, 3) == {0, 1, 2, 3, 5, 6, 7}


def test_what_is_broken_is_named() -> None:
    def found(*window: int) -> tuple[str, ...]:
        return problems(_TRACE.entries, spans_of(window))

    assert found(*range(8)) == ()
    assert found(0, 1, 2, 3) == ("message 2 calls tools, and 1 results are left out",)
    assert found(0, 4, 5) == ("message 5 is the result of a call that is left out",)
    assert found(0, 6, 7) == ("message 6 stands first and is not the user's",)
    assert found(0, 4, 1) == ("its messages are out of order",)
    assert found(0, 1, 1) == ("it has a message twice",)
    assert found(0, 99) == ("it has messages that nobody added",)


def test_a_window_of_the_newest_messages_breaks_the_rules() -> None:
    """As soon as it does not begin by chance where a turn does."""
    scores = (0,) * 8
    for target in (10, 30, 80, 90, 140):
        plan = naive(_TRACE, scores, target, None, 0)
        assert problems(_TRACE.entries, plan.kept) or 0 not in ordinals(plan.kept)
        ours = keep(_TRACE, scores, target, None, 0)
        assert isinstance(ours, Infeasible) or problems(_TRACE.entries, ours.kept) == ()


def test_scores_are_of_the_window() -> None:
    with pytest.raises(ValueError, match="2 scores for 8 messages"):
        keep(_TRACE, (1, 2), 10)


def test_an_atom_is_worth_the_mean_of_its_tokens() -> None:
    plan = keep(_TRACE, (0, 0, 0, 100, 5, 0, 0, 0), 140, None, 0)
    assert isinstance(plan, Plan)
    # 100 × 50 of 110 tokens is 45 each.
    assert tuple(ordinals(plan.kept)) == (0, 1, 2, 3, 5, 7)


_messages = st.lists(
    st.tuples(st.sampled_from(("user", "assistant", "call", "tool", "system")), st.integers(1, 40)),
    min_size=1,
    max_size=40,
)


@given(_messages, st.integers(0, 600), st.integers(0, 6), st.randoms(use_true_random=False))
def test_nothing_that_is_left_out_would_have_fitted(
    messages: list[tuple[str, int]], target: int, keep_last: int, chance: random.Random
) -> None:
    """And the plan can be sent, is within its target, and is the same again."""
    context = _context(*_rows(messages))
    scores = [chance.randrange(1_000_000) for _ in messages]
    plan = keep(context, scores, target, None, keep_last)
    assert plan == keep(context, scores, target, None, keep_last)
    if isinstance(plan, Infeasible):
        assert plan.required_tokens > target
        return
    assert plan.tokens <= target
    assert problems(context.entries, plan.kept) == ()
    assert sorted([*ordinals(plan.kept), *ordinals(plan.dropped)]) == list(range(len(messages)))
    kept = frozenset(ordinals(plan.kept))
    for atom in atoms(context.entries, context.window):
        wider = spans_of(sorted(kept | frozenset(atom)))
        tokens = sum(shape(context.entries, spans_of(atom)).sent[place].tokens for place in range(len(atom)))
        if not kept & frozenset(atom) and not problems(context.entries, wider):
            assert plan.tokens + tokens > target


def _rows(messages: list[tuple[str, int]]) -> list[Entry]:
    rows: list[Entry] = []
    call: int | None = None
    for place, (kind, tokens) in enumerate(messages):
        answers = call if kind == "tool" else None
        role: Role = "assistant" if kind == "call" else kind  # type: ignore[assignment]  # a role as it is
        if kind == "call":
            call = place
        elif answers is not None:
            caller = rows[answers]
            rows[answers] = caller._replace(calls=caller.calls + 1, answered=caller.answered + 1)
        rows.append(_entry(role, tokens, answers=answers))
    return rows


def test_runs_of_ordinals() -> None:
    spans = spans_of((9, 3, 4, 5, 7))
    assert spans == (Span(9, 9), Span(3, 5), Span(7, 7))
    assert list(backwards(spans)) == [7, 5, 4, 3, 9]
    assert shortened(spans) == (Span(9, 9), Span(3, 5))
    assert shortened((Span(3, 5),)) == (Span(3, 4),)
    assert holds(spans, 4)
    assert not holds(spans, 6)
