"""Digests and snapshots of states with many messages."""

import hashlib
from collections.abc import Iterator

import pytest

from bursar.domain.contexts import entries
from bursar.domain.copying import replace
from bursar.domain.kernel import initial, step
from bursar.domain.state import State
from bursar.projections import history
from bursar.projections.history import (
    Digests,
    digest,
    state_from_json,
    state_to_json,
    state_to_json_slowly,
)

from ..contexts.domain.support import begun, said


def _states(messages: int) -> Iterator[State]:
    """Of a conversation that goes on."""
    world = begun(max_messages=10**6, terms={"window_tokens": 10**9})
    state = world.state
    for number in range(messages):
        state = step(state, said("user" if number % 2 == 0 else "assistant"), at=world.now).state
        yield state


def _named(state: State, **names: int) -> State:
    """The state with more contexts, each with the first messages of the one that there is."""
    [context] = state.contexts.named.values()
    more = {
        name: replace(context, name=name, entries=tuple(_cut(context.entries, number)))
        for name, number in names.items()
    }
    return replace(state, contexts=replace(state.contexts, named={**state.contexts.named, **more}))


def _with(state: State, **parts: entries.Entries) -> State:
    named = state.contexts.named
    changed = {name: replace(named[name], entries=part) for name, part in parts.items()}
    return replace(state, contexts=replace(state.contexts, named={**named, **changed}))


def _cut(known: entries.Entries, number: int) -> entries.Entries:
    found: entries.Entries = ()
    for entry in list(entries.every(known))[:number]:
        found = entries.appended(found, entry)
    return found


def test_what_is_remembered_of_one_state_changes_no_digest_of_another() -> None:
    digests, seen = Digests(), list[str]()
    states = list(_states(300))
    for state in [*states, *reversed(states)]:
        seen.append(digests.of(state))
        assert seen[-1] == digest(state)
    assert len(set(seen)) == 300
    assert Digests(states[0]).of(states[-1]) == digest(states[-1])


def test_of_a_long_conversation_only_what_is_new_is_hashed(monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[int] = []
    real = history._hashed  # pyright: ignore[reportPrivateUsage] # it is counted, not replaced

    def counted(block: history.Block) -> object:
        hashed.append(len(block))
        return real(block)

    monkeypatch.setattr(history, "_hashed", counted)
    *_, before, last = _states(1000)
    digests = Digests()
    digests.of(before)
    assert sum(hashed) == 999
    hashed.clear()
    digests.of(last)
    assert hashed == [1000 % 128]
    digests.of(begun().state)
    hashed.clear()
    digests.of(last)
    assert sum(hashed) == 1000, "what is in no state is not remembered"


def test_a_state_without_messages_is_hashed_as_its_json() -> None:
    opened = begun().state
    for state in (initial(), opened):
        assert digest(state) == hashlib.sha256(state_to_json(state)).hexdigest()


def test_every_message_and_whose_it_is_counts() -> None:
    *_, state = _states(260)
    both = _named(state, a=130, b=129)
    [context] = state.contexts.named.values()
    parted = [
        _with(both, a=context.entries[:cut], b=context.entries[cut:])
        for cut in range(1, len(context.entries))
    ]
    others = [*parted, state, _named(state, a=129, b=130), _named(state, a=130), _named(state, b=129, a=130)]
    changed = entries.changed(context.entries, 3, entries.at(context.entries, 3)._replace(pinned=True))
    seen = [digest(one) for one in (both, *others, _with(state, **{context.name: changed}))]
    assert len(set(seen)) == len(seen)


def test_a_state_that_is_written_in_parts_has_the_same_bytes() -> None:
    for state in (initial(), begun().state, *list(_states(300))[::37]):
        assert state_to_json_slowly(state) == state_to_json(state)
    *_, state = _states(260)
    several = _named(state, **{'"entries":[]': 0, 'x,"entries":[],': 130, "entries": 128, "größe": 1})
    written = state_to_json_slowly(several)
    assert written == state_to_json(several)
    assert state_from_json(written) == several
