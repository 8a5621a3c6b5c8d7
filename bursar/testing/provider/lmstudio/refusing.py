"""Errors as LM Studio words and shapes them."""

from starlette.responses import JSONResponse

GIB = 1 << 30


class Refused(Exception):
    """A request that is not served; `kind` is the error's type."""

    def __init__(
        self, status: int, kind: str, message: str, *, code: str | None = None, param: str | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.kind, self.message, self.code, self.param = status, kind, message, code, param

    def native(self) -> dict[str, object]:
        """The error object of `/api/v1`, which leaves out what it does not know."""
        known = {"code": self.code, "param": self.param}
        return {
            "type": self.kind,
            "message": self.message,
            **{name: value for name, value in known.items() if value is not None},
        }

    def openai(self) -> dict[str, object]:
        """The error object of `/v1` and `/api/v0`."""
        kind = "invalid_request_error" if self.status < 500 else "internal_error"
        return {"message": self.message, "type": kind, "param": self.param, "code": self.code}

    def answer(self, path: str, shape: str) -> JSONResponse:
        """The answer that says so, in the shape of the path's family."""
        error: object = self.native() if path.startswith("/api/v1/") else self.openai()
        if path.startswith("/api/v1/") and shape == "text":
            error = self.message
        return JSONResponse({"error": error}, self.status)


def no_token() -> Refused:
    """Authentication is on, and no token or another one came."""
    text = (
        "An LM Studio API token is required to make requests to this server, but none was provided using "
        "the Authorization header using the 'Bearer' scheme (i.e., 'Authorization: Bearer $LM_API_TOKEN')."
    )
    return Refused(401, "invalid_request", text, code="invalid_api_key")


def none_loaded() -> Refused:
    """Nothing of that name is in memory, and nothing is loaded just in time."""
    text = "No models loaded. Please load a model in the developer page or use the 'lms load' command."
    return Refused(404, "model_not_found", text, param="model")


def not_installed(name: str, known: list[str]) -> Refused:
    """A name that no model has."""
    text = f'Invalid model identifier "{name}". Please specify a valid downloaded model'
    text += f" (e.g., {', '.join(known[:3])})."
    return Refused(404, "model_not_found", text, code="model_not_found", param="model")


def no_instance(name: str) -> Refused:
    """Unloading what is not loaded."""
    text = f'Cannot find a loaded model instance with the identifier "{name}".'
    return Refused(404, "model_not_found", text, param="instance_id")


def guarded(need: int) -> Refused:
    """The loading guardrails."""
    text = (
        "Model loading was stopped due to insufficient system resources. Under the current settings, this "
        f"model requires approximately {need / GIB:.2f} GB of memory, and continuing to load it would likely "
        "overload your system and cause it to freeze. If you think this is incorrect, you can adjust the "
        "model loading guardrails in settings."
    )
    return Refused(500, "model_load_failed", text)


def aborted() -> Refused:
    """The engine ran out of memory, and only its signal is known."""
    text = "Failed to load model. Engine process exited unexpectedly (signal: SIGABRT). Exit code: null"
    return Refused(500, "model_load_failed", text)


def overflowing(prompt: int, context: int) -> Refused:
    """A prompt that is longer than the window."""
    text = (
        f"Trying to keep the first {prompt} tokens when context the overflows. However, the model is loaded "
        f"with context length of only {context} tokens, which is not enough. Try to load the model with a "
        "larger context length, or provide a shorter input."
    )
    return Refused(400, "invalid_request", text)


def crashed() -> Refused:
    """The engine of an instance died."""
    text = "The model has crashed without additional information. (Exit code: 18446744072635810000)"
    return Refused(400, "internal_error", text)


def unloaded() -> Refused:
    """The model went while it answered."""
    return Refused(400, "internal_error", "Model is unloaded.")


def missing(param: str) -> Refused:
    """A field that must be there is not."""
    text = f'"{param}" is required'
    return Refused(400, "invalid_request", text, code="missing_required_parameter", param=param)


def unexpected(method: str, path: str, status: int) -> JSONResponse:
    """An endpoint that does not exist."""
    return JSONResponse({"error": f"Unexpected endpoint or method. ({method} {path})"}, status)
