"""Errors as vLLM and FastAPI shape them."""

from starlette.responses import JSONResponse

from ..openai.refusing import Refused

_NAMES = {400: "BadRequestError", 404: "NotFoundError", 500: "InternalServerError"}


class VllmRefused(Refused):
    """An error of vLLM's own; older versions do not put it into an object `error`."""

    def __init__(self, status: int, message: str, *, old: bool = False) -> None:
        super().__init__(status, message)
        self._old = old

    def answer(self) -> JSONResponse:
        """The answer that says so."""
        found = {"message": str(self), "type": _NAMES[self.status], "param": None, "code": self.status}
        return JSONResponse({"object": "error", **found} if self._old else {"error": found}, self.status)


class Plain(Refused):
    """An error that is a body and no more: FastAPI's, and those of what stands before vLLM's endpoints."""

    def __init__(self, status: int, body: dict[str, object]) -> None:
        super().__init__(status, "")
        self._body = body

    def answer(self) -> JSONResponse:
        """The answer that says so."""
        return JSONResponse(self._body, self.status)


def unauthorized(given: str) -> Refused:
    """No key, or another one."""
    return Plain(401, {"error": "Unauthorized"})


def no_such_path() -> Refused:
    """An endpoint that does not exist, or not in this mode."""
    return Plain(404, {"detail": "Not Found"})


def invalid(part: str, problem: str) -> Refused:
    """A body that has not the right form."""
    return Plain(422, {"detail": [{"type": "missing", "loc": ["body", part], "msg": problem}]})


def engine_dead(*, old: bool = False) -> Refused:
    """As a server says it whose engine is gone, before it ends itself."""
    text = "EngineCore encountered an issue. See stack trace (above) for the root cause."
    return VllmRefused(500, text, old=old)


def unknown_model(name: object, *, old: bool = False) -> Refused:
    """A name that is not the served one."""
    return VllmRefused(404, f"The model `{name}` does not exist.", old=old)


def too_long(prompt: int, context: int, *, old: bool = False) -> Refused:
    """A prompt that is longer than the window."""
    text = (
        f"This model's maximum context length is {context} tokens. However, your request has {prompt} input "
        "tokens. Please reduce the length of the input messages."
    )
    return VllmRefused(400, text, old=old)


def too_much(limit: int, prompt: int, context: int, *, old: bool = False) -> Refused:
    """An answer that would grow out of the window."""
    text = (
        f"'max_tokens' or 'max_completion_tokens' is too large: {limit}. This model's maximum context length "
        f"is {context} tokens and your request has {prompt} input tokens ({limit} > {context} - {prompt})."
    )
    return VllmRefused(400, text, old=old)


def no_priorities(*, old: bool = False) -> Refused:
    """A priority, on a server that serves who comes first."""
    text = "Got priority but Priority scheduling is not enabled."
    return VllmRefused(400, text, old=old)


def no_embeddings(*, old: bool = False) -> Refused:
    """Vectors of a model that writes."""
    return VllmRefused(400, "The model does not support Embeddings API", old=old)


def no_sleep(*, old: bool = False) -> Refused:
    """The endpoint is there, and the engine was not prepared for it."""
    return VllmRefused(500, "Sleep mode is not enabled in the model config", old=old)
