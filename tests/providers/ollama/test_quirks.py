"""The numbered quirks of the sheet, §1.1, each by its number."""

import pytest

from bursar.domain.errors import ContextTooLarge, ModelVanished, OutOfMemory, Unsupported
from bursar.domain.ports import ChatRequest, Message
from bursar.testing.provider.ollama import Switches

from .world import HELLO, Here, running

OLD = "0.12.11"
#: 4500 tokens of the simulator's, which has one for every four characters.
TOO_LONG = ChatRequest([Message("user", "word five " * 1800)], max_tokens=4)
HALF = {"num_ctx": 4096}


@pytest.mark.parametrize(
    "other",
    [
        {"num_ctx": 2048},
        {"num_batch": 64},
        {"num_gpu": 0},
        {"main_gpu": 1},
        {"use_mmap": False},
        {"num_thread": 3},
        {"draft_num_predict": 4},
    ],
)
def test_quirk_1_any_other_option_loads_it_anew(other: dict[str, object]) -> None:
    async def test(here: Here) -> None:
        await here.load()
        options = {"num_ctx": 4096, **other}
        status, _ = await here.post("/api/generate", model="small", prompt="x", options=options, shift=False)
        assert status == 200
        assert (here.world.loads, here.world.unloads) == (2, 1)

    running(test)


@pytest.mark.parametrize("other", [{"num_gpu": -1}, {"temperature": 0.1}, {"num_predict": 3}, {"top_k": 5}])
def test_quirk_1_what_leaves_the_load_as_it_is_loads_nothing_anew(other: dict[str, object]) -> None:
    async def test(here: Here) -> None:
        await here.load()
        options = {"num_ctx": 4096, **other}
        await here.post("/api/generate", model="small", prompt="x", options=options, shift=False)
        assert here.world.loads == 1

    running(test)


def test_quirk_1_another_shift_loads_it_anew_since_0_30_and_did_not_before() -> None:
    async def test(here: Here) -> None:
        await here.load()
        await here.post("/api/generate", model="small", prompt="x", options={"num_ctx": 4096})
        assert here.world.loads == (2 if here.switches.since(0, 30) else 1)

    running(test)
    running(test, Switches(version=OLD))


def test_quirk_1_a_window_beyond_the_trained_one_is_the_trained_one_and_loads_nothing_anew() -> None:
    async def test(here: Here) -> None:
        await here.load()
        body = {"model": "small", "prompt": "x", "shift": False}
        await here.post("/api/generate", **body, options={"num_ctx": 8192})
        await here.post("/api/generate", **body, options={"num_ctx": 100_000})
        assert here.world.loads == 2

    running(test)


def test_quirk_1_two_requests_that_leave_the_window_open_load_nothing_anew() -> None:
    async def test(here: Here) -> None:
        for _ in range(2):
            await here.post("/api/generate", model="small", prompt="x")
        assert here.world.loads == 1

    running(test)


def test_quirk_1_whatever_is_asked_for_the_options_of_the_load_are_sent() -> None:
    async def test(here: Here) -> None:
        await here.load("vectors")
        await here.load()
        requests = [
            HELLO,
            ChatRequest([Message("system", "x"), Message("user", "y")], temperature=0.5, stop=("z",)),
            ChatRequest([Message("user", "y")], max_tokens=1, seed=3),
        ]
        for request in requests:
            await here.ask(request)
        await here.provider.embed("vectors", ["one"])
        await here.load()
        await here.load("vectors")
        assert here.world.loads == 2
        assert here.world.unloads == 0

    running(test)
    running(test, Switches(version=OLD))
    running(test, context_tokens=1024)


def test_quirk_1_vectors_of_a_model_for_answers_would_load_it_anew_and_are_refused() -> None:
    async def test(here: Here) -> None:
        await here.load()
        assert isinstance(await here.failure(here.provider.embed("small", ["one"])), Unsupported)
        assert here.world.loads == 1
        # As it would have been:
        await here.post("/api/embed", model="small", input=["one"], options={"num_ctx": 4096})
        assert here.world.loads == 2

    running(test)


@pytest.mark.parametrize(
    ("window", "left"), [(4096, {2050, 2051}), (32768, {16386, 16387}), (65536, {32770})]
)
def test_quirk_2_half_of_a_prompt_that_is_too_long_is_left(window: int, left: set[int]) -> None:
    async def test(here: Here) -> None:
        prompt = "abcd" * (window + 100)
        counts = set[int]()
        for bos in (True, False):
            here.switches.adds_bos = bos
            body = {"model": "llama:8b", "prompt": prompt, "options": {"num_ctx": window, "num_predict": 1}}
            status, answer = await here.post("/api/generate", **body)
            assert status == 200
            counts.add(answer["prompt_eval_count"])
        assert counts == left | ({32771} if window == 65536 else set())

    running(test)


@pytest.mark.parametrize("version", ["0.32.15", "0.30.0", OLD, "0.12.6"])
def test_quirk_2_a_prompt_that_is_too_long_is_refused_and_not_cut(version: str) -> None:
    async def test(here: Here) -> None:
        await here.load()
        failure = await here.failure(here.ask(TOO_LONG))
        assert isinstance(failure, ContextTooLarge)
        (body,) = here.bodies("/api/chat")
        assert body["truncate"] is False and body["shift"] is False

    running(test, Switches(version=version))


