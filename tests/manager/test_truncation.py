"""A prompt that the provider cut: a fact and an error, or a warning; never silence."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import pytest

import bursar
from bursar.adapters.providers.ollama import OllamaProvider
from bursar.domain.errors import PromptTruncated
from bursar.domain.events import Event
from bursar.domain.ports import ChatRequest, Chunk, Provider, Truncation
from bursar.domain.requests.events import PromptTruncated as Truncated
from bursar.domain.requests.events import RequestFinished
from bursar.projections.log import summary
from bursar.testing.provider import ollama
from bursar.testing.provider.serving import serving
from bursar.testing.provider.world import Installed, World
from bursar.testing.simulated import SimulatedSensor

from ..intake.managers import Instant
from .support import HELLO, history

CUT = Truncation(prompt_tokens=2050, expected_tokens=5000, context_tokens=4096, signature="halved")


class Cutting(Instant):
    """Answers a word, and says in the last chunk what it did with the prompt."""

    def __init__(self, truncation: Truncation | None) -> None:
        super().__init__({"small": 100})
        self.truncation = truncation

    async def chat(self, model: str, request: ChatRequest) -> AsyncGenerator[Chunk, None]:
        yield Chunk(text="yes")
        cut = self.truncation
        yield Chunk(done=True, finish_reason="stop", prompt_tokens=2050, completion_tokens=1, truncation=cut)


@asynccontextmanager
async def _opened(
    folder: Path, provider: Instant, **context: Any
) -> AsyncGenerator[bursar.ResourceManager, None]:
    settings = bursar.Settings(context=context)
    sensor = SimulatedSensor(provider, "sim", total_bytes=1 << 30)
    async with bursar.open(
        folder / "journal.db", settings, providers={"sim": provider}, sensor=sensor
    ) as manager:
        yield manager


def _recorded(folder: Path, *kinds: type) -> list[Event]:
    return [event for event in history(folder) if isinstance(event.body, kinds)]


def test_a_prompt_that_was_cut_is_an_error_and_a_fact_about_the_request(tmp_path: Path) -> None:
    async def main() -> None:
        async with _opened(tmp_path, Cutting(CUT)) as manager:
            written: asyncio.Future[Event] = asyncio.get_running_loop().create_future()
            manager.on("PromptTruncated", written.set_result)
            with pytest.raises(PromptTruncated) as error:
                await manager.chat("sim:small", HELLO)
            assert str(error.value).startswith(
                "sim cut the prompt for sim:small to 2050 of about 5000 tokens"
            )
            assert "the prompt of request/" in str(manager.why((await written).position))
            assert manager.state.models["sim:small"].leases == ()

    asyncio.run(main())
    cut, finished = _recorded(tmp_path, Truncated, RequestFinished)
    assert isinstance(cut.body, Truncated)
    assert isinstance(finished.body, RequestFinished)
    assert cut.cause == cut.correlation == cut.body.request == finished.body.request
    assert (cut.body.model, cut.body.signature) == ("sim:small", "halved")
    # What was computed counts, although the answer does not.
    assert (finished.body.outcome, finished.body.error_code) == ("failed", "PROMPT_TRUNCATED")
    assert (finished.body.prompt_tokens, finished.body.completion_tokens) == (2050, 1)
    assert summary("PromptTruncated", cut.body.model_dump()) == (
        "sim:small was told 2050 of about 5000 tokens (window 4096): "
        "the provider halved the prompt, as Ollama does when it shifts the context"
    )


def test_a_stream_has_its_text_and_ends_with_the_error(tmp_path: Path) -> None:
    async def main() -> None:
        async with _opened(tmp_path, Cutting(CUT)) as manager:
            stream = await manager.chat("sim:small", HELLO, stream=True)
            assert (await anext(stream)).text == "yes"
            with pytest.raises(PromptTruncated):
                await anext(stream)
            with pytest.raises(StopAsyncIteration):
                await anext(stream)

    asyncio.run(main())


def test_by_setting_it_is_a_warning_and_stands_in_the_answer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with _opened(tmp_path, Cutting(CUT), on_truncation="warn") as manager:
            answer = await manager.chat("sim:small", HELLO)
            assert (answer.text, answer.truncation) == ("yes", CUT)

    asyncio.run(main())
    assert "a prompt was cut" in caplog.text
    assert len(_recorded(tmp_path, Truncated)) == 1


def test_the_setting_can_be_changed_while_the_manager_runs(tmp_path: Path) -> None:
    async def main() -> None:
        async with _opened(tmp_path, Cutting(CUT)) as manager:
            await manager.configure(context={"on_truncation": "warn"})
            assert (await manager.chat("sim:small", HELLO)).truncation == CUT

    asyncio.run(main())


def test_an_answer_to_a_whole_prompt_says_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        async with _opened(tmp_path, Cutting(None)) as manager:
            assert (await manager.chat("sim:small", HELLO)).truncation is None

    asyncio.run(main())
    assert _recorded(tmp_path, Truncated) == []


@pytest.mark.parametrize("version", ["0.11.0", "0.32.15"])
def test_an_ollama_that_would_cut_a_prompt_refuses_it_or_is_found_out(
    tmp_path: Path, version: Literal["0.11.0", "0.32.15"]
) -> None:
    """Recent ones are told not to; older ones fill the window and say nothing."""
    too_long = [{"role": "user", "content": " ".join(f"word{number}" for number in range(3000))}]

    async def main() -> None:
        world = World([Installed("small", context=8192)])
        switches = ollama.Switches(version=version)
        async with serving(ollama.build(world, switches)) as server:
            provider: Provider = OllamaProvider(server.url, context_tokens=1024)
            settings = bursar.Settings(limits={"memory_threshold": 1})
            async with bursar.open(tmp_path / "j.db", settings, providers={"ollama": provider}) as manager:
                with pytest.raises(bursar.BursarError) as error:
                    await manager.chat("small", too_long)
                expected = "PROMPT_TRUNCATED" if version == "0.11.0" else "CONTEXT_TOO_LARGE"
                assert error.value.code == expected
                # Both are of the prompt: what fits is answered as ever.
                answer = await manager.chat("small", HELLO)
                assert answer.truncation is None

    asyncio.run(main())
