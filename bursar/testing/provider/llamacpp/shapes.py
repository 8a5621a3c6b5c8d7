"""What llama-server says of itself and of what it does, as JSON. Compared with a real one field by field."""

import time
from collections.abc import Sequence
from typing import Any

from ..calling import written
from ..world import Instance
from .flags import Flags

Json = dict[str, Any]

#: How it samples, where a request does not say otherwise.
_PARAMS: Json = {
    "seed": 4294967295,
    "temperature": 0.8,
    "dynatemp_range": 0.0,
    "dynatemp_exponent": 1.0,
    "top_k": 40,
    "top_p": 0.95,
    "min_p": 0.05,
    "top_n_sigma": -1.0,
    "xtc_probability": 0.0,
    "xtc_threshold": 0.1,
    "typical_p": 1.0,
    "repeat_last_n": 64,
    "repeat_penalty": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "dry_multiplier": 0.0,
    "dry_base": 1.75,
    "dry_allowed_length": 2,
    "dry_penalty_last_n": 64,
    "mirostat": 0,
    "mirostat_tau": 5.0,
    "mirostat_eta": 0.1,
    "adaptive_target": -1.0,
    "adaptive_decay": 0.9,
    "max_tokens": -1,
    "n_predict": -1,
    "n_keep": 0,
    "n_discard": 0,
    "ignore_eos": False,
    "stream": False,
    "n_probs": 0,
    "min_keep": 0,
    "chat_format": "Content-only",
    "reasoning_format": "none",
    "reasoning_in_content": False,
    "generation_prompt": "",
    "samplers": ["penalties", "dry", "top_n_sigma", "top_k", "typ_p", "top_p", "min_p", "xtc", "temperature"],
    "speculative.types": "none",
    "timings_per_token": False,
    "post_sampling_probs": False,
    "backend_sampling": False,
    "lora": [],
}
#: What only the answer to `/completion` repeats.
_ONLY_ANSWERED: Json = {
    "dry_sequence_breakers": ["\n", ":", '"', "*"],
    "stop": [],
    "logit_bias": [],
    "grammar": "",
    "grammar_lazy": False,
    "grammar_triggers": [],
    "preserved_tokens": [],
}
_TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def path_of(instance: Instance) -> str:
    """The file that a model would be in."""
    return f"/models/{instance.model.name}.gguf"


def params(**given: object) -> Json:
    """How a request is sampled."""
    return {**_PARAMS, **given}


def answered_params(**given: object) -> Json:
    """The same as `/completion` repeats it."""
    return {**_PARAMS, **_ONLY_ANSWERED, **given}


def meta(instance: Instance) -> Json:
    """What is in the file."""
    model = instance.model
    return {
        "vocab_type": 1,
        "n_vocab": 32000,
        "n_ctx": instance.context // instance.parallel,
        "n_ctx_train": model.context,
        "n_embd": model.kv_heads * model.head_size,
        "n_params": model.size // 2,
        "size": model.size,
        "ftype": "F16",
    }


def listing(name: str, about: Json | None) -> Json:
    """The answer to `/v1/models`, with what Ollama's clients look for; `about` is null while it loads."""
    dummy = {
        "name": name,
        "model": name,
        "modified_at": "",
        "size": "",
        "digest": "",
        "type": "model",
        "description": "",
        "tags": [""],
        "capabilities": ["completion"],
        "parameters": "",
        "details": {
            "parent_model": "",
            "format": "gguf",
            "family": "",
            "families": [""],
            "parameter_size": "",
            "quantization_level": "",
        },
    }
    entry = {
        "id": name,
        "aliases": [name],
        "tags": [],
        "object": "model",
        "architecture": {"input_modalities": ["text"], "output_modalities": ["text"]},
        "created": int(time.time()),
        "owned_by": "llamacpp",
        "meta": about,
    }
    return {"models": [dummy], "object": "list", "data": [entry]}


def props(name: str, instance: Instance, flags: Flags) -> Json:
    """The answer to `/props`."""
    return {
        "default_generation_settings": {"params": params(), "n_ctx": instance.context // instance.parallel},
        "total_slots": instance.parallel,
        "model_alias": name,
        "model_ftype": "F16",
        "model_path": path_of(instance),
        "modalities": {"vision": False, "video": False, "audio": False},
        "media_marker": "<__media__>",
        "endpoint_slots": flags.slots,
        "endpoint_props": flags.props,
        "endpoint_metrics": flags.metrics,
        "ui": True,
        "ui_settings": {},
        "chat_template": _TEMPLATE,
        "chat_template_caps": {
            "supports_object_arguments": False,
            "supports_parallel_tool_calls": False,
            "supports_preserve_reasoning": False,
            "supports_reasoning_effort": False,
            "supports_string_content": True,
            "supports_system_role": True,
            "supports_tool_calls": False,
            "supports_tools": False,
            "supports_typed_content": False,
        },
        "bos_token": "<s>",
        "eos_token": "</s>",
        "build_info": flags.build_info,
        "is_sleeping": instance.asleep,
        "cors_proxy_enabled": False,
    }


def prompt_of(messages: Sequence[Json]) -> str:
    """What the template makes of a conversation."""
    texts = [f"{message.get('content') or ''}{written(message)}" for message in messages]
    roles = [message["role"] for message in messages]
    turns = "".join(f"<|{role}|>{text}\n" for role, text in zip(roles, texts, strict=True))
    return f"{turns}<|assistant|>"


def timings(cached: int, computed: int, predicted: int) -> Json:
    """How long it took: a millisecond a token."""
    return {
        "cache_n": cached,
        "prompt_n": computed,
        "prompt_ms": float(computed),
        "prompt_per_token_ms": 1.0,
        "prompt_per_second": 1000.0,
        "predicted_n": predicted,
        "predicted_ms": float(predicted),
        "predicted_per_token_ms": 1.0,
        "predicted_per_second": 1000.0,
    }


def usage(prompt: int, completion: int, cached: int) -> Json:
    """Counts, as OpenAI has them."""
    return {
        "completion_tokens": completion,
        "prompt_tokens": prompt,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": cached},
    }
