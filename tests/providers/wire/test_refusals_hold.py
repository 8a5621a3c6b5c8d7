"""Nothing that a provider may send makes its error anything but one of ours, short and without keys."""

import json

from hypothesis import example, given
from hypothesis import strategies as st

from bursar.adapters.providers.wire.refusals import refusal, reported
from bursar.domain import errors

CLOSED_SET = (
    errors.ContextTooLarge,
    errors.InvalidModelId,
    errors.ModelLoadFailed,
    errors.ModelVanished,
    errors.OutOfMemory,
    errors.ProviderAuthFailed,
    errors.ProviderBusy,
    errors.ProviderCancelled,
    errors.ProviderTimeout,
    errors.ProviderUnavailable,
    errors.Unsupported,
)

#: Words that rules look for, so that they are met more often than by chance.
WORDS = st.sampled_from(
    [
        "maximum context length is ",
        "requested ",
        "9" * 5000,
        "tokens > 7",
        "out of memory",
        "model",
        "not found",
        "<title>",
        "Bearer ",
        "{",
        '{"error":',
        "\x00",
        "\ud800",
    ]
)
TEXTS = st.lists(WORDS | st.text(max_size=20), max_size=6).map("".join)
NAMES = st.sampled_from(["error", "message", "detail", "type", "code", "n_prompt_tokens", "n_ctx", "msg"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | TEXTS, inner, max_size=4),
    max_leaves=12,
)
BODIES = st.binary(max_size=200) | VALUES.map(lambda value: json.dumps(value).encode())
HEADERS = st.dictionaries(st.sampled_from(["retry-after", "retry-after-ms"]), st.text(max_size=30))
PHASES = st.sampled_from(["load", "run"])


@given(BODIES, st.integers(100, 999), HEADERS, st.sampled_from(["", "m"]), PHASES)
@example(b"[" * 60_000, 500, {}, "m", "run")
@example(b'{"error":' * 20_000, 500, {}, "m", "run")
@example(json.dumps({"error": "{" * 9_000}).encode(), 500, {}, "m", "run")
@example(b"1" * 10_000, 400, {}, "m", "run")
@example(b"<" * 60_000, 400, {}, "m", "run")
def test_whatever_the_body_of_a_refusal_is_it_becomes_one_short_error_of_the_closed_set(
    body: bytes, status: int, headers: dict[str, str], model: str, phase: str
) -> None:
    error = refusal("lab", model, status, headers, body, phase="load" if phase == "load" else "run")
    assert isinstance(error, CLOSED_SET)
    assert len(str(error)) < 500


@given(VALUES, PHASES)
def test_whatever_is_reported_as_an_error_becomes_one_short_error_of_the_closed_set(
    value: object, phase: str
) -> None:
    error = reported("lab", "m", value, phase="load" if phase == "load" else "run")
    assert isinstance(error, CLOSED_SET)
    assert len(str(error)) < 500


@given(
    TEXTS,
    st.sampled_from(["Bearer {}", "Authorization: Bearer {}", "Incorrect API key provided: {}."]),
    TEXTS,
)
def test_a_key_is_never_told_on_wherever_it_stands(before: str, form: str, after: str) -> None:
    key = "kq7-XyZ.0123456789"
    body = json.dumps({"error": {"message": f"{before} {form.format(key)} {after}"}}).encode()
    assert key not in str(refusal("lab", "m", 401, {}, body))


@given(st.integers(0, 10**9), st.integers(1, 10**9))
def test_the_numbers_of_a_prompt_that_is_too_long_come_through(prompt: int, context: int) -> None:
    body = {"error": {"type": "exceed_context_size_error", "n_prompt_tokens": prompt, "n_ctx": context}}
    nested = json.dumps({"error": json.dumps(body)}).encode()
    for text in (json.dumps(body).encode(), nested):
        error = refusal("lab", "m", 400, {}, text)
        assert error.values == {"prompt_tokens": prompt, "context_tokens": context, "model": "m"}
