"""What matters in which kind of conversation, as weights set by hand.

They follow from reading what people asked of conversations afterwards: statements about oneself, with names,
numbers and times, in words that are not said all the time, above all where they answer a question; while
questions, greetings, praise and what was said before seldom matter. They are halves, quarters and doubles,
set by reading, and then adjusted by hand on three conversations of LoCoMo; a third more or less of any
changes little (`benchmarks/contexts/query_agnostic.py` prints how much).
"""

from typing import Final, NamedTuple

from ..contexts.values import Genre


class Weights(NamedTuple):
    """A word that occurs in no other message is worth 1; the others say how much more or less."""

    #: Each that a sentence has. What is asked for later is most often a when, a who or a how many.
    number: float
    time: float
    name: float
    #: A word that was there already: it adds detail to what is known, not news.
    repeated: float
    #: Factors of a sentence. A question gets its worth from the answer, which has its words or replaces them.
    question: float
    #: Opens with a greeting or thanks.
    phatic: float
    #: Tells of oneself; tells the other about the other.
    first_person: float
    second_person: float
    #: Factor of a message that comes after one of somebody else's that asks.
    answer: float
    #: Power of the length that worth is divided by: 1 chooses by density and loses what is said at length,
    #: 0 chooses what is long.
    length: float
    #: Turns after which a message's worth tells of its neighbours e times less; 0 where it does not at all.
    spread: float = 0.0


GENRES: Final[dict[Genre, Weights]] = {
    "dialogue": Weights(
        number=1.0,
        time=2.0,
        name=1.0,
        repeated=0.5,
        question=0.25,
        phatic=0.5,
        first_person=1.25,
        second_person=0.5,
        answer=1.5,
        length=0.75,
    ),
    # A person and a program: who asks states the task, and numbers and names are what is worked on. What the
    # program's answers are worth is in the identifiers they hold.
    "agent": Weights(
        number=2.0,
        time=1.0,
        name=1.0,
        repeated=0.25,
        question=1.0,
        phatic=0.5,
        first_person=1.25,
        second_person=1.0,
        answer=1.25,
        length=0.75,
    ),
    # Meetings and texts: nothing in a turn says whether it will be asked for. What is new does, a little; and
    # a question about one turn is about those around it, ten or so on either side.
    "document": Weights(
        number=0.0,
        time=0.0,
        name=0.0,
        repeated=0.0,
        question=1.0,
        phatic=1.0,
        first_person=1.0,
        second_person=1.0,
        answer=1.0,
        length=1.0,
        spread=10.0,
    ),
}
