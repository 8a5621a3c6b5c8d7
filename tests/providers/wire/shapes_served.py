"""How vLLM, OpenAI and what imitates it say no, and what says nothing in particular."""

from bursar.domain.errors import (
    ContextTooLarge,
    InvalidModelId,
    ModelVanished,
    ProviderAuthFailed,
    ProviderBusy,
    ProviderTimeout,
    ProviderUnavailable,
    Unsupported,
)

from .shapes import Shape, ollama, openai

SHAPES: dict[str, Shape] = {
    # vLLM and FastAPI.
    "vllm: an error without an object around it": (
        404,
        (
            '{"object":"error","message":"The model `x` does not '
            'exist.","type":"NotFoundError","param":null,"code":404}'
        ),
        InvalidModelId,
        {"problem": "The model `x` does not exist."},
    ),
    "vllm: a prompt that is too long": (
        400,
        (
            '{"object":"error","message":"This model\'s maximum context length is 2048 tokens. However, you '
            "requested "
            "3000 tokens (2900 in the messages, 100 in the completion). Please reduce the length of the "
            "messages or "
            'completion.","type":"BadRequestError","param":null,"code":400}'
        ),
        ContextTooLarge,
        {"prompt_tokens": 2900, "context_tokens": 2048},
    ),
    "vllm: a prompt that is too long, newer": (
        400,
        openai(
            "This model's maximum context length is 16384 tokens. However, you requested 8192 output "
            "tokens and "
            "your prompt contains at least 8193 input tokens, for a total of at least 16385 tokens.",
            "BadRequestError",
            400,
        ),
        ContextTooLarge,
        {"prompt_tokens": 8193, "context_tokens": 16384},
    ),
    "vllm: an answer that does not fit": (
        400,
        openai(
            "'max_tokens' or 'max_completion_tokens' is too large: 32000. This model's maximum context "
            "length is "
            "32768 tokens and your request has 1200 input tokens (32000 > 32768 - 1200).",
            "BadRequestError",
            400,
        ),
        ContextTooLarge,
        {"prompt_tokens": 1200, "context_tokens": 32768},
    ),
    "vllm: its engine says that a prompt is too long": (
        500,
        ollama("The decoder prompt (length 5036) is longer than the maximum model length of 4096."),
        ContextTooLarge,
        {"prompt_tokens": 5036, "context_tokens": 4096},
    ),
    "vllm: its engine died": (
        500,
        openai(
            "EngineCore encountered an issue. See stack trace (above) for the root cause.",
            "InternalServerError",
        ),
        ModelVanished,
        "EngineCore",
    ),
    "vllm: no key": (401, '{"error":"Unauthorized"}', ProviderAuthFailed, "Unauthorized"),
    "vllm: sleep was not prepared for": (
        500,
        openai("Sleep mode is not enabled in the model config"),
        Unsupported,
        "Sleep mode",
    ),
    "fastapi: no such path": (
        404,
        '{"detail":"Not Found"}',
        Unsupported,
        {"what": "status 404: Not Found"},
    ),
    "fastapi: a wrong body": (
        422,
        '{"detail":[{"type":"missing","loc":["body","prompt"],"msg":"Field required"}]}',
        Unsupported,
        {"what": "status 422: Field required"},
    ),
    # OpenAI's own, and those who imitate it.
    "openai: no such model": (
        404,
        openai("The model `x` does not exist or you do not have access to it.", code="model_not_found"),
        InvalidModelId,
        {},
    ),
    "openai: a prompt that is too long": (
        400,
        openai(
            "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 "
            "tokens.",
            code="context_length_exceeded",
        ),
        ContextTooLarge,
        {"prompt_tokens": 9000, "context_tokens": 8192},
    ),
    "openai: a prompt that is too long by more than there are tokens": (
        400,
        openai(
            f"This model's maximum context length is {'9' * 400} tokens. However, you requested {'9' * 400}"
        ),
        ContextTooLarge,
        {"prompt_tokens": "unknown", "context_tokens": "unknown"},
    ),
    "openai: a prompt that is too long, by its code alone": (
        400,
        openai("too big", code="context_length_exceeded"),
        ContextTooLarge,
        {"prompt_tokens": "unknown", "context_tokens": "unknown"},
    ),
    "anthropic's dialect: a prompt that is too long": (
        400,
        (
            '{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 210000 '
            'tokens > 200000 maximum"}}'
        ),
        ContextTooLarge,
        {"prompt_tokens": 210000, "context_tokens": 200000},
    ),
    "openai: a rate": (
        429,
        openai("Rate limit reached", "requests", "rate_limit_exceeded"),
        ProviderBusy,
        {"retry_after_ms": None},
    ),
    "anthropic's dialect: overloaded": (
        529,
        '{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}',
        ProviderBusy,
        {},
    ),
    "llama-swap: too many at a time": (
        429,
        openai("too many concurrent requests", code="concurrency_limit"),
        ProviderBusy,
        {},
    ),
    "localai: a model that cannot be let go": (
        500,
        openai("model x is still busy", "server_error"),
        ProviderBusy,
        {"retry_after_ms": None},
    ),
    "localai: a cool-down": (503, openai("model x is cooling down after a failed load"), ProviderBusy, {}),
    # Bodies that say nothing in particular.
    "an empty body": (500, "", ProviderUnavailable, "status 500: it did not say why"),
    "an overload without a word": (529, "", ProviderBusy, {"retry_after_ms": None}),
    "an empty body, by its status": (429, "", ProviderBusy, {"retry_after_ms": None}),
    "a page of HTML": (
        502,
        "<html>\n<head><title>502 Bad Gateway</title></head><body><h1>Bad</h1></body></html>",
        ProviderUnavailable,
        "status 502: 502 Bad Gateway",
    ),
    "a page of HTML without a title": (
        500,
        "<html><body><p>Sorry</p></body></html>",
        ProviderUnavailable,
        "Sorry",
    ),
    "a text": (500, "Internal Server Error", ProviderUnavailable, "status 500: Internal Server Error"),
    "a request that took too long": (408, "", ProviderTimeout, "408"),
    "a gateway that waited too long": (
        504,
        "<html><title>504 Gateway Time-out</title>",
        ProviderTimeout,
        "504",
    ),
    "a method that is not allowed": (405, "", Unsupported, "405"),
    "a body that is too large": (413, "", ContextTooLarge, {"prompt_tokens": "unknown"}),
    "a status nobody knows": (418, "tea", Unsupported, "tea"),
    "an error that is null": (500, '{"error":null}', ProviderUnavailable, '"error":null'),
}
