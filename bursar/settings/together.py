"""What is possible alone and not together."""

from collections.abc import Mapping

from .origin import Key, Origin
from .refusal import invalid
from .sections import Sections
from .servers import Server


def refuse_impossible(settings: Sections) -> None:
    """Raises `SettingsInvalid` for settings that contradict each other."""
    _pins(settings)
    _compressing(settings)
    _fallbacks(settings.fallbacks)
    for name in settings.providers.openai:
        _named(("providers", "openai", name), settings.providers.openai[name])
    for prefix, server in settings.providers.servers.items():
        _opened(("providers", *prefix.split(":")), server)


def _pins(settings: Sections) -> None:
    pins, limits = settings.pins, settings.limits
    if len(pins) > limits.max_models_loaded:
        problem = f"are {len(pins)}, and limits.max_models_loaded is {limits.max_models_loaded}"
        raise invalid(("pins",), problem, list(pins), "Pin fewer, or raise the limit.", Origin())
    size = sum(settings.model_sizes.get(name, 0) for name in pins)
    if limits.memory is not None and size > limits.memory:
        problem = f"take {size} bytes together by model_sizes, and limits.memory is {limits.memory}"
        raise invalid(("pins",), problem, list(pins), "Pin fewer, or raise the limit.", Origin())


def _compressing(settings: Sections) -> None:
    """What is brought down only to where it began would be brought down again at once."""
    context = settings.context
    if context.compress_to >= context.compress_at:
        problem = f"is not less than context.compress_at, which is {context.compress_at}"
        remedy = "Lower it, or raise context.compress_at."
        raise invalid(("context", "compress_to"), problem, context.compress_to, remedy, Origin())


def _fallbacks(fallbacks: Mapping[str, str]) -> None:
    """A model may not answer in the end for itself."""
    for model in fallbacks:
        seen, following = [model], fallbacks.get(model)
        while following is not None:
            seen.append(following)
            if following in seen[:-1]:
                problem = f"go round in a circle: {' → '.join(seen)}"
                raise invalid(("fallbacks", model), problem, seen[1], "Leave one of them out.", Origin())
            following = fallbacks.get(following)


def _named(key: Key, server: Server) -> None:
    """A server of no known kind cannot be looked for."""
    if server.url is None and server.enabled:
        remedy = 'Write where it answers, such as "http://127.0.0.1:8080".'
        raise invalid((*key, "url"), "is missing", None, remedy, Origin())


def _opened(key: Key, server: Server) -> None:
    """A key goes to one address, which whoever has the key has named."""
    if server.key is not None and server.key_file is not None:
        problem = "is given beside key_file"
        raise invalid((*key, "key"), problem, server.key, "Leave one of them out.", Origin())
    if server.url is None and (server.key is not None or server.key_file is not None):
        name = "key" if server.key is not None else "key_file"
        remedy = f"Set {'.'.join((*key, 'url'))}, so that it is sent nowhere else."
        raise invalid((*key, name), "is given without the url it is for", server.key_file, remedy, Origin())
