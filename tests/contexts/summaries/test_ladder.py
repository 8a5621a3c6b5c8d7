"""Whatever the model does, there is a summary; and it is the model's only where it did well."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest

from bursar.chat import Answer
from bursar.contexts.summarising import Attempt, Summary, summarise
from bursar.domain.errors import (
    ContextTooLarge,
    ModelVanished,
    ProviderUnavailable,
    Unsupported,
)
from bursar.domain.ports import ChatRequest, Truncation
from bursar.domain.selection.extraction import extract
from bursar.domain.selection.values import Turn

from .support import GOOD, TURNS, count, stating, tokens

WELL = stating(*GOOD)
MAX = 160
Said = str | Answer | BaseException | Callable[[ChatRequest], str]


def answer(text: str, finish_reason: str = "stop", truncation: Truncation | None = None) -> Answer:
    return Answer("sim:a", text, finish_reason, 9, 9, truncation)


class Model:
    """Says what it is told to say, and nothing else; remembers what it was asked."""

    def __init__(self, *script: Said) -> None:
        self.script = list(script)
        self.asked: list[ChatRequest] = []

    async def __call__(self, request: ChatRequest) -> Answer:
        self.asked.append(request)
        said = self.script.pop(0)
        if isinstance(said, BaseException):
            raise said
        if isinstance(said, Answer):
            return said
        return answer(said if isinstance(said, str) else said(request))


def made(
    model: Callable[[ChatRequest], Coroutine[Any, Any, Answer]] | None,
    turns: Sequence[tuple[int, Turn]] = TURNS,
    **options: Any,
) -> tuple[Summary, list[Attempt]]:
    """The summary, and the attempts that came to nothing."""
    attempts: list[Attempt] = []
    given: dict[str, Any] = {
        "max_tokens": MAX,
        "window_tokens": 4096,
        "replaces_tokens": 10 * tokens(turns),
        "count": count,
        "attempted": attempts.append,
        **options,
    }
    return asyncio.run(summarise(model, "sim:a", turns, **given)), attempts


def well(request: ChatRequest) -> str:
    """What a good model states of the messages that it is asked about."""
    text = request.messages[0].content
    return stating(*[fact for fact in GOOD if all(f"[m{ordinal}] " in text for ordinal in fact[1])])


def extractive(turns: Sequence[tuple[int, Turn]] = TURNS, max_tokens: int = MAX) -> str:
    return extract(turns, max_tokens=max_tokens, count=count).text


def problems(attempts: list[Attempt]) -> list[str]:
    return [attempt.problem for attempt in attempts]


def test_a_good_answer_is_the_summary() -> None:
    model = Model(well)
    summary, attempts = made(model, max_tokens=400)
    assert attempts == []
    assert summary.method == "model"
    for text, _, _ in GOOD:
        assert text in summary.text
    assert summary.cited == (3, 5, 6, 7, 8)
    (request,) = model.asked
    assert request.temperature == 0.0
    assert request.schema is not None
    assert request.max_tokens and request.max_tokens >= 160


def test_without_a_model_to_ask_it_is_the_extractive_one() -> None:
    summary, attempts = made(None)
    assert (summary.method, summary.text, attempts) == ("extractive", extractive(), [])


#: Answers of no use, and the code under which each is reported.
BAD: dict[str, tuple[Said, str]] = {
    "nothing (codex#31822)": ("", "empty"),
    "a refusal": ("I'm sorry, but I can't help with that.", "refused"),
    "an answer to the conversation": ("Sure, your flight is booked! Anything else?", "chatter"),
    "prose": ("The user booked flight HAT136 for 1150 dollars.", "no_facts"),
    "a call of a tool": (answer("", "tool_calls"), "empty"),
    "the conversation goes on": ("assistant: Booked.\nuser: Thanks!", "no_facts"),
    "half an object": (answer('{"facts": [{"fact": "The flight', "length"), "cut_off"),
    "messages that do not exist": (stating(*[(text, [77], kind) for text, _, kind in GOOD]), "uncited"),
    "invented numbers (headroom#1307)": (
        stating(("The flight costs 7 dollars", [5], "fact"), ("It is flight HAT9", [5], "fact")),
        "unfounded",
    ),
    "another conversation (codex#25686)": (
        stating(("Bananas taste better with cinnamon", [3], "fact")),
        "unrelated",
    ),
    "a prompt that was cut without a word": (
        answer(WELL, truncation=Truncation(9, 99, 50, "halved")),
        "too_large",
    ),
    "a prompt that is too long": (
        ContextTooLarge(model="sim:a", prompt_tokens=9, context_tokens=8),
        "too_large",
    ),
}


@pytest.mark.parametrize(("said", "problem"), BAD.values(), ids=BAD)
def test_a_bad_answer_is_asked_for_once_more_in_smaller_parts(said: Said, problem: str) -> None:
    model = Model(said, *[well] * 9)
    summary, attempts = made(model)
    assert problems(attempts) == [problem]
    assert (attempts[0].attempt, attempts[0].model) == (1, "sim:a")
    assert summary.method == "model"
    first, *others = (count(request.messages[0].content) for request in model.asked)
    assert len(others) > 1
    assert max(others) < first


@pytest.mark.parametrize(("said", "problem"), BAD.values(), ids=BAD)
def test_after_two_bad_answers_it_is_the_extractive_one(said: Said, problem: str) -> None:
    model = Model(*[said] * 9)
    summary, attempts = made(model)
    # A smaller part lacks the messages that it cites, and that is said of its answer.
    assert set(problems(attempts)) <= {problem, "uncited"}
    assert problems(attempts)[0] == problem
    assert [attempt.attempt for attempt in attempts] == [*range(1, len(model.asked) + 1)]
    assert (summary.method, summary.text) == ("extractive", extractive())
    assert 2 <= len(model.asked) <= 4


HOPELESS: dict[str, tuple[BaseException, str]] = {
    "it is not in memory": (ModelVanished(model="sim:a", cause="gone"), "not_resident"),
    "its provider is away": (ProviderUnavailable(provider="sim", cause="gone"), "no_answer"),
}


@pytest.mark.parametrize(("error", "problem"), HOPELESS.values(), ids=HOPELESS)
def test_a_model_that_cannot_be_asked_is_not_asked_again(error: BaseException, problem: str) -> None:
    model = Model(error)
    summary, attempts = made(model)
    assert problems(attempts) == [problem]
    assert summary.text == extractive()
    assert len(model.asked) == 1


def test_a_provider_that_takes_no_schema_is_asked_without_one() -> None:
    model = Model(Unsupported(provider="sim", what="response_format"), *[well] * 9)
    summary, attempts = made(model)
    assert problems(attempts) == ["unsupported"]
    assert summary.method == "model"
    assert [request.schema is None for request in model.asked[:2]] == [False, True]


def test_what_could_be_verified_is_used_where_there_is_enough_of_it() -> None:
    invented = [(f"It is flight HAT{number}", [3], "fact") for number in range(6)]
    model = Model(stating(*GOOD, *invented), *[""] * 9)
    summary, attempts = made(model, max_tokens=400)
    first, *others = [(one.problem, one.facts, one.struck) for one in attempts]
    assert first == ("unfounded", 5, 6)
    assert set(others) == {("empty", 0, 0)}
    assert summary.method == "model"
    assert summary.struck == 6
    assert "HAT0" not in summary.text
    assert GOOD[-1][0] in summary.text


def test_two_facts_are_not_enough() -> None:
    cut = answer(stating(*GOOD[:2])[:-2], "length")
    summary, _ = made(Model(*[cut] * 9))
    assert summary.method == "extractive"


def test_only_what_nothing_came_of_is_asked_for_again() -> None:
    turns = [
        (n, Turn("user", f"I want {n} boxes of tea. " + "It is for the office. " * 60)) for n in range(8)
    ]

    def state(request: ChatRequest) -> str:
        text = request.messages[0].content
        if "[m0] " in text and "[m1] " in text:
            return "Sure!"
        return stating(
            *[(f"The user wants {n} boxes of tea", [n], "goal") for n in range(8) if f"[m{n}] " in text]
        )

    model = Model(*[state] * 16)
    summary, attempts = made(model, turns, window_tokens=2048, max_tokens=300)
    assert problems(attempts) == ["chatter"]
    assert summary.method == "model"
    assert all(f"wants {n} boxes" in summary.text for n in range(8))
    every = "".join(request.messages[0].content for request in model.asked)
    assert [every.count(f"[m{n}] ") for n in (0, 1, 6, 7)] == [2, 2, 1, 1]


def test_every_part_has_its_share_of_a_summary_that_is_too_short_for_all() -> None:
    turns = [
        (n, Turn("user", f"I want {n} boxes of tea. " + "It is for the office. " * 60)) for n in range(8)
    ]
    asked: list[list[int]] = []

    def state(request: ChatRequest) -> str:
        asked.append([n for n in range(8) if f"[m{n}] " in request.messages[0].content])
        return stating(*[(f"The user wants {n} boxes of tea", [n], "goal") for n in asked[-1]])

    summary, attempts = made(Model(*[state] * 16), turns, window_tokens=2048, max_tokens=85)
    assert (summary.method, attempts) == ("model", [])
    told = [n for n in range(8) if f"- goal: The user wants {n} boxes" in summary.text]
    assert 1 < len(asked) < 8
    assert len(told) < 8
    assert all(part[0] in told for part in asked)


def test_a_part_in_which_nothing_matters_spoils_nothing() -> None:
    turns = [
        (n, Turn("user", f"I want {n} boxes of tea. " + "It is for the office. " * 60)) for n in range(8)
    ]

    def state(request: ChatRequest) -> str:
        if "[m0] " not in request.messages[0].content:
            return '{"facts": []}'
        return stating(("The user wants 0 boxes of tea", [0], "goal"))

    summary, attempts = made(Model(*[state] * 16), turns, window_tokens=2048)
    assert (summary.method, attempts) == ("model", [])
    summary, attempts = made(Model(*['{"facts": []}'] * 16), turns, window_tokens=2048)
    assert (summary.method, problems(attempts)) == ("extractive", ["nothing"])


def test_messages_that_do_not_fit_are_asked_about_in_parts_that_keep_what_belongs_together() -> None:
    turns = [
        turn
        for n in range(0, 60, 3)
        for turn in (
            (n, Turn("user", f"Please look up order W{1000 + n} and tell me when it comes, it is urgent.")),
            (n + 1, Turn("assistant", f'find_order({{"order": "W{1000 + n}"}})')),
            (
                n + 2,
                Turn("tool", f'{{"order": "W{1000 + n}", "day": "2024-05-{n % 28 + 1:02}"}}' + " ok" * 30),
            ),
        )
    ]
    atoms = [(n,) for n in range(0, 60, 3)] + [(n + 1, n + 2) for n in range(0, 60, 3)]

    def state(request: ChatRequest) -> str:
        orders = [n for n in range(0, 60, 3) if f"[m{n}] " in request.messages[0].content]
        return stating(*[(f"The user asked for order W{1000 + n}", [n], "goal") for n in orders])

    model = Model(*[state] * 16)
    summary, attempts = made(model, turns, atoms=atoms, window_tokens=2048, max_tokens=400)
    assert attempts == []
    assert summary.method == "model"
    assert len(model.asked) > 1
    for request in model.asked:
        text = request.messages[0].content
        assert count(text) + (request.max_tokens or 0) < 2048
        for _, *both in [(n, f"[m{n + 1}] ", f"[m{n + 2}] ") for n in range(0, 60, 3)]:
            assert (both[0] in text) == (both[1] in text)
    every = "".join(request.messages[0].content for request in model.asked)
    assert all(every.count(f"[m{n}] ") == 1 for n in range(60))
    assert count(summary.text) <= 400


def test_one_message_that_is_larger_than_the_window_is_cut_for_the_prompt() -> None:
    turns = [(0, Turn("user", "Look at this log of HAT136.")), (1, Turn("tool", "line of the log\n" * 5000))]
    model = Model(*[stating(("The user wants the log of HAT136", [0], "goal"))] * 16)
    summary, attempts = made(model, turns, window_tokens=2048, replaces_tokens=20_000)
    assert attempts == []
    assert summary.method == "model"
    assert all(count(request.messages[0].content) < 2048 for request in model.asked)


@pytest.mark.parametrize("window", [64, 256, 512])
def test_a_window_without_room_for_the_question_is_not_asked(window: int) -> None:
    model = Model()
    summary, attempts = made(model, window_tokens=window)
    assert problems(attempts) == ["no_room"]
    assert (summary.method, model.asked) == ("extractive", [])


def test_a_conversation_of_too_many_parts_is_not_asked_about() -> None:
    turns = [(n, Turn("user", f"Tell me of order W{n}, please, " * 40)) for n in range(100)]
    model = Model()
    summary, attempts = made(model, turns, window_tokens=1024)
    assert problems(attempts) == ["no_room"]
    assert summary.method == "extractive"


def test_a_model_that_never_answers_is_given_up_and_what_it_stated_before_counts() -> None:
    async def hanging(request: ChatRequest) -> Answer:
        await asyncio.Event().wait()
        raise AssertionError

    summary, attempts = made(hanging, timeout_s=0.01)
    assert problems(attempts) == ["too_late"]
    assert summary.text == extractive()

    first = Model(answer(WELL, "length"))

    async def then_hanging(request: ChatRequest) -> Answer:
        return await (first(request) if first.script else hanging(request))

    summary, attempts = made(then_hanging, timeout_s=0.5, max_tokens=400)
    assert problems(attempts) == ["cut_off", "too_late"]
    assert summary.method == "model"
    assert GOOD[0][0] in summary.text


def test_who_cancels_is_obeyed() -> None:
    async def main() -> None:
        asked = asyncio.Event()

        async def hanging(request: ChatRequest) -> Answer:
            asked.set()
            await asyncio.Event().wait()
            raise AssertionError

        attempts: list[Attempt] = []
        task = asyncio.create_task(
            summarise(
                hanging,
                "sim:a",
                TURNS,
                max_tokens=MAX,
                window_tokens=4096,
                replaces_tokens=999,
                count=count,
                attempted=attempts.append,
            )
        )
        await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert attempts == []

    asyncio.run(main())


@pytest.mark.parametrize("max_tokens", [0, 10, 40, 100])
def test_it_is_never_longer_than_it_may_be(max_tokens: int) -> None:
    for model in (None, Model(*[well] * 9)):
        summary, _ = made(model, max_tokens=max_tokens)
        assert count(summary.text) <= max_tokens
    summary, _ = made(Model(*[well] * 9), replaces_tokens=100)
    assert count(summary.text) < 60
