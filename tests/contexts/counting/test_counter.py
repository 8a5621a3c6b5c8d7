"""The ladder: who counts, what is remembered, and what is learnt."""

import asyncio
from pathlib import Path

import pytest

from bursar.adapters.vocabulary.reading import vocabulary_of
from bursar.counting import Counted
from bursar.counting import counter as counter_module
from bursar.domain.counting.events import TokensReported
from bursar.domain.counting.measures.features import Features, features
from bursar.domain.counting.worth import FIRST
from bursar.domain.ports import Message, ToolCall

from .counting import Tokenizing, World, counting, user
from .vocabularies import sample, write_byte_pairs

WORDS = "one two three four five six seven"
TEXTS = [sample(seed, 60) for seed in range(40)]


def _words(text: str) -> int:
    return len(text.split())


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_byte_pairs(tmp_path_factory.mktemp("counter") / "m.gguf", "qwen2")


def test_a_provider_that_counts_is_asked_and_each_text_once() -> None:
    async def work(world: World) -> None:
        counted = await world.counter.count("p:m", [user(WORDS), user(WORDS), user("")])
        assert counted == [
            Counted(12, "provider", 333),
            Counted(12, "provider", 333),
            Counted(5, "provider", 800),
        ]
        await world.counter.count("p:m", [user(WORDS)])
        # Two at one time do not wait for each other.
        assert world.provider.asked == [WORDS, WORDS]
        assert world.counter.provenance("p:m").by == "provider"

    counting(work, Tokenizing(_words))


def test_a_provider_is_asked_for_a_few_texts_at_a_time() -> None:
    async def work(world: World) -> None:
        await world.counter.count("p:m", [user(f"text {number}") for number in range(50)])
        assert world.provider.busiest == 4

    counting(work, Tokenizing(_words))


def test_a_provider_is_not_asked_about_a_model_that_it_would_have_to_load() -> None:
    async def work(world: World) -> None:
        assert (await world.counter.count("p:m", [user(WORDS)]))[0].by == "estimate"
        assert world.provider.asked == []

    counting(work, Tokenizing(_words), resident=False)


def test_a_provider_that_fails_is_left_alone_for_a_while() -> None:
    async def work(world: World) -> None:
        world.provider.failing = True
        assert (await world.counter.count("p:m", [user("a")]))[0].by == "estimate"
        world.provider.failing = False
        assert (await world.counter.count("p:m", [user("b")]))[0].by == "estimate"
        assert world.provider.asked == ["a"]
        await asyncio.sleep(31)
        assert (await world.counter.count("p:m", [user("a")]))[0].by == "provider"

    counting(work, Tokenizing(_words))


def test_the_vocabulary_in_the_models_file_counts_where_the_provider_does_not(file: Path) -> None:
    async def work(world: World) -> None:
        counted = await world.counter.count("p:m", [user(TEXTS[0])])
        assert counted[0][:2] == (vocabulary_of(file).count(TEXTS[0]) + 5, "gguf")
        assert world.counter.text_counter("p:m")(TEXTS[1]) == vocabulary_of(file).count(TEXTS[1])

    counting(work, Tokenizing(None, file))


def test_a_vocabulary_that_agrees_with_the_provider_takes_over(file: Path) -> None:
    async def work(world: World) -> None:
        for text in TEXTS:
            counted = await world.counter.count("p:m", [user(text)])
            assert counted[0].tokens == vocabulary_of(file).count(text) + 5
            # The vocabulary is read in a thread, in its own time.
            await asyncio.to_thread(lambda: None)
        asked = len(world.provider.asked)
        assert 2 <= asked < len(TEXTS)
        assert world.counter.provenance("p:m").by == "gguf"

    counting(work, Tokenizing(vocabulary_of(file).count, file))


def test_a_vocabulary_that_differs_from_the_provider_is_not_used(file: Path) -> None:
    async def work(world: World) -> None:
        for text in TEXTS:
            assert (await world.counter.count("p:m", [user(text)]))[0][:2] == (_words(text) + 5, "provider")
            await asyncio.to_thread(lambda: None)
        assert world.counter.provenance("p:m").by == "provider"
        world.provider.failing = True
        assert (await world.counter.count("p:m", [user("new")]))[0].by == "estimate"

    counting(work, Tokenizing(_words, file))


