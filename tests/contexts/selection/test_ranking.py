"""Which turns a question is about: small conversations, made up."""

from collections.abc import Sequence

import pytest

from bursar.domain.selection.index import Index
from bursar.domain.selection.specialisation import PROFILES, Profile
from bursar.domain.selection.values import WHOLE, Turn

from .test_index import indexed, said

#: Something that is about nothing.
SMALL_TALK = [
    said("Nice weather this morning."),
    said("Same here, a bit windy perhaps."),
    said("True, lovely sky though."),
]


def best(index: Index, query: str, *, profile: str | Profile = "general") -> int:
    return index.rank(query, profile=profile).index(WHOLE)


def spaced(*turns: Turn) -> Index:
    """Turns so far apart that none tells of another."""
    return indexed(*[each for turn in turns for each in (*SMALL_TALK, turn, *SMALL_TALK)])


def place(number: int) -> int:
    """Where `spaced` puts a turn."""
    return number * (2 * len(SMALL_TALK) + 1) + len(SMALL_TALK)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("Where did we camp?", 0),
        ("What did the violinist play?", 1),
        ("How much is the rent?", 2),
        # Spelt otherwise: no word of the question is in the turn.
        ("campground", 0),
        ("violn", 1),
        ("appartment rents", 2),
    ],
)
def test_a_question_finds_the_turn_that_answers_it(query: str, expected: int) -> None:
    index = spaced(
        said("We were camping by the lake."),
        said("She plays the violin, mostly Bach."),
        said("My apartment is rented for 900."),
    )
    assert best(index, query) == place(expected)


def test_a_rare_word_weighs_more_than_two_common_ones() -> None:
    index = indexed(*[said("the blue house")] * 20, said("the grey turret"), *[said("the blue house")] * 20)
    assert index.rank("blue house turret", alone=True).index(WHOLE) == 20


def test_a_mention_in_passing_is_worth_less_than_half_of_a_turn_about_it() -> None:
    passing = "we went to look for the shop and its owner, then walked along the river with a kettle " * 3
    index = indexed(said("green kettle"), said(passing.replace("kettle", "friend", 2)), *SMALL_TALK)
    about, mention, *others = index.rank("kettle", alone=True)
    assert max(others) < mention < about / 2


def test_the_turns_around_a_hit_come_before_those_far_from_it() -> None:
    index = indexed(*SMALL_TALK * 4, said("We were camping by the lake."), *SMALL_TALK * 4)
    scores = index.rank("lake")
    assert sorted(range(len(scores)), key=lambda turn: -scores[turn])[:3] == [12, 11, 13]


def test_turns_that_stand_alone_tell_nothing_of_each_other() -> None:
    index = indexed(*SMALL_TALK, said("We were camping by the lake."), *SMALL_TALK)
    scores = index.rank("lake", alone=True)
    assert scores[3] == WHOLE
    # Beside the hit as far from it.
    assert scores[2] == scores[6]
    assert index.rank("lake")[2] > index.rank("lake")[6]


def test_a_meeting_is_kept_in_longer_stretches_than_a_dialogue() -> None:
    def share(speakers: Sequence[str], filler: str) -> float:
        turns = [Turn("user", filler, speakers[at % len(speakers)]) for at in range(81)]
        turns[40] = Turn("user", "the budget of the new office", speakers[0])
        scores = indexed(*turns).rank("budget")
        return scores[44] / scores[40]

    sentence = "and then we went on to look at what there was on the other side of the road " * 2
    assert share(["Ann", "Bob", "Cy", "Di"], "yeah okay") > 5 * share(["Ann", "Bob"], sentence)


def test_of_two_people_the_one_asked_about_comes_first() -> None:
    turns = [Turn("user", "I moved house last summer.", name) for name in ("Ann", "Bob")]
    index = spaced(*turns)
    assert best(index, "Where did Ann move?") == place(0)
    assert best(index, "Where did Bob move?") == place(1)


