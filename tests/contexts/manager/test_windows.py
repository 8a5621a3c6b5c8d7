"""Windows that grow with what is said: the model is loaded anew before anything is left out."""

import asyncio
from pathlib import Path
from typing import Any

import bursar
from bursar.domain.models.values import Description, Residency
from bursar.testing.gguf import write_model

from .support import Talker, bodies, dialogue, run, talking


class Widening(Talker):
    """Gives the window that a load asks for, up to `most`."""

    def __init__(self, window: int = 2048, *, most: int = 16_384, granted: int | None = None) -> None:
        super().__init__(window)
        self.most = most
        #: It has no more than that, whatever is asked for.
        self.granted = granted
        self.asked_for: list[int] = []
        #: Loads that ask for more than that come to nothing.
        self.fails_above = most

    async def describe(self, model: str) -> Description:
        described = await super().describe(model)
        return described.model_copy(update={"most_context_tokens": self.most})

    async def load(self, description: Description) -> Residency:
        self.asked_for.append(description.context_tokens)
        if description.context_tokens > self.fails_above:
            raise bursar.OutOfMemory(model=description.model, cause="too long a window", phase="load")
        residency = await super().load(description)
        self.real_window = min(description.context_tokens, self.granted or self.most)
        return residency.model_copy(update={"context_tokens": self.real_window})


def test_a_conversation_grows_and_nothing_is_left_out(tmp_path: Path) -> None:
    talker = Widening()

    async def work() -> None:
        async with talking(tmp_path, talker) as manager:
            handle = await manager.open_context("talk", model="sim:a", window="auto")
            for number in range(90):
                await handle.chat(f"What about parcel {number}? " + "please " * 20)
            assert len(await handle.messages()) == 180
            assert len(talker.sent[-1]) == 179

    run(work)
    assert talker.asked_for == [2048, 3072, 4096, 6144]
    chosen = bodies(tmp_path, "WindowChosen")
    assert [one.context_tokens for one in chosen] == [3072, 4096, 6144]
    assert not bodies(tmp_path, "ContextCompressionStarted", "ContextPruned", "ContextShrunk")


def test_one_with_a_fixed_window_does_not(tmp_path: Path) -> None:
    talker = Widening()

    async def work() -> None:
        async with talking(tmp_path, talker) as manager:
            handle = await manager.open_context("talk", model="sim:a")
            for number in range(60):
                await handle.chat(f"What about parcel {number}? " + "please " * 20)

    run(work)
    assert talker.asked_for == [2048]
    assert bodies(tmp_path, "ContextCompressed")


def test_the_settings_may_say_so_for_all(tmp_path: Path) -> None:
    talker = Widening()

    async def work() -> None:
        async with talking(tmp_path, talker, context={"window": "auto"}) as manager:
            handle = await manager.open_context("talk", model="sim:a")
            await handle.chat("word " * 3_000)

    run(work)
    assert talker.asked_for == [6144]


def test_it_grows_for_the_answer_that_is_asked_for(tmp_path: Path) -> None:
    talker = Widening()

    async def work() -> None:
        async with talking(tmp_path, talker) as manager:
            handle = await manager.open_context("talk", model="sim:a", window="auto")
            await handle.chat("word " * 500, max_tokens=4_000)
            assert handle.limit_tokens == 6144 - 512

    run(work)
    assert talker.asked_for == [6144]
    assert bodies(tmp_path, "WindowWanted")


def test_a_model_that_is_used_by_others_is_loaded_anew_when_they_are_done(tmp_path: Path) -> None:
    talker = Widening()

    async def work() -> None:
        async with talking(tmp_path, talker) as manager:
            handle = await manager.open_context("talk", model="sim:a", window="auto")
            async with manager.lease("sim:a"):
                turn = asyncio.ensure_future(handle.chat("word " * 3_000))
                await _until(manager, "ModelDrainStarted")
                assert not turn.done()
                assert talker.asked_for == [2048]
            assert (await turn).text == "answer 1"

    run(work)
    assert talker.asked_for == [2048, 6144]


