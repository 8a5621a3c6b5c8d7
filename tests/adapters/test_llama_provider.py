"""Real models in real processes: loaded, asked, killed, unloaded."""

import asyncio
import os
import signal
from contextlib import aclosing, suppress
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from bursar.adapters.providers.llama import LlamaProvider
from bursar.domain.errors import BursarError, ContextTooLarge, InvalidModelId, ModelLoadFailed, ModelVanished
from bursar.domain.ports import ChatRequest, Chunk, Message, Provider

from .llama_world import ENDLESS, HELLO, LONG, children, within_patience, world


def test_it_is_a_provider(models: Path, run_folder: Path) -> None:
    provider: Provider = LlamaProvider(models, run_folder)
    assert provider.capabilities.names == ("load", "unload", "measure_memory", "tokenize")


def test_a_loaded_model_streams_its_answer_and_unloading_ends_its_process(
    models: Path, run_folder: Path
) -> None:
    async def test() -> None:
        async with world(LlamaProvider(models, run_folder)) as here:
            residency = await here.load("tiny")
            assert residency.pid is not None
            assert (residency.slots, residency.context_tokens) == (2, 2 * 2048)
            assert residency.provenance == "rss"
            *pieces, last = await here.ask("tiny")
            assert len(pieces) > 1
            assert all(piece.text and not piece.done for piece in pieces)
            # Two tokens for the beginning and the end of each turn are the template's.
            assert last == Chunk(
                done=True, finish_reason="length", prompt_tokens=35, completion_tokens=8, cached_tokens=0
            )
            await here.provider.unload("tiny")
            assert not psutil.pid_exists(residency.pid)
            assert await here.provider.resident() == ()
            assert list(run_folder.iterdir()) == []
            await here.provider.unload("tiny")
            assert here.lost.empty()

    within_patience(test)


def test_the_same_seed_gives_the_same_answer_and_stop_ends_it(models: Path, run_folder: Path) -> None:
    async def test() -> None:
        async with world(LlamaProvider(models, run_folder)) as here:
            await here.load("tiny")
            request = replace(HELLO, max_tokens=64)
            # The first answer fills the cache of prompts; after it, the same is computed in the same way.
            _, first, second = [await here.ask("tiny", request) for _ in range(3)]
            assert first == second
            word = next(chunk.text for chunk in first[1:] if chunk.text.isalnum())
            stopped = await here.ask("tiny", replace(request, stop=[word]))
            assert stopped[-1].finish_reason == "stop"
            assert word not in "".join(chunk.text for chunk in stopped)

    within_patience(test)


def test_two_models_live_side_by_side_and_are_measured(models: Path, run_folder: Path) -> None:
    async def test() -> None:
        async with world(LlamaProvider(models, run_folder)) as here:
            loaded = await asyncio.gather(here.load("wide"), here.load("tiny"))
            assert await here.provider.resident() == tuple(
                residency.model_copy(update={"memory": {"ram": here.provider.rss(residency.model)}})
                for residency in reversed(loaded)
            )
            await asyncio.gather(here.ask("wide"), here.ask("tiny"), here.ask("tiny"))
            memory = here.provider.memory()
            assert list(memory) == ["tiny", "wide"]
            assert here.provider.rss("other") == 0
            for model, measured in memory.items():
                estimate = (await here.provider.describe(model)).estimate_bytes
                assert estimate == pytest.approx(measured, rel=0.25)

    within_patience(test)


def test_a_window_is_never_longer_than_what_the_model_was_trained_for(models: Path, run_folder: Path) -> None:
    async def test() -> None:
        provider = LlamaProvider(models, run_folder, context_tokens=100_000, slots=1)
        async with world(provider) as here:
            description = await provider.describe("tiny")
            assert description.context_tokens == LONG
            assert (await provider.load(description)).context_tokens == LONG
            assert (await here.ask("tiny"))[-1].done

    within_patience(test)


def test_loading_twice_is_one_load_and_another_window_replaces_it(models: Path, run_folder: Path) -> None:
    async def test() -> None:
        async with world(LlamaProvider(models, run_folder)) as here:
            first, second = await asyncio.gather(here.load("tiny"), here.load("tiny"))
            assert first.pid == second.pid
            description = await here.provider.describe("tiny")
            larger = await here.provider.load(description.model_copy(update={"context_tokens": 8192}))
            assert (larger.context_tokens, larger.pid == first.pid) == (8192, False)
            assert len(children()) == 1
            assert here.lost.empty()

    within_patience(test)


def test_a_child_that_is_killed_while_it_answers_is_reported_with_the_signal(
    models: Path, run_folder: Path
) -> None:
    async def test() -> None:
        async with world(LlamaProvider(models, run_folder, context_tokens=LONG)) as here:
            residency = await here.load("tiny")
            assert residency.pid is not None
            chunks = here.provider.chat("tiny", ENDLESS)
            assert (await anext(chunks)).text
            os.kill(residency.pid, signal.SIGKILL)
            with pytest.raises(ModelVanished) as vanished:
                _ = [chunk async for chunk in chunks]
            cause = f"process {residency.pid} was killed by signal 9"
            assert vanished.value.values == {"model": "tiny", "cause": cause}
            assert await here.lost.get() == ("tiny", cause)
            assert await here.provider.resident() == ()
            assert list(run_folder.iterdir()) == []
            with pytest.raises(ModelVanished, match="not in memory"):
                await here.ask("tiny")
            assert (await here.load("tiny")).pid != residency.pid
            assert here.lost.empty()

    within_patience(test)