def test_quirk_2_the_numbers_are_those_of_llama_server_where_it_gives_them() -> None:
    async def test(here: Here) -> None:
        await here.load()
        failure = await here.failure(here.ask(TOO_LONG))
        assert failure.values["context_tokens"] == 4096
        assert int(str(failure.values["prompt_tokens"])) > 4096

    running(test)


def test_quirk_2_a_version_that_cuts_all_the_same_is_found_out() -> None:
    async def test(here: Here) -> None:
        await here.load()
        last = (await here.ask(TOO_LONG))[-1]
        assert last.prompt_tokens == 4096
        assert last.truncation is not None
        assert (last.truncation.signature, last.truncation.context_tokens) == ("filled", 4096)
        assert last.truncation.expected_tokens >= 4096

    running(test, Switches(version="0.12.5"))


def test_quirk_2_messages_that_were_left_out_are_found_out() -> None:
    async def test(here: Here) -> None:
        await here.load()
        old = [Message("user", "many words of one syllable, " * 300), Message("assistant", "so it is")] * 3
        last = (await here.ask(ChatRequest([*old, Message("user", "go on")], max_tokens=4)))[-1]
        assert last.prompt_tokens is not None and last.prompt_tokens < 4096
        assert last.truncation is not None
        assert last.truncation.signature == "far_below_estimate"

    running(test, Switches(version="0.12.5"))


@pytest.mark.parametrize(
    ("version", "status", "words"),
    [
        ("0.32.15", 400, "the prompt is longer than the context length"),
        ("0.30.9", 400, "the prompt is longer than the context length"),
        ("0.30.8", 400, "exceed_context_size"),
        ("0.30.0", 400, "exceed_context_size"),
    ],
)
def test_quirk_2_a_model_that_cannot_shift_refuses_in_the_words_of_its_version(
    version: str, status: int, words: str
) -> None:
    async def test(here: Here) -> None:
        answer = await here.post("/api/generate", model="small", prompt="abcd" * 9000)
        assert answer[0] == status
        assert words in answer[1]["error"]

    running(test, Switches(version=version, no_shift={"small"}))


def test_quirk_3_the_window_that_was_granted_is_read_after_the_load() -> None:
    async def test(here: Here) -> None:
        here.world.faults.grants_context = 1024
        assert (await here.load()).context_tokens == 1024
        assert (await here.provider.resident())[0].context_tokens == 1024
        # The same is asked for as before, because that is what Ollama compares.
        assert (await here.ask())[-1].done
        assert here.bodies("/api/chat")[0]["options"]["num_ctx"] == 4096
        assert here.world.loads == 1

    running(test)


def test_quirk_3_only_a_window_that_nobody_asked_for_is_made_smaller() -> None:
    async def test(here: Here) -> None:
        here.switches.context = 131072
        here.switches.free = here.world.memory_of(here.world.models["llama:8b"], 32768)
        await here.post("/api/generate", model="llama:8b")
        assert (await here.get("/api/ps"))["models"][0]["context_length"] == 32768
        await here.post("/api/generate", model="llama:8b", options={"num_ctx": 65536})
        assert (await here.get("/api/ps"))["models"][0]["context_length"] == 65536

    running(test)


def test_quirk_3_a_window_that_somebody_changed_is_reported_and_kept() -> None:
    async def test(here: Here) -> None:
        await here.load()
        await here.post("/api/generate", model="small", options={"num_ctx": 512}, shift=False)
        (residency,) = await here.provider.resident()
        assert residency.context_tokens == 512
        await here.ask()
        assert here.bodies("/api/chat")[0]["options"]["num_ctx"] == 512

    running(test)


def test_quirk_4_memory_that_runs_out_in_one_answer_takes_every_model() -> None:
    async def test(here: Here) -> None:
        await here.load("small")
        await here.load("vectors")
        here.switches.oom_after = 0
        assert isinstance(await here.failure(here.ask()), OutOfMemory)
        await here.until(lambda: not here.world.instances)
        assert isinstance(await here.failure(here.provider.embed("vectors", ["x"])), ModelVanished)

    running(test)


def test_quirk_5_a_full_window_and_a_limit_of_tokens_have_one_reason() -> None:
    async def test(here: Here) -> None:
        await here.load()
        assert (await here.ask())[-1].finish_reason == "length"
        endless = (await here.ask(ChatRequest([Message("user", "hi")], max_tokens=10_000)))[-1]
        assert endless.finish_reason == "length"
        assert endless.prompt_tokens is not None and endless.completion_tokens is not None
        assert endless.prompt_tokens + endless.completion_tokens == 512

    running(test, context_tokens=512)


def test_quirk_6_names_are_normalised_and_digests_match() -> None:
    async def test(here: Here) -> None:
        await here.post("/api/generate", model="small:latest", keep_alive=-1)
        (listed,) = (await here.get("/api/ps"))["models"]
        assert listed["name"] == "small:latest"
        (residency,) = await here.provider.resident()
        assert residency.digest == (await here.provider.describe("small")).digest
        assert (await here.ask(model="small"))[-1].done

    running(test)


def test_quirk_7_versions_differ_where_the_sheet_says_so() -> None:
    async def test(here: Here) -> None:
        new = here.switches.since(0, 30)
        (tag, *_) = (await here.get("/api/tags"))["models"]
        assert ("capabilities" in tag) is new
        assert ("context_length" in tag["details"]) is new
        missing = {"model": "nope", "messages": [{"role": "user", "content": "x"}]}
        _, error = await here.post("/v1/chat/completions", **missing)
        assert error["error"]["type"] == ("not_found_error" if new else "api_error")

    running(test)
    running(test, Switches(version=OLD))
