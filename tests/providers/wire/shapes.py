"""How Ollama, llama.cpp and LM Studio say no: what their documents, sources and bug trackers have."""

import json

from bursar.domain.errors import (
    BursarError,
    ContextTooLarge,
    InvalidModelId,
    ModelLoadFailed,
    ModelVanished,
    OutOfMemory,
    ProviderAuthFailed,
    ProviderBusy,
    ProviderCancelled,
    ProviderUnavailable,
    Unsupported,
)

LLAMA_SERVER = {
    "error": {
        "code": 400,
        "message": "the request exceeds the available context size, try increasing it",
        "type": "exceed_context_size_error",
        "n_prompt_tokens": 9001,
        "n_ctx": 4096,
    }
}


def openai(message: str, kind: str = "invalid_request_error", code: object = None) -> str:
    return json.dumps({"error": {"message": message, "type": kind, "param": None, "code": code}})


def ollama(message: str) -> str:
    return json.dumps({"error": message})


#: Status, body, the error, and values of the error or a part of its text.
Shape = tuple[int, str, type[BursarError], dict[str, object] | str]

SHAPES: dict[str, Shape] = {
    # Texts in Ollama's native shape.
    "ollama: an unknown model": (
        404,
        ollama("model 'x' not found"),
        InvalidModelId,
        {"model": "m", "problem": "model 'x' not found"},
    ),
    "ollama: an unknown model, older": (
        404,
        ollama('model "x" not found, try pulling it first'),
        InvalidModelId,
        {},
    ),
    "ollama: an unknown model, below /v1": (
        404,
        openai("model 'x' not found", "not_found_error"),
        InvalidModelId,
        {"model": "m", "problem": "model 'x' not found"},
    ),
    "ollama: something that went wrong, below /v1": (
        500,
        openai("unexpected EOF", "api_error"),
        ProviderUnavailable,
        "unexpected EOF",
    ),
    "ollama: a capability": (
        400,
        ollama('"bge" does not support generate'),
        Unsupported,
        "does not support generate",
    ),
    "ollama: a body that is missing": (
        400,
        ollama("missing request body"),
        Unsupported,
        "missing request body",
    ),
    "ollama: a queue that is full": (
        503,
        ollama("server busy, please try again.  maximum pending requests exceeded"),
        ProviderBusy,
        {"retry_after_ms": None},
    ),
    "ollama: a request that was cancelled": (
        499,
        ollama("request canceled"),
        ProviderCancelled,
        "request canceled",
    ),
    "ollama: a prompt that is too long": (
        400,
        ollama(
            "the prompt is longer than the context length currently available to the model; shorten the "
            "prompt"
        ),
        ContextTooLarge,
        {"prompt_tokens": "unknown", "context_tokens": "unknown"},
    ),
    "ollama: an input of an embedding that is too long": (
        400,
        ollama("the input length exceeds the context length"),
        ContextTooLarge,
        {"prompt_tokens": "unknown"},
    ),
    "ollama: memory that does not suffice": (
        500,
        ollama("model requires more system memory (9.1 GiB) than is available (4.0 GiB)"),
        OutOfMemory,
        {"phase": "load"},
    ),
    "ollama: a model whose file is gone": (
        500,
        ollama("error loading model: the model file /models/x was not found"),
        ModelLoadFailed,
        "was not found",
    ),
    "ollama: a runner that died": (
        500,
        ollama("model runner has unexpectedly stopped, this may be due to resource limitations"),
        ModelVanished,
        "unexpectedly stopped",
    ),
    "ollama: llama-server's error as a string": (
        400,
        ollama(json.dumps(LLAMA_SERVER)),
        ContextTooLarge,
        {"prompt_tokens": 9001, "context_tokens": 4096},
    ),
    "ollama: llama-server's error as a string in a string": (
        500,
        ollama(json.dumps({"error": json.dumps(LLAMA_SERVER)})),
        ContextTooLarge,
        {"prompt_tokens": 9001, "context_tokens": 4096},
    ),
    "ollama: llama-server's error after words of its own": (
        500,
        ollama("POST predict: " + json.dumps(LLAMA_SERVER)),
        ContextTooLarge,
        {"prompt_tokens": 9001, "context_tokens": 4096},
    ),
    "ollama: llama-server's error of another kind": (
        500,
        ollama('{"error":{"code":500,"message":"Invalid diffusion","type":"server_error"}}'),
        ProviderUnavailable,
        "Invalid diffusion",
    ),
    # llama.cpp's own types.
    "llama.cpp: an invalid request": (
        400,
        '{"error":{"code":400,"message":"bad grammar","type":"invalid_request_error"}}',
        Unsupported,
        "bad grammar",
    ),
    "llama.cpp: no key": (
        401,
        '{"error":{"code":401,"message":"Invalid API Key","type":"authentication_error"}}',
        ProviderAuthFailed,
        "Invalid API Key",
    ),
    "llama.cpp: not permitted": (
        403,
        '{"error":{"code":403,"message":"no","type":"permission_error"}}',
        ProviderAuthFailed,
        "no",
    ),
    "llama.cpp: no such path": (
        404,
        '{"error":{"code":404,"message":"File Not Found","type":"not_found_error"}}',
        Unsupported,
        "File Not Found",
    ),
    "llama.cpp: a server error": (
        500,
        '{"error":{"code":500,"message":"oh","type":"server_error"}}',
        ProviderUnavailable,
        "oh",
    ),
    "llama.cpp: not supported": (
        501,
        '{"error":{"code":501,"message":"start with --metrics","type":"not_supported_error"}}',
        Unsupported,
        "--metrics",
    ),
    "llama.cpp: still loading": (
        503,
        '{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}',
        ProviderBusy,
        {"retry_after_ms": None},
    ),
    "llama.cpp: a prompt that is too long": (
        400,
        json.dumps(LLAMA_SERVER),
        ContextTooLarge,
        {"prompt_tokens": 9001, "context_tokens": 4096, "model": "m"},
    ),
    "llama.cpp: a prompt that is too long, in words only": (
        400,
        openai("request (5000 tokens) exceeds the available context size (4096 tokens), try increasing it"),
        ContextTooLarge,
        {"prompt_tokens": 5000, "context_tokens": 4096},
    ),
    "llama.cpp: a text too large to embed": (
        500,
        openai(
            "input (700 tokens) is too large to process. increase the physical batch size (current batch "
            "size: 512)"
        ),
        ContextTooLarge,
        {"prompt_tokens": 700, "context_tokens": 512},
    ),
    "llama.cpp router: not loaded": (400, openai("model is not loaded"), ModelVanished, "not loaded"),
    "llama.cpp router: too many models": (
        500,
        openai("model limit reached, try again later", "server_error"),
        ProviderBusy,
        {"retry_after_ms": None},
    ),
    "llama.cpp router: not running": (
        400,
        openai("model name=x is not running"),
        ModelVanished,
        "not running",
    ),
    # LM Studio, which has two shapes.
    "lm studio: nothing is loaded, as an object": (
        400,
        openai("No models loaded. Please load a model in the developer page or use the 'lms load' command."),
        ModelVanished,
        "No models loaded",
    ),
    "lm studio: nothing is loaded, as a text and called an unknown model": (
        404,
        (
            '{"error":{"type":"model_not_found","message":"No models loaded. Please load a '
            'model…","param":"model"}}'
        ),
        ModelVanished,
        "No models loaded",
    ),
    "lm studio: an unknown model": (
        404,
        '{"error":{"type":"model_not_found","message":"Invalid model identifier \\"x\\". Please specify…"}}',
        InvalidModelId,
        {"model": "m"},
    ),
    "lm studio: a prompt that is too long, as a text": (
        400,
        ollama(
            "Trying to keep the first 6269 tokens when context the overflows. However, the model is "
            "loaded with "
            "context length of only 4096 tokens, which is not enough."
        ),
        ContextTooLarge,
        {"prompt_tokens": 6269, "context_tokens": 4096},
    ),
    "lm studio: guardrails": (
        500,
        openai(
            "Model loading was stopped due to insufficient system resources. … approximately 24.31 GB", "x"
        ),
        OutOfMemory,
        {"phase": "load"},
    ),
    "lm studio: the model was unloaded": (400, ollama("Model unloaded."), ModelVanished, "unloaded"),
    "lm studio: the model crashed": (
        400,
        ollama("The model has crashed without additional information. (Exit code: 18446744072635810000)"),
        ModelVanished,
        "crashed",
    ),
    "lm studio: no such path": (
        404,
        ollama("Unexpected endpoint or method. (GET /api/v1/models)"),
        Unsupported,
        {},
    ),
}
