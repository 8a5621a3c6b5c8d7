"""A conversation is divided so that every part fits, and nothing that belongs together is parted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.contexts.chunking import Chunk, NoRoom, Room, chunks
from bursar.domain.selection.abstract import prompt
from bursar.domain.selection.values import Turn

from .support import count

#: Lengths of the messages of each atom; several are a call and its results.
_SHAPES = st.lists(st.lists(st.integers(0, 900), min_size=1, max_size=4), min_size=1, max_size=30)


def divided(
    shapes: list[list[int]], window: int, share: int, summary: int = 200
) -> tuple[list[tuple[int, ...]], list[Chunk]]:
    """Atoms, of which each second begins within the one before it; and the parts."""
    turns: list[tuple[int, Turn]] = []
    atoms: list[tuple[int, ...]] = []
    for shape in shapes:
        atoms.append(tuple(range(len(turns), len(turns) + len(shape))))
        turns += [(len(turns) + n, Turn("user", "word " * (size // 5))) for n, size in enumerate(shape)]
    if len(atoms) > 1 and len(atoms[0]) > 1:
        (*first, last), (begin, *rest) = atoms[0], atoms[1]
        # Calls made side by side: their results do not come in their order.
        atoms[:2] = [tuple(sorted([*first, begin])), tuple(sorted([last, *rest]))]
    return atoms, chunks(turns, atoms, Room(window, summary, count), share)


@given(_SHAPES, st.sampled_from([1400, 2048, 4096, 32768]), st.sampled_from([1, 2]))
def test_every_part_fits_and_every_message_is_in_one_with_all_of_its_atom(
    shapes: list[list[int]], window: int, share: int
) -> None:
    try:
        atoms, parts = divided(shapes, window, share)
    except NoRoom:
        return
    everything = sorted(ordinal for part in parts for ordinal, _ in part.turns)
    assert everything == list(range(sum(map(len, shapes))))
    for part in parts:
        ordinals = [ordinal for ordinal, _ in part.turns]
        assert ordinals == sorted(ordinals)
        assert all(set(atom) <= set(ordinals) or not set(atom) & set(ordinals) for atom in atoms)
        asked = prompt(part.turns, words=part.words)[0].content
        assert count(asked) + part.answer_tokens < window
        if len(parts) > 1:
            assert part.tokens <= max(96, window // 2 // share)


def test_what_fits_is_asked_about_at_once_and_then_in_halves() -> None:
    shapes = [[200]] * 20
    assert len(divided(shapes, 8192, 1)[1]) == 1
    assert len(divided(shapes, 8192, 2)[1]) == 2
    assert len(divided(shapes, 1400, 1)[1]) > 1


def test_a_message_that_fits_nowhere_is_cut_in_its_middle() -> None:
    text = "begin " + "word " * 9000 + "end"
    (part,) = chunks([(7, Turn("tool", text))], (), Room(2048, 200, count), 1)
    ((ordinal, turn),) = part.turns
    assert ordinal == 7
    assert turn.text.startswith("begin word") and turn.text.endswith("word end")
    assert " \u2026 " in turn.text


@pytest.mark.parametrize("window", [0, 100, 600])
def test_a_window_that_the_question_fills_has_no_room(window: int) -> None:
    with pytest.raises(NoRoom):
        divided([[200]], window, 1)
