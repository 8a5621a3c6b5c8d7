"""Every adapter turns whatever a provider may answer into one error of the closed set."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from bursar.domain.errors import (
    BursarError,
    ProviderAuthFailed,
    ProviderBusy,
    ProviderUnavailable,
)
from bursar.domain.models.values import Description
from bursar.testing.provider.faults import Refusal

from .world import Contract, Opening

JUNK = (
    "",
    "null",
    "[]",
    "{}",
    "42",
    '"text"',
    "{nonsense",
    '{"models": 3, "data": "x"}',
    "<html>busy</html>",
)


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_is_told_as_such(opening: Opening, status: int) -> None:
    async def test(here: Contract) -> None:
        simulated = here.simulator()
        await here.load()
        refusal = Refusal(status, '{"error": {"message": "invalid api key", "type": "authentication_error"}}')
        for path in (simulated.chat, simulated.status, simulated.health):
            simulated.world.faults.refusals[path] = refusal
        assert isinstance(await here.failure(here.ask()), ProviderAuthFailed)
        if here.provider.capabilities.load:
            assert isinstance(await here.failure(here.provider.resident()), ProviderAuthFailed)
        assert (await here.provider.probe()).code == "PROVIDER_AUTH_FAILED"

    opening.run(test)


@pytest.mark.parametrize("status", [429, 503])
def test_a_provider_that_has_too_much_to_do_is_busy_for_as_long_as_it_says(
    opening: Opening, status: int
) -> None:
    async def test(here: Contract) -> None:
        simulated = here.simulator()
        await here.load()
        body = '{"error": "server busy, please try again.  maximum pending requests exceeded"}'
        simulated.world.faults.refusals[simulated.chat] = Refusal(status, body, {"Retry-After": "7"})
        failure = await here.failure(here.ask())
        assert isinstance(failure, ProviderBusy)
        assert failure.values["retry_after_ms"] == 7000
        simulated.world.faults.refusals[simulated.chat] = Refusal(status, body)
        failure = await here.failure(here.ask())
        assert isinstance(failure, ProviderBusy)
        assert failure.values["retry_after_ms"] is None

    opening.run(test)


@pytest.mark.parametrize("status", [500, 502])
def test_a_server_error_is_unavailability_with_its_words(opening: Opening, status: int) -> None:
    async def test(here: Contract) -> None:
        simulated = here.simulator()
        await here.load()
        simulated.world.faults.refusals[simulated.chat] = Refusal(status, '{"error": "the cat sat on it"}')
        failure = await here.failure(here.ask())
        assert isinstance(failure, ProviderUnavailable)
        assert "the cat sat on it" in str(failure)

    opening.run(test)


@pytest.mark.parametrize("body", JUNK)
def test_nonsense_is_never_more_than_an_error_of_ours(opening: Opening, body: str) -> None:
    async def test(here: Contract) -> None:
        simulated = here.simulator()
        description = await here.provider.describe(here.llm)
        await here.load()
        paths = simulated.chat, simulated.status, simulated.health, simulated.load, simulated.unload
        for status in (200, 400, 404, 500):
            for path in (*paths, simulated.catalogue, simulated.embed):
                if path:
                    simulated.world.faults.refusals[path] = Refusal(status, body)
            outcomes = await asyncio.gather(*_calls(here, description), return_exceptions=True)
            for outcome in outcomes:
                assert isinstance(outcome, (BursarError, tuple, list)) or hasattr(outcome, "model"), (
                    f"{status}: {outcome!r}"
                )
            await here.provider.probe()

    opening.run(test)


def _calls(here: Contract, description: Description) -> list[Coroutine[Any, Any, object]]:
    """Everything that may be asked of the provider."""
    provider = here.provider
    calls: list[Coroutine[Any, Any, object]] = [
        provider.catalogue(),
        provider.describe(here.llm),
        provider.resident(),
        here.ask(),
    ]
    if provider.capabilities.load:
        calls.append(provider.load(description))
    if provider.capabilities.embeddings and here.embedding:
        calls.append(provider.embed(here.embedding, ["x"]))
    return calls
