"""What to do about a provider that is not well."""

from ..configured import Site
from ..recognising import NAMES, Kind

#: How each is started, where that is one command.
_START = {
    "ollama": "`ollama serve`, or its app",
    "lmstudio": "`lms server start`, or Developer → Start server in its app",
    "llamacpp": "`llama-server -m MODEL.gguf`, or without a model as a router",
    "vllm": "`vllm serve MODEL`",
}


def remedy(site: Site, code: str, cause: str, found: Kind | None) -> str:
    """What whoever reads this can do; `found` is who answers in its place, when somebody else does."""
    if code == "PROVIDER_AUTH_FAILED":
        return f"set {site.setting}.key or {site.setting}.key_file, or the variable {site.variable}__KEY"
    if found is not None:
        own = "openai.<name>" if found in ("openai", "llama-swap", "localai") else found
        return f"{NAMES[found]} answers there: mend {site.setting}.url, or move it to providers.{own}.url"
    match code:
        case "PROVIDER_TIMEOUT":
            return (
                "it takes connections and does not answer: wait if it loads a model, else start it anew; "
                f"if it is always this slow, raise {site.setting}.timeouts.status"
            )
        case "PROVIDER_BUSY":
            return "it has more to do than it takes; ask again in a while"
        case "PROVIDER_UNAVAILABLE" if "nobody listens" in cause:
            start = _START.get(site.prefix, "its own command")
            return f"start it ({start}), or mend {site.setting}.url"
        case "PROVIDER_UNAVAILABLE":
            return f"see whether {site.setting}.url is right: what answers there is not what was looked for"
        case _:
            return ""
