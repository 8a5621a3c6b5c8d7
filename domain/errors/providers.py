"""What can go wrong with a provider: the closed set that every answer of theirs is mapped to."""

from .base import BursarError


class ContextTooLarge(BursarError):
    """The prompt does not fit the window of the model."""

    code = "CONTEXT_TOO_LARGE"
    message = (
        "the prompt (tokens: {prompt_tokens}) does not fit the window of {model} ({context_tokens}): "
        "shorten it, or allow it more tokens"
    )


class ProviderUnavailable(BursarError):
    """The provider did not answer, or answered with something it should not."""

    code = "PROVIDER_UNAVAILABLE"
    message = "{provider} is not available: {cause}"


class ProviderBusy(BursarError):
    """The provider has more to do than it takes; `retry_after_ms` is None when it did not say."""

    code = "PROVIDER_BUSY"
    message = "{provider} is busy: {cause}"


class ProviderTimeout(BursarError):
    """The provider did not answer in time; what it was asked for may still happen."""

    code = "PROVIDER_TIMEOUT"
    message = "{provider} did not answer in time: {cause}"


class ProviderAuthFailed(BursarError):
    """The provider wants a key, or another one."""

    code = "PROVIDER_AUTH_FAILED"
    message = "{provider} refused the key: {cause}. `bursar doctor` says where to set it."


class ProviderCancelled(BursarError):
    """The provider gave the request up, although nobody here did."""

    code = "PROVIDER_CANCELLED"
    message = "{provider} cancelled the request: {cause}"


class Unsupported(BursarError):
    """The provider, or this version of it, cannot do that."""

    code = "UNSUPPORTED"
    message = "{provider} cannot do that: {what}"


class OutOfMemory(BursarError):
    """The provider ran out of memory; `phase` is `load` or `run`."""

    code = "OUT_OF_MEMORY"
    message = "{model} ran out of memory ({phase}): {cause}"


class PromptTruncated(BursarError):
    """The provider cut the prompt and answered what was left of it."""

    code = "PROMPT_TRUNCATED"
    message = (
        "{provider} cut the prompt for {model} to {prompt_tokens} of about {expected_tokens} tokens (window "
        "{context_tokens}) and answered what was left. Shorten it, or set context.on_truncation to warn."
    )


class CircuitOpen(BursarError):
    """Too many calls to the provider failed or were slow; none is made for a while."""

    code = "CIRCUIT_OPEN"
    message = (
        "{provider} is not asked now, its breaker is {state}: {cause}. Try again in {retry_after_ms} ms."
    )