@pytest.mark.parametrize("model", ["p:other", "p:m", "", "nobody:m", "m"])
def test_without_a_vocabulary_it_is_estimated_whatever_the_model(model: str) -> None:
    async def work(world: World) -> None:
        counted = await world.counter.count(model, [user(WORDS)])
        assert counted[0].by == "estimate"
        assert 9 <= counted[0].tokens <= 16
        assert counted[0].error_per_mille > 100
        assert world.counter.provenance(model).by == "estimate"
        assert 7 <= world.counter.text_counter(model)(WORDS) <= 16

    counting(work, Tokenizing())


def test_tool_calls_names_and_tools_are_counted() -> None:
    async def work(world: World) -> None:
        bare = Message("assistant", "ok")
        calling = Message("assistant", "ok", tool_calls=(ToolCall("c1", "find_flights", '{"from": "JFK"}'),))
        named = Message("tool", "ok", tool_call_id="c1", name="find_flights")
        counts = await world.counter.count("p:m", [bare, calling, named])
        assert counts[0].tokens + 8 < counts[1].tokens
        assert counts[0].tokens + 4 < counts[2].tokens
        tools = [{"type": "function", "function": {"name": "find", "parameters": {"type": "object"}}}]
        assert (await world.counter.count_tools("p:m", tools)).tokens > 12
        assert (await world.counter.count_tools("p:m", [])).tokens == 0

    counting(work, Tokenizing())


def test_reports_are_learnt_from_and_only_those_that_teach_are_written_down() -> None:
    async def work(world: World) -> None:
        texts = [f"{number} {WORDS}, said the {number}th of them; and so on. " * 12 for number in range(20)]
        # A vocabulary in which there are half as many tokens again as in those that are known.
        true = 3 * features(texts[0])[0] // 2 + 8
        for text in texts:
            await world.counter.note("p:m", [user(text)], true)
        assert FIRST <= world.rows() <= 8
        counted = await world.counter.count("p:m", [user(texts[5] + "!")])
        assert abs(counted[0].tokens - true) <= true // 20
        assert world.counter.provenance("p:m").reports == world.rows()
        assert all(WORDS not in str(draft) for draft in world.journal.drafts)

    counting(work, Tokenizing())


def test_the_template_is_learnt_where_texts_are_counted_exactly() -> None:
    async def work(world: World) -> None:
        before = await world.counter.count("p:m", [user(WORDS)])
        for number in range(9):
            messages = [user(f"{WORDS} {each}") for each in range(number + 2)]
            await world.counter.note("p:m", messages, (8 + 11) * len(messages))
        after = await world.counter.count("p:m", [user(WORDS)])
        assert (before[0].tokens, after[0].tokens) == (7 + 5, 7 + 11)
        assert after[0].error_per_mille < before[0].error_per_mille
        assert world.rows() == FIRST

    counting(work, Tokenizing(_words))


def test_what_cannot_be_written_down_does_no_harm() -> None:
    async def work(world: World) -> None:
        world.engine.stop()
        await world.counter.note("p:m", [user(WORDS)], 20)

    counting(work, Tokenizing())


def test_a_long_message_is_worked_through_while_others_have_their_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sizes: list[int] = []

    def watched(text: str) -> Features:
        sizes.append(len(text))
        return features(text)

    monkeypatch.setattr(counter_module, "features", watched)

    async def work(world: World) -> None:
        text = "x1 " * 350_000
        turns = await _turns_during(world, text)
        assert turns >= len(text) // 40_000
        assert max(sizes) <= 1 << 15
        assert sum(sizes) >= len(text)
        sizes.clear()
        await world.counter.count("p:m", [user(text)])
        assert sizes == []

    counting(work, Tokenizing())


def test_a_long_message_is_counted_with_a_vocabulary_while_others_have_their_turn(file: Path) -> None:
    async def work(world: World) -> None:
        assert await _turns_during(world, "x1, " * 50_000) >= 200_000 // 10_000

    counting(work, Tokenizing(None, file))


async def _turns_during(world: World, text: str) -> int:
    """How often another task had its turn while a text was counted."""
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    await world.counter.count("p:m", [user("so that what is to be read first is read")])
    task = asyncio.create_task(other())
    await world.counter.count("p:m", [user(text)])
    task.cancel()
    return turns


def test_a_report_says_nothing_of_the_text_but_what_was_counted() -> None:
    async def work(world: World) -> None:
        await world.counter.note("p:m", [user("secret")], 7)
        reports = world.engine.state.counting.reports["p:m"]
        assert reports[0].features == features("secret")
        fields = set(TokensReported.model_fields)
        assert fields == {"model", "features", "messages", "estimated_tokens", "reported_tokens"}

    counting(work, Tokenizing())
