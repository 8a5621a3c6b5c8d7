"""How large a window a conversation should have: no larger than its memory is worth, and not always another.

A model whose window changes is loaded anew. So windows come in sizes, each at most half as large again as
the one before; a conversation that grows changes its window a few times in all, and one that shrinks keeps it
until a third of it would do.
"""

from ..models import ledger
from ..models.machine import RESIDENT
from ..state import State
from . import agents

_LEAST = 2048
#: Room for messages to come, of what is needed now.
HEADROOM_PER_MILLE = 250
#: What is recommended at the least of what was asked for, and in steps of how many tokens.
_FLOOR_PER_MILLE = 250
_STEP = 256


def window_for(
    tokens: int,
    reserve_tokens: int,
    *,
    current: int | None = None,
    most: int | None = None,
    headroom_per_mille: int = HEADROOM_PER_MILLE,
) -> int:
    """The window for so many tokens of messages, the answer and some headroom.

    `current` stays as long as messages and answer fit and fill a third of it. Never more than `most`, whether
    it is enough or not: what a window cannot take is for whoever prunes.
    """
    need = tokens + reserve_tokens
    if current is not None and need <= current <= max(_LEAST, 3 * need) and (most is None or current <= most):
        return current
    size = bucket(need + need * headroom_per_mille // 1000)
    return size if most is None else min(size, most)


def bucket(tokens: int) -> int:
    """The smallest size of a window for so many tokens: 2048, 3072, 4096, 6144, 8192, …"""
    size = _LEAST
    while size < tokens:
        if size * 3 // 2 >= tokens:
            return size * 3 // 2
        size *= 2
    return size


def affordable_tokens(state: State, model: str) -> int | None:
    """Tokens, of each of a model's slots, for whose keys and values there is memory beside all other models.

    What the model itself takes for its window now is free for the next one. None where that is not known, or
    costs nothing.
    """
    known = state.models.get(model)
    description = known.description if known else None
    if known is None or description is None or not description.kv_bytes_per_token:
        return None
    free = ledger.available(state).get(description.device)
    if free is None:
        return None
    if known.state in RESIDENT:
        free += description.kv_bytes_per_token * description.context_tokens
    else:
        free -= description.weights_bytes + description.overhead_bytes
    return max(0, free // description.kv_bytes_per_token // max(1, description.slots))


def recommended_window(state: State, name: str, own_tokens: int, tokens: int | None = None) -> int | None:
    """The window that a context's model should have, by what the context holds and the memory there is.

    `own_tokens` is the window that the model was made for; `tokens` what is to be sent and answered, where
    that is not what the context has and keeps free. None where there is no such context.
    """
    context = state.contexts.named.get(name)
    if context is None:
        return None
    affordable = affordable_tokens(state, context.model)
    most = own_tokens if affordable is None else min(own_tokens, max(affordable, _LEAST))
    need = context.tokens + context.reserve_tokens if tokens is None else tokens
    return window_for(need, 0, current=context.window_tokens, most=most)


def recommended_context_size(state: State, agent: str, requested_tokens: int) -> int:
    """How many tokens an agent should ask for when it would like so many: less when memory is short.

    All of them while less than four fifths of what may be used of every device is, and of what the agent's
    contexts may have; from there on less, down to a quarter at the limit. In steps of 256 tokens.
    """
    limit_bytes, _setting = agents.limit(state, agent)
    shares = [_share(agents.used(state, agent), limit_bytes)]
    if state.host.reading is not None:
        threshold = state.host.settings.limits.memory_threshold_per_mille
        shares += [
            _share(device.used_bytes, device.total_bytes * threshold // 1000)
            for device in state.host.reading.devices
        ]
    allowed = requested_tokens * min(shares) // 1000
    if allowed >= requested_tokens:
        return requested_tokens
    return min(requested_tokens, max(_STEP, allowed // _STEP * _STEP))


def _share(used: int, limit: int) -> int:
    """Of what is asked for, in per-mille: all below four fifths of the limit, a quarter from the limit on."""
    filled = used * 1000 // limit if limit else 1000
    if filled <= 800:
        return 1000
    if filled >= 1000:
        return _FLOOR_PER_MILLE
    return 1000 - (filled - 800) * (1000 - _FLOOR_PER_MILLE) // 200
