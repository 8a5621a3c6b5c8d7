"""A summary never loads a model, and noise from a real one never becomes a summary."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

import bursar
from bursar.chat import Answer
from bursar.contexts.summarising import Attempt, Summary, resident_only, summarise
from bursar.domain.contexts.events import SummaryAttempted, SummaryMade
from bursar.domain.ports import ChatRequest, Message
from bursar.domain.selection.extraction import extract
from bursar.domain.selection.values import Turn

from ...manager.support import history, make_models, opened
from ..manager.support import Talker, talking
from .support import GOOD, TURNS, count, stating, tokens

ASKED = ChatRequest((Message("user", "Summarise"),), max_tokens=9, temperature=0.0, schema={"type": "object"})
PATIENCE_S = 30


def test_a_model_that_is_not_in_memory_is_not_loaded_for_it(tmp_path: Path) -> None:
    async def main() -> None:
        talker = Talker()
        async with asyncio.timeout(PATIENCE_S), talking(tmp_path, talker) as manager:
            ask = resident_only(manager, "sim:a")
            with pytest.raises(bursar.ModelVanished):
                await ask(ASKED)
            assert talker.sent == []
            await manager.load_model("sim:a")
            talker.script.append("well")
            assert (await ask(ASKED)).text == "well"

    asyncio.run(main())
    names = [event.body.name for event in history(tmp_path)]
    assert names.count("ModelLoadStarted") == 1


def test_it_is_served_after_everybody_who_waits_for_an_answer(tmp_path: Path) -> None:
    async def main() -> None:
        async with asyncio.timeout(PATIENCE_S), talking(tmp_path) as manager:
            await manager.load_model("sim:a")
            await resident_only(manager, "sim:a", agent="ann")(ASKED)

    asyncio.run(main())
    (body,) = [each.body for each in history(tmp_path) if getattr(each.body, "agent", "") == "ann"]
    assert getattr(body, "priority", 0) < 0


@pytest.mark.parametrize("turns", [TURNS, [(n, turn) for n, (_, turn) in enumerate(TURNS * 3)]])
def test_noise_from_a_real_model_is_not_a_summary(tmp_path: Path, turns: Sequence[tuple[int, Turn]]) -> None:
    make_models(tmp_path / "models", "noise")
    attempts: list[Attempt] = []
    answers: list[Answer] = []

    async def made() -> Summary:
        async with opened(tmp_path) as manager:
            await manager.load_model("llama:noise")
            ask = resident_only(manager, "llama:noise")

            async def noted(request: ChatRequest) -> Answer:
                answers.append(await ask(request))
                return answers[-1]

            return await summarise(
                noted,
                "llama:noise",
                turns,
                max_tokens=120,
                # The small vocabulary of these models has a token for nearly every character.
                window_tokens=1024,
                replaces_tokens=tokens(turns),
                count=count,
                attempted=attempts.append,
            )

    async def main() -> Summary:
        async with asyncio.timeout(PATIENCE_S):
            return await made()

    summary = asyncio.run(main())
    limit = min(120, tokens(turns) * 600 // 1000)
    assert summary.method == "extractive"
    assert summary.text == extract(turns, max_tokens=limit, count=count).text
    assert attempts
    assert all(attempt.problem in {"cut_off", "no_facts", "nothing", "too_large"} for attempt in attempts)


def test_what_a_model_of_noise_answers_is_in_the_journal_as_codes_and_its_summary_is_extractive(
    tmp_path: Path,
) -> None:
    make_models(tmp_path / "models", "noise")
    llama = {"folder": str(tmp_path / "models"), "context_tokens": 8192}
    settings = bursar.Settings(providers={"discover": False, "llama": llama})

    async def main() -> None:
        async with asyncio.timeout(PATIENCE_S), bursar.open(tmp_path / "journal.db", settings) as manager:
            await manager.load_model("llama:noise")
            context = await manager.open_context("c", model="llama:noise")
            for turn in 4 * [turn for _, turn in TURNS if turn.role == "user"]:
                await context.add({"role": "user", "content": turn.text})
                await context.add({"role": "assistant", "content": "Well. " * 9})
            reduced = await context.compress(method="model")
            assert reduced.after_tokens < reduced.before_tokens

    asyncio.run(main())
    bodies = [event.body for event in history(tmp_path)]
    attempts = [body for body in bodies if isinstance(body, SummaryAttempted)]
    (made,) = [body for body in bodies if isinstance(body, SummaryMade)]
    assert [one.attempt for one in attempts] == [*range(1, len(attempts) + 1)]
    assert attempts
    assert {one.problem for one in attempts} <= {"cut_off", "no_facts", "nothing", "too_large"}
    assert made.method == "extractive"


def test_a_good_answer_through_the_manager_is_the_summary(tmp_path: Path) -> None:
    async def main() -> Summary:
        talker = Talker(4096)
        talker.script.append(stating(*GOOD))
        async with asyncio.timeout(PATIENCE_S), talking(tmp_path, talker) as manager:
            await manager.load_model("sim:a")
            return await summarise(
                resident_only(manager, "sim:a"),
                "sim:a",
                TURNS,
                max_tokens=400,
                window_tokens=4096,
                replaces_tokens=9999,
                count=count,
                attempted=lambda attempt: pytest.fail(attempt.problem),
            )

    summary = asyncio.run(main())
    assert summary.method == "model"
    assert "HAT136" in summary.text
