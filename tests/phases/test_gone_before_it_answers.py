"""A model that turns out to be gone before it has said anything is asked for anew, once."""

import asyncio
from pathlib import Path
from typing import Any

import bursar
from bursar.domain.requests.events import RequestArrived, RequestFinished

from .stand import HELLO, Stand, running

#: Long enough that only what the chat itself causes is seen.
PATIENT: dict[str, Any] = {"retry": {"max_attempts": 2}, "reconcile": {"interval": "60s"}}


#: Its adapter asks for no answer that would load a model; others have it loaded, and notice later.
KIND = "llamacpp"
ONCE: dict[str, Any] = {**PATIENT, "retry": {"max_attempts": 1}}


async def _unload_by_hand(stand: Stand) -> None:
    for name in tuple(stand.world.instances):
        await stand.world.unload(name)


def test_a_model_unloaded_by_hand_is_loaded_again_and_answers(tmp_path: Path) -> None:
    async def test(stand: Stand) -> None:
        await stand.manager.load_model(stand.model())
        await _unload_by_hand(stand)
        assert (await stand.chat()).text
        await stand.at_rest()
        assert stand.world.loads == 2

    history = running(tmp_path, test, KIND, **PATIENT)
    _, first, second = [event for event in history if isinstance(event.body, RequestArrived)]
    assert second.correlation == first.position
    (ended,) = [
        event.body
        for event in history
        if isinstance(event.body, RequestFinished) and event.body.request == first.position
    ]
    assert (ended.outcome, ended.error_code) == ("failed", "MODEL_LOST")


def test_a_stream_goes_on_under_the_new_request(tmp_path: Path) -> None:
    async def test(stand: Stand) -> None:
        await stand.manager.load_model(stand.model())
        await _unload_by_hand(stand)
        chat = await stand.manager.chat(stand.model(), HELLO, stream=True, max_tokens=4)
        before = chat.request
        assert (await chat.collect()).completion_tokens == 4
        assert chat.request != before
        await stand.at_rest()

    running(tmp_path, test, KIND, **PATIENT)


def test_who_wants_no_second_attempt_hears_of_it(tmp_path: Path) -> None:
    async def test(stand: Stand) -> None:
        await stand.manager.load_model(stand.model())
        await _unload_by_hand(stand)
        assert (await stand.failure(stand.chat())).code == "MODEL_LOST"
        await stand.at_rest()

    running(tmp_path, test, KIND, **ONCE)


def test_what_had_begun_to_answer_is_not_asked_again(tmp_path: Path) -> None:
    async def test(stand: Stand) -> None:
        chat = await stand.manager.chat(stand.model(), HELLO, stream=True, max_tokens=1000)
        assert (await anext(chat)).text
        stand.world.forget_all()
        assert isinstance(await stand.failure(chat.collect()), bursar.BursarError)

    history = running(tmp_path, test, KIND, **PATIENT)
    assert len([event for event in history if isinstance(event.body, RequestArrived)]) == 1


def test_it_is_asked_for_anew_within_what_is_left_of_the_deadline(tmp_path: Path) -> None:
    async def test(stand: Stand) -> None:
        await stand.manager.load_model(stand.model())
        await _unload_by_hand(stand)
        stand.world.may_load.clear()
        asked = asyncio.create_task(stand.chat(deadline_s=0.5))
        await stand.until(lambda: stand.world.loading == 1)
        assert (await stand.failure(asked)).code == "DEADLINE_EXCEEDED"
        stand.world.may_load.set()

    history = running(tmp_path, test, KIND, **PATIENT)
    first, second = [
        event.body for event in history if isinstance(event.body, RequestArrived) and event.body.deadline_ms
    ]
    assert isinstance(first, RequestArrived)
    assert isinstance(second, RequestArrived)
    assert second.deadline_ms is not None
    assert first.deadline_ms is not None
    assert second.deadline_ms <= first.deadline_ms == 500