def test_a_request_that_is_open_while_its_model_is_unloaded_says_so(models: Path, run_folder: Path) -> None:
    async def test() -> None:
        async with world(LlamaProvider(models, run_folder, context_tokens=LONG)) as here:
            await here.load("tiny")
            chunks = here.provider.chat("tiny", ENDLESS)
            await anext(chunks)
            await here.provider.unload("tiny")
            with pytest.raises(ModelVanished, match="it was unloaded"):
                _ = [chunk async for chunk in chunks]

    within_patience(test)


def test_tokens_are_counted_in_the_vocabulary_of_the_model(models: Path, run_folder: Path) -> None:
    async def test() -> None:
        async with world(LlamaProvider(models, run_folder)) as here:
            with pytest.raises(ModelVanished, match="not in memory"):
                await here.provider.tokenize("tiny", "Hello")
            residency = await here.load("tiny")
            word = await here.provider.tokenize("tiny", "Hello")
            # This vocabulary puts a space before every text.
            assert await here.provider.tokenize("tiny", "HelloHello") == word + word[1:]
            assert await here.provider.tokenize("tiny", "") == ()
            assert residency.pid is not None
            os.kill(residency.pid, signal.SIGKILL)
            with pytest.raises(ModelVanished):
                await here.provider.tokenize("tiny", "Hello")

    within_patience(test)


def test_a_closed_stream_frees_its_slot(models: Path, run_folder: Path) -> None:
    async def test() -> None:
        provider = LlamaProvider(models, run_folder, context_tokens=LONG, slots=1)
        async with world(provider) as here:
            residency = await here.load("tiny")
            async with aclosing(provider.chat("tiny", ENDLESS)) as chunks:
                await anext(chunks)
            # The only slot must be free again for this one.
            assert (await here.ask("tiny"))[-1].completion_tokens == 8
            assert (await provider.resident())[0].pid == residency.pid

    within_patience(test)


def test_a_prompt_that_does_not_fit_names_both_sizes(models: Path, run_folder: Path) -> None:
    async def test() -> None:
        async with world(LlamaProvider(models, run_folder, context_tokens=256)) as here:
            await here.load("tiny")
            long = ChatRequest([Message("user", "x" * 1000)])
            failure = await here.failure(here.ask("tiny", long))
            assert isinstance(failure, ContextTooLarge)
            assert failure.values == {"prompt_tokens": 1024, "model": "tiny", "context_tokens": 256}
            assert (await here.ask("tiny"))[-1].done

    within_patience(test)


@pytest.mark.parametrize(
    ("model", "kind", "reason"),
    [
        ("text", ModelLoadFailed, "not a GGUF file"),
        ("truncated", ModelLoadFailed, "truncated"),
        ("folder", ModelLoadFailed, "it is a folder"),
        ("maimed", ModelLoadFailed, "tensor 'output_norm.weight' not found"),
        ("missing", InvalidModelId, "there is no missing.gguf"),
        ("../tiny", InvalidModelId, "a name has letters"),
    ],
)
def test_what_cannot_be_loaded_says_why_and_leaves_nothing(
    model: str, kind: type[BursarError], reason: str, models: Path, run_folder: Path
) -> None:
    async def test() -> None:
        async with world(LlamaProvider(models, run_folder)) as here:
            good = await here.provider.describe("tiny")
            failure = await here.failure(here.provider.load(good.model_copy(update={"model": model})))
            assert type(failure) is kind
            assert reason in str(failure) and "\n" not in str(failure)
            assert list(run_folder.iterdir()) == [] and children() == []

    within_patience(test)


def test_a_load_that_takes_too_long_fails_and_leaves_nothing(models: Path, run_folder: Path) -> None:
    async def test() -> None:
        async with world(LlamaProvider(models, run_folder, load_timeout_s=0)) as here:
            failure = await here.failure(here.load("tiny"))
            assert isinstance(failure, ModelLoadFailed)
            assert "did not answer within 0 s" in str(failure)
            assert list(run_folder.iterdir()) == [] and children() == []

    within_patience(test)


def test_a_load_that_is_cancelled_anywhere_leaves_nothing(models: Path, run_folder: Path) -> None:
    async def test() -> None:
        async with world(LlamaProvider(models, run_folder)) as here:
            description = await here.provider.describe("tiny")
            for turns in (0, 1, 2, 3, 5, 8):
                loading = asyncio.create_task(here.provider.load(description))
                seen = 0
                while seen < turns and not loading.done():
                    await asyncio.sleep(0)
                    # Counted from when there is a process to be left over.
                    seen += bool(children())
                loading.cancel()
                await asyncio.sleep(0)
                # Once more, while it clears away.
                loading.cancel()
                with suppress(asyncio.CancelledError):
                    await loading
                assert list(run_folder.iterdir()) == [] and children() == []
            assert (await here.load("tiny")).model == "tiny"

    within_patience(test)


def test_a_child_that_does_not_listen_is_unloaded_all_the_same(models: Path, run_folder: Path) -> None:
    async def test() -> None:
        async with world(LlamaProvider(models, run_folder)) as here:
            residency = await here.load("tiny")
            assert residency.pid is not None
            os.kill(residency.pid, signal.SIGSTOP)
            await here.provider.unload("tiny")
            assert not psutil.pid_exists(residency.pid)
            assert here.lost.empty()

    within_patience(test)