def test_where_less_is_granted_the_rest_is_left_out(tmp_path: Path) -> None:
    talker = Widening(granted=2048)

    async def work() -> None:
        async with talking(tmp_path, talker) as manager:
            handle = await manager.open_context("talk", model="sim:a", window="auto")
            await manager.add_messages("talk", dialogue(100))
            await handle.chat("And parcel 3?")
            assert handle.limit_tokens == 2048 - 512
            await handle.chat("And parcel 4?")

    run(work)
    assert len(talker.asked_for) == 1
    assert bodies(tmp_path, "ContextShrunk")


def test_a_window_that_cannot_be_loaded_is_given_up(tmp_path: Path) -> None:
    talker = Widening()
    talker.fails_above = 4096

    async def work() -> None:
        async with talking(tmp_path, talker, limits={"load_cooldown": 0.001}) as manager:
            handle = await manager.open_context("talk", model="sim:a", window="auto")
            await manager.add_messages("talk", dialogue(200))
            try:
                await handle.chat("And parcel 3?")
            except bursar.OutOfMemory:
                await asyncio.sleep(0.01)
            assert (await handle.chat("And parcel 4?")).text

    run(work)
    assert talker.asked_for[0] > 4096
    assert talker.asked_for[-1] <= 4096
    assert len(talker.asked_for) == 2


def test_where_the_model_counts_more_than_we_do_the_window_grows(tmp_path: Path) -> None:
    talker = Widening()
    talker.script = [bursar.ContextTooLarge(model="a", prompt_tokens=4_000, context_tokens=2048), "well"]

    async def work() -> None:
        async with talking(tmp_path, talker) as manager:
            handle = await manager.open_context("talk", model="sim:a", window="auto")
            assert (await handle.chat("word " * 1_000)).text == "well"

    run(work)
    assert talker.asked_for == [2048, 6144]


def test_a_restart_goes_on_with_the_window_that_was_chosen(tmp_path: Path) -> None:
    first, second = Widening(), Widening()

    async def work() -> None:
        async with talking(tmp_path, first) as manager:
            handle = await manager.open_context("talk", model="sim:a", window="auto")
            await handle.chat("word " * 3_000)
        async with talking(tmp_path, second) as manager:
            handle = await manager.open_context("talk")
            assert handle.limit_tokens == 6144 - 512
            await handle.chat("And now?")
            assert len(second.sent[-1]) == 3

    run(work)
    assert (first.asked_for, second.asked_for) == ([6144], [6144])
    assert not bodies(tmp_path, "ContextPruned")


def test_llama_cpp_is_loaded_anew_with_a_larger_window(tmp_path: Path) -> None:
    write_model(tmp_path / "models" / "long.gguf", context=16_384)
    llama = {"folder": str(tmp_path / "models"), "context_tokens": 1024, "slots": 1}
    settings = bursar.Settings(providers={"discover": False, "llama": llama})
    counts: list[int | None] = []

    async def work() -> None:
        async with bursar.open(tmp_path / "journal.db", settings) as manager:
            handle = await manager.open_context("talk", model="llama:long", reserve_tokens=64, window="auto")
            for number in range(4):
                await manager.add_messages("talk", dialogue(10 * number + 10)[-20:])
                answer = await handle.chat(f"What about {number}?", max_tokens=8, temperature=0)
                counts.append(answer.prompt_tokens)

    run(work)
    loads = [one.residency.context_tokens for one in bodies(tmp_path, "ModelLoaded")]
    assert loads == sorted(loads)
    assert len(loads) > 1
    assert (counts[-1] or 0) > 1024
    assert not bodies(tmp_path, "ContextPruned", "ContextCompressionStarted")


async def _until(manager: bursar.ResourceManager, name: str) -> None:
    heard: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    listening = manager.on(name, heard.set_result)
    try:
        await heard
    finally:
        listening.cancel()
