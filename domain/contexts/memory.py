"""What messages take beside their texts: keys and values in the model's memory, by estimate."""

from ..state import State


def kv_bytes(state: State, model: str, tokens: int) -> int:
    """Bytes of keys and values for so many tokens; 0 where nobody has described the model."""
    known = state.models.get(model)
    if known is None or known.description is None:
        return 0
    return known.description.kv_bytes_per_token * max(0, tokens)
