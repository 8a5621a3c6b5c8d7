"""Whatever a provider says no with becomes one error of the closed set, with its numbers and its words."""

from typing import Literal

import pytest

from bursar.adapters.providers.wire.refusals import refusal, reported
from bursar.domain.errors import (
    BursarError,
    ContextTooLarge,
    InvalidModelId,
    ModelLoadFailed,
    ModelVanished,
    OutOfMemory,
    ProviderAuthFailed,
    ProviderBusy,
    ProviderUnavailable,
    Unsupported,
)

from . import shapes, shapes_served
from .shapes import ollama

SHAPES = {**shapes.SHAPES, **shapes_served.SHAPES}


@pytest.mark.parametrize("shape", SHAPES)
def test_each_shape_of_error_is_told_as_what_it_is(shape: str) -> None:
    status, body, kind, expected = SHAPES[shape]
    error = refusal("lab", "m", status, {}, body.encode())
    assert type(error) is kind
    if isinstance(expected, str):
        assert expected in str(error)
    else:
        assert {name: error.values[name] for name in expected} == expected


#: As Ollama has them (llm/status.go), in the words of CUDA, HIP, Vulkan, Metal and the C library.
OUT_OF_MEMORY = (
    "CUDA error: out of memory",
    "ggml_vulkan: Device memory allocation of size 1 failed: out of device memory",
    "cudaMalloc failed: out of memory",
    "hipMalloc failed",
    "ggml_backend_cuda_buffer_type_alloc_buffer: failed to allocate 4096.00 MiB",
    "memory allocation failed",
    "not enough memory to load the model",
    "insufficient memory",
    "VK_ERROR_OUT_OF_DEVICE_MEMORY",
    "vk::Device::allocateMemory: ErrorOutOfDeviceMemory",
)


@pytest.mark.parametrize("text", OUT_OF_MEMORY)
@pytest.mark.parametrize("phase", ["load", "run"])
def test_memory_that_ran_out_is_told_with_what_it_ran_out_in(
    text: str, phase: Literal["load", "run"]
) -> None:
    error = refusal("lab", "m", 500, {}, ollama(text).encode(), phase=phase)
    assert isinstance(error, OutOfMemory)
    assert error.values == {"model": "m", "phase": phase, "cause": f"status 500: {text}"}


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (500, ollama("llama runner process has terminated: exit status 2"), ModelLoadFailed),
        (500, ollama("unable to load model: /models/x"), ModelLoadFailed),
        (500, ollama("anything at all"), ModelLoadFailed),
        # OLLAMA_LOAD_TIMEOUT, when nothing more came of it.
        (500, ollama("timed out waiting for llama runner to start - progress 0.35 - "), ModelLoadFailed),
        (
            400,
            '{"error":{"type":"model_load_failed","message":"Engine … (signal: SIGABRT)"}}',
            ModelLoadFailed,
        ),
        # Not about the load.
        (502, "", ProviderUnavailable),
        (401, "", ProviderAuthFailed),
        (404, ollama("model 'x' not found"), InvalidModelId),
        (503, "", ProviderBusy),
        (400, ollama("no such option"), Unsupported),
    ],
)
def test_a_load_that_fails_is_no_provider_that_is_down(
    status: int, body: str, kind: type[BursarError]
) -> None:
    assert type(refusal("lab", "m", status, {}, body.encode(), phase="load")) is kind


def test_a_runner_that_ends_while_it_answers_has_vanished() -> None:
    body = ollama("llama runner process has terminated: signal: killed").encode()
    assert isinstance(refusal("lab", "m", 500, {}, body), ModelVanished)


def test_a_busy_provider_is_asked_again_when_it_says() -> None:
    error = refusal("lab", "m", 503, {"retry-after": "7"}, b"")
    assert isinstance(error, ProviderBusy)
    assert error.values == {
        "provider": "lab",
        "cause": "status 503: it did not say why",
        "retry_after_ms": 7000,
    }


@pytest.mark.parametrize(
    ("found", "kind"),
    [
        ({"error": {"message": "The server had an error", "type": "server_error"}}, ProviderUnavailable),
        ({"error": "an error was encountered while running the model: unexpected EOF"}, ModelVanished),
        (
            {"error": "an error was encountered while running the model: CUDA error: out of memory"},
            OutOfMemory,
        ),
        ({"error": {"code": 400, "message": "x", "type": "exceed_context_size_error"}}, ContextTooLarge),
        ({"error": {"code": 503, "message": "x"}}, ProviderBusy),
        ({"error": {"code": 500, "message": "CUDA error: out of memory"}}, OutOfMemory),
        ("Unexpected endpoint or method. (POST /v1/x)", Unsupported),
        ({"error": {"message": "model 'x' not found"}}, InvalidModelId),
        (None, ProviderUnavailable),
        (42, ProviderUnavailable),
    ],
)
def test_an_error_inside_of_an_answer_of_status_200_is_told_as_what_it_is(
    found: object, kind: type[BursarError]
) -> None:
    assert type(reported("lab", "m", found)) is kind


def test_an_error_inside_of_the_answer_to_a_load_is_a_failed_load() -> None:
    error = reported("lab", "m", {"error": "no"}, phase="load")
    assert isinstance(error, ModelLoadFailed)
    assert error.values == {"model": "m", "cause": "no"}


@pytest.mark.parametrize("times", [1_000, 1_000_000])
def test_a_long_text_is_cut(times: int) -> None:
    error = refusal("lab", "m", 500, {}, ollama("so sorry " * times).encode())
    assert len(str(error)) < 400
    assert "so sorry so sorry" in str(error)


@pytest.mark.parametrize(
    "text",
    [
        "Incorrect API key provided: sekrit-9999-abcd. You can find it…",
        '{"error":{"message":"bad header Authorization: Bearer sekrit-9999-abcd"}}',
        "headers: {'authorization': 'Bearer sekrit-9999-abcd', 'host': 'x'}",
        "Authorization: sekrit-9999-abcd",
        "x-api-key: sekrit-9999-abcd",
        "cannot use sk-sekrit-9999-abcd here",
        "bearer sekrit-9999-abcd",
    ],
)
def test_a_key_that_a_provider_repeats_is_not_told_on(text: str) -> None:
    for status in (400, 401, 500):
        assert "9999" not in str(refusal("lab", "m", status, {}, text.encode()))
