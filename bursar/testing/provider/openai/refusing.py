"""Errors in OpenAI's shape."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from starlette.responses import JSONResponse

from .quirks import Quirks


class Refused(Exception):
    """A request that is not served."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.headers = status, headers
        self.error = {"message": message, "type": kind, "param": param, "code": code}

    def answer(self) -> JSONResponse:
        """The answer that says so."""
        return JSONResponse({"error": self.error}, self.status, self.headers)


def wrong_key(given: str) -> Refused:
    """No key, or another one; it is repeated with its middle left out, as OpenAI does."""
    shown = f"{given[:3]}{'*' * 8}{given[-4:]}" if len(given) > 7 else ""
    text = f"Incorrect API key provided: {shown}. You can find your API key at https://example.invalid/keys."
    return Refused(401, text, code="invalid_api_key")


def unknown_model(name: object) -> Refused:
    """A name that no model has."""
    text = f"The model `{name}` does not exist or you do not have access to it."
    return Refused(404, text, code="model_not_found")


def no_such_path(method: str, path: str) -> Refused:
    """An endpoint that does not exist."""
    return Refused(404, f"Invalid URL ({method} {path})")


def missing(param: str) -> Refused:
    """A field that must be there is not."""
    return Refused(400, f"you must provide a {param} parameter", param=param)


def too_long(prompt: int, context: int) -> Refused:
    """A prompt that is longer than the window."""
    text = (
        f"This model's maximum context length is {context} tokens. However, your messages resulted in "
        f"{prompt} tokens. Please reduce the length of the messages."
    )
    return Refused(400, text, code="context_length_exceeded", param="messages")


def too_many(quirks: Quirks) -> Refused:
    """More requests at a time than it takes."""
    limit = str(quirks.limit)
    headers = {
        "x-ratelimit-limit-requests": limit,
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": f"{quirks.retry_after_s}s",
        **come_again(quirks),
    }
    text = f"Rate limit reached for requests. Limit: {limit} at a time."
    return Refused(429, text, kind="requests", code="rate_limit_exceeded", headers=headers)


def come_again(quirks: Quirks) -> dict[str, str]:
    """`Retry-After`, as it is said here."""
    if quirks.retry_after == "unsaid":
        return {}
    if quirks.retry_after == "seconds":
        return {"Retry-After": str(quirks.retry_after_s)}
    moment = datetime.now(UTC) + timedelta(seconds=quirks.retry_after_s)
    return {"Retry-After": format_datetime(moment, usegmt=True)}