def test_what_is_beside_a_hit_and_by_who_is_asked_about_comes_before_the_hit() -> None:
    """Somebody else asks in those words, and who is asked about answers in others."""
    filler = "well I never thought about that so much, it was how it was to be"
    turns = [Turn("user", filler, ("Ann", "Bob")[at % 2]) for at in range(40)]
    turns[20] = Turn("user", "and then you moved house in the spring of that year", "Ann")
    scores = indexed(*turns).rank("Where did Bob move house?")
    assert scores[21] > scores[20] > scores[22]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("What did I say about the boiler?", 0),
        ("what was my question about the boiler", 0),
        ("What did you say about the boiler?", 1),
        ("your advice on the boiler", 1),
        # Asking is not asking about whom is asked, nor about who asks.
        ("Can you remind me of your advice on the boiler?", 1),
        ("Could you tell me what I said about the boiler", 0),
    ],
)
def test_i_am_the_user_and_you_are_the_assistant(query: str, expected: int) -> None:
    boiler = "The boiler makes a noise at night."
    turns = [Turn("user", boiler), Turn("assistant", boiler)]
    aside = [turn._replace(role="tool") for turn in SMALL_TALK * 3]
    scores = indexed(*aside, turns[0], *aside, turns[1], *aside).rank(query)
    places = [len(aside), 2 * len(aside) + 1]
    assert scores[places[expected]] > scores[places[1 - expected]]


def test_of_two_turns_alike_the_one_that_states_facts_comes_first() -> None:
    # Only capitals tell them apart.
    vague, factual = (
        said("the train was late on monday in turin"),
        said("the train was late on Monday in Turin"),
    )
    assert best(spaced(vague, factual), "train late") == place(1)
    assert best(spaced(factual, vague), "train late") == place(0)


def test_a_profile_lifts_what_such_an_agent_attends_to() -> None:
    index = spaced(
        said("The release party was fun, the release cake too."),
        said("The release fails: a stack trace, an exception in the build of the module."),
    )
    assert best(index, "the release party", profile="coding") == place(0)
    general, coding = index.rank("release"), index.rank("release", profile="coding")
    assert coding[place(1)] / coding[place(0)] > general[place(1)] / general[place(0)]


def test_anybody_can_have_a_profile_of_their_own() -> None:
    index = spaced(said("release of roses"), Turn("tool", "release of lilies"))
    gardener, auditor = Profile("gardener", ("Roses!",)), Profile("auditor", roles=(("tool", 1.0),))
    assert best(index, "release", profile=gardener) == place(0)
    assert best(index, "release", profile=auditor) == place(1)


def test_a_profile_that_there_is_not_is_an_error() -> None:
    with pytest.raises(KeyError, match="gardener"):
        indexed(said("tea")).rank("tea", profile="gardener")


def test_profiles_are_called_what_they_are_found_by() -> None:
    assert [profile.name for profile in PROFILES.values()] == list(PROFILES)
    assert PROFILES["general"] == Profile("general")
    assert all(profile.terms() for name, profile in PROFILES.items() if name != "general")


def test_embeddings_find_what_no_word_does() -> None:
    index = spaced(said("We sold the car."), said("We adopted a puppy."))
    similarities = [0.1] * len(index)
    similarities[place(0)] = 0.9
    found = index.rank("automobile", similarities=similarities)
    assert found[place(0)] == WHOLE
    # That no word is known makes the latest no better.
    assert found[-1] < WHOLE / 2
    # Beside words they are a second opinion, of the same standing.
    scores = index.rank("puppy", similarities=similarities)
    assert min(scores[place(0)], scores[place(1)]) > max(scores[place(0) + 3], scores[place(1) + 3])


def test_how_similar_all_are_tells_of_no_place_in_a_conversation() -> None:
    index = indexed(*[said("Tea?"), Turn("assistant", "Yes.")] * 20)
    assert len(set(index.rank("puppy", similarities=[0.7] * 40))) == 1
    # One that is more similar than the others is the best also at the edge.
    scores = index.rank("puppy", similarities=[0.9, *[0.7, 0.6] * 19, 0.7])
    assert scores.index(WHOLE) == 0


@pytest.mark.parametrize("similarities", [[0.5], [0.5, 0.5, 0.5], [0.5, float("nan")], [float("inf"), 0.1]])
def test_similarities_that_are_not_one_for_each_turn_are_refused(similarities: list[float]) -> None:
    with pytest.raises(ValueError, match="2 turns"):
        indexed(said("a"), said("b")).rank("a", similarities=similarities)
