"""Every answer that says no, as one of the errors an adapter may raise.

    complaint.py reads it -> the first rule that fits names the error; what fits none goes by its status

The rules go by the words and names that providers use before they go by statuses: Ollama says 500 when memory
is out, and LM Studio says 200 to a path that it does not have.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus

from ....domain.errors import (
    BursarError,
    ContextTooLarge,
    InvalidModelId,
    ModelLoadFailed,
    ModelVanished,
    OutOfMemory,
    ProviderAuthFailed,
    ProviderBusy,
    ProviderCancelled,
    ProviderTimeout,
    ProviderUnavailable,
    Unsupported,
)
from ...http.port import Headers
from . import windows
from .complaint import Complaint, read_body, read_value
from .failing import Phase
from .retry_after import retry_after_ms


def refusal(
    provider: str, model: str, status: int, headers: Headers, body: bytes, *, phase: Phase = "run"
) -> BursarError:
    """The error that an answer with a status other than 2xx stands for. Never raises."""
    complaint = read_body(body)
    return _first(_Refusal(provider, model, status, complaint, phase, headers))


def reported(provider: str, model: str, error: object, *, phase: Phase = "run") -> BursarError:
    """The error that an object or text inside an answer of status 200 stands for. Never raises."""
    complaint = read_value(error)
    given = complaint.status
    status = given if given and HTTPStatus.BAD_REQUEST <= given < 600 else HTTPStatus.OK
    return _first(_Refusal(provider, model, status, complaint, phase, {}))


@dataclass(frozen=True, slots=True)
class _Refusal:
    provider: str
    model: str
    status: int
    complaint: Complaint
    phase: Phase
    headers: Headers

    @property
    def subject(self) -> str:
        """What the error is about, where it is about a model."""
        return self.model or self.provider


@dataclass(frozen=True, slots=True)
class _Rule:
    """Fits when one of its names, phrases or statuses does; phrases and names only below `under`."""

    error: Callable[[_Refusal], BursarError]
    phrases: re.Pattern[str] | None = None
    kinds: frozenset[str] = frozenset()
    statuses: frozenset[int] = frozenset()
    #: Statuses from here on are about something else, whatever is said.
    under: int = 600
    fits_also: Callable[[_Refusal], bool] = field(default=lambda refusal: False)

    def fits(self, refusal: _Refusal) -> bool:
        """Whether the refusal is of this kind."""
        complaint = refusal.complaint
        said = not self.kinds.isdisjoint(complaint.kinds) or (
            self.phrases is not None and self.phrases.search(complaint.words) is not None
        )
        return (
            refusal.status in self.statuses
            or (said and refusal.status < self.under)
            or self.fits_also(refusal)
        )


def _first(refusal: _Refusal) -> BursarError:
    for rule in _RULES:
        if rule.fits(refusal):
            return rule.error(refusal)
    return _by_status(refusal)


def _by_status(refusal: _Refusal) -> BursarError:
    if refusal.phase == "load" and refusal.status in (HTTPStatus.OK, HTTPStatus.INTERNAL_SERVER_ERROR):
        return _load_failed(refusal)
    if HTTPStatus.BAD_REQUEST <= refusal.status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return _unsupported(refusal)
    return ProviderUnavailable(provider=refusal.provider, cause=_cause(refusal))


def _cause(refusal: _Refusal) -> str:
    text = refusal.complaint.text
    return text if refusal.status == HTTPStatus.OK else f"status {refusal.status}: {text}"


def _too_large(refusal: _Refusal) -> BursarError:
    complaint = refusal.complaint
    return ContextTooLarge(
        prompt_tokens=windows.prompt_tokens(complaint),
        model=refusal.subject,
        context_tokens=windows.context_tokens(complaint),
    )


def _out_of_memory(refusal: _Refusal) -> BursarError:
    return OutOfMemory(model=refusal.subject, phase=refusal.phase, cause=_cause(refusal))


def _no_memory_to_load(refusal: _Refusal) -> BursarError:
    return OutOfMemory(model=refusal.subject, phase="load", cause=_cause(refusal))


def _auth(refusal: _Refusal) -> BursarError:
    return ProviderAuthFailed(provider=refusal.provider, cause=_cause(refusal))


def _cancelled(refusal: _Refusal) -> BursarError:
    return ProviderCancelled(provider=refusal.provider, cause=_cause(refusal))


def _timeout(refusal: _Refusal) -> BursarError:
    return ProviderTimeout(provider=refusal.provider, cause=_cause(refusal))


def _busy(refusal: _Refusal) -> BursarError:
    wait = retry_after_ms(refusal.headers, datetime.now(UTC))
    return ProviderBusy(provider=refusal.provider, cause=_cause(refusal), retry_after_ms=wait)


def _unsupported(refusal: _Refusal) -> BursarError:
    return Unsupported(provider=refusal.provider, what=_cause(refusal))


def _unknown(refusal: _Refusal) -> BursarError:
    return InvalidModelId(model=refusal.subject, problem=refusal.complaint.text)


def _vanished(refusal: _Refusal) -> BursarError:
    if refusal.phase == "load":
        return _load_failed(refusal)
    return ModelVanished(model=refusal.subject, cause=_cause(refusal))


def _load_failed(refusal: _Refusal) -> BursarError:
    return ModelLoadFailed(model=refusal.subject, cause=_cause(refusal))


def _misses_a_model(refusal: _Refusal) -> bool:
    """A 404 may be about the path; it is about the model when it says so."""
    return refusal.status == HTTPStatus.NOT_FOUND and bool(_A_MODEL.search(refusal.complaint.words))


_A_MODEL = re.compile(r"\bmodel\b")

#: The first that fits decides. Words are looked for in lower case.
_RULES = (
    # LM Studio, of any path that it does not have.
    _Rule(_unsupported, re.compile("unexpected endpoint or method")),
    _Rule(
        _too_large, statuses=frozenset({413}), fits_also=lambda refusal: windows.overflows(refusal.complaint)
    ),
    _Rule(
        _no_memory_to_load,
        re.compile(
            # Ollama; LM Studio's guardrails
            "requires more system memory|insufficient system resources"
        ),
    ),
    _Rule(
        _out_of_memory,
        re.compile(
            # Ollama's own list (llm/status.go), and those of the drivers below it
            "out of memory|out of device memory|(?:cuda|hip)malloc failed|failed to allocate"
            "|allocation failed|(?:not enough|insufficient) memory"
            "|vk_error_out_of_device_memory|outof(?:device)?memory"
        ),
    ),
    _Rule(
        _auth,
        kinds=frozenset({"authentication_error", "invalid_api_key", "permission_error"}),
        statuses=frozenset({401, 403}),
    ),
    _Rule(_cancelled, re.compile("request cancell?ed|context cancell?ed"), statuses=frozenset({499})),
    _Rule(
        _vanished,
        re.compile(
            # LM Studio; its unloading, llama.cpp's router; Ollama; vLLM
            "no models? (?:is |are )?loaded|model has crashed|model (?:is not loaded|(?:is |was )?unloaded)"
            r"|model name=\S+ is not running"
            "|runner has unexpectedly stopped|runner process (?:has terminated|no longer running)"
            "|error was encountered while running the model"
            "|enginedeaderror|enginecore encountered an issue"
        ),
    ),
    _Rule(
        _unknown,
        re.compile(
            r"\bmodel\b.{0,200}?(?:not found|not exist)|unknown model|no such model|invalid model id"
            "|not a valid model|manifest: file does not exist"
        ),
        kinds=frozenset({"model_not_found"}),
        under=500,
        fits_also=_misses_a_model,
    ),
    _Rule(
        _load_failed,
        re.compile("(?:failed|unable) to load (?:the )?model|error loading model|could not load model"),
        kinds=frozenset({"model_load_failed"}),
    ),
    _Rule(
        _unsupported,
        re.compile("does not support|not supported|sleep mode is not enabled"),
        kinds=frozenset({"not_supported_error", "not_implemented"}),
        statuses=frozenset({405, 501}),
    ),
    _Rule(
        _busy,
        re.compile(
            # Ollama; llama.cpp's router and slots; llama-swap; whoever limits rates
            "server busy|maximum pending requests|model limit reached|no slot available|queue (?:is )?full"
            "|too many (?:concurrent )?requests|overloaded|still busy|loading model"
        ),
        kinds=frozenset(
            {
                "concurrency_limit",
                "rate_limit_exceeded",
                "rate_limit_error",
                "overloaded_error",
                "unavailable_error",
            }
        ),
        statuses=frozenset({429, 503, 529}),
    ),
    _Rule(_timeout, statuses=frozenset({408, 504})),
)
