"""Errors as llama-server words and shapes them."""

from starlette.responses import JSONResponse


class Refused(Exception):
    """A request that is not served; `more` are further fields of the error."""

    def __init__(self, code: int, kind: str, message: str, **more: int) -> None:
        super().__init__(message)
        self.code, self.kind, self.message, self.more = code, kind, message, more

    def answer(self) -> JSONResponse:
        """The answer that says so."""
        error = {"code": self.code, "message": self.message, "type": self.kind, **self.more}
        return JSONResponse({"error": error}, self.code)


def invalid(message: str) -> Refused:
    """A request that makes no sense."""
    return Refused(400, "invalid_request_error", message)


def unsupported(what: str, flag: str) -> Refused:
    """An endpoint that a flag would switch on."""
    return Refused(501, "not_supported_error", f"This server does not support {what}. Start it with `{flag}`")


def too_long(prompt: int, window: int) -> Refused:
    """A prompt that does not fit into a slot."""
    text = (
        f"request ({prompt} tokens) exceeds the available context size ({window} tokens), try increasing it"
    )
    return Refused(400, "exceed_context_size_error", text, n_prompt_tokens=prompt, n_ctx=window)


def too_large(tokens: int, batch: int) -> Refused:
    """A text to be embedded that does not fit into a batch."""
    text = f"input ({tokens} tokens) is too large to process. increase the physical batch size "
    return Refused(500, "server_error", f"{text}(current batch size: {batch})")


def loading() -> Refused:
    """The model is on its way into memory."""
    return Refused(503, "unavailable_error", "Loading model")


def no_slot() -> Refused:
    """Every slot is busy, and the request asked to hear that."""
    return Refused(503, "unavailable_error", "no slot available")


def no_key() -> Refused:
    """The key is missing or another one."""
    return Refused(401, "authentication_error", "Invalid API Key")


def no_path() -> Refused:
    """No such endpoint, or not with that method."""
    return Refused(404, "not_found_error", "File Not Found")
