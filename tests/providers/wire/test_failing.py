"""What goes wrong with HTTP is told in terms of providers."""

import asyncio
import socket

import pytest

from bursar.adapters.http.client import HttpClient
from bursar.adapters.http.failures import (
    BadAnswer,
    ConnectFailed,
    ConnectionBroken,
    HttpFailure,
    TimedOut,
    TooLarge,
)
from bursar.adapters.providers.wire.failing import failing
from bursar.domain.errors import (
    BursarError,
    InvalidModelId,
    ProviderBusy,
    ProviderTimeout,
    ProviderUnavailable,
)


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (ConnectFailed("no such host"), ProviderUnavailable),
        (ConnectionBroken("it ended", answered=False), ProviderUnavailable),
        (ConnectionBroken("it ended", answered=True), ProviderUnavailable),
        (TooLarge("line", 9), ProviderUnavailable),
        (BadAnswer("no HTTP"), ProviderUnavailable),
        # The request is there, and may still be carried out.
        (TimedOut("headers", 3), ProviderTimeout),
        (TimedOut("idle", 3), ProviderTimeout),
        (TimedOut("total", 3), ProviderTimeout),
        # It never got there.
        (TimedOut("connect", 3), ProviderUnavailable),
        (TimedOut("pool", 3), ProviderBusy),
    ],
)
def test_each_failure_is_an_error_with_its_words(failure: HttpFailure, kind: type[BursarError]) -> None:
    with pytest.raises(kind) as caught, failing("lab"):
        raise failure
    assert caught.value.values["provider"] == "lab"
    assert caught.value.values["cause"] == str(failure)
    assert caught.value.__cause__ is failure


def test_it_is_told_what_was_going_on_with_which_model() -> None:
    with pytest.raises(ProviderTimeout, match=r"while it served m$"), failing("lab", "m"):
        raise TimedOut("idle", 3)
    with pytest.raises(ProviderTimeout, match=r"while it loaded m$"), failing("lab", "m", phase="load"):
        raise TimedOut("idle", 3)


def test_our_own_errors_and_cancelling_pass() -> None:
    with pytest.raises(InvalidModelId), failing("lab"):
        raise InvalidModelId(model="m", problem="x")
    with pytest.raises(asyncio.CancelledError), failing("lab"):
        raise asyncio.CancelledError


def test_a_port_where_nobody_listens_is_told_as_such() -> None:
    async def test() -> None:
        with socket.socket() as unheard:
            unheard.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{unheard.getsockname()[1]}"
            http = HttpClient(url)
            with pytest.raises(ProviderUnavailable) as caught, failing("lab"):
                await http.request("GET", "/")
            await http.close()
            assert str(caught.value.values["cause"]).startswith("nobody listens")
            assert url in str(caught.value)

    asyncio.run(test())
