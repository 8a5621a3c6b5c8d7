"""Another model answers instead: turned to when the one that was asked for cannot be had."""

from collections.abc import Mapping

from ..draft import Draft
from ..models.machine import ModelState
from ..providers.names import provider_of
from ..reasons import Comparisons, Reason
from ..requests.state import Request
from ..state import State
from .events import RequestRedirected
from .machine import REFUSING, BreakerState


def chain(fallbacks: Mapping[str, str], model: str) -> tuple[str, ...]:
    """The models that may answer instead, in their order, each once."""
    found: dict[str, None] = {}
    following = fallbacks.get(model)
    while following is not None and following != model and following not in found:
        found[following] = None
        following = fallbacks.get(following)
    return tuple(found)


def redirect(draft: Draft, request: Request, rule: str) -> bool:
    """Have the first that can answer do so, if the settings name any; never one that was turned away from.

    Who wants a model in memory, and no answer, wants no other; nor does who wants vectors, which can only be
    compared with the same model's.
    """
    tests = Comparisons()
    if request.purpose in ("load", "embed"):
        return False
    for name in chain(draft.state.host.settings.fallbacks, request.model):
        if name not in request.left and _can_answer(draft.state, name, tests):
            draft.conclude(
                RequestRedirected(
                    request=request.position,
                    model=request.model,
                    fallback=name,
                    reason=Reason(rule=rule, tests=tests.tests),
                )
            )
            return True
    return False


def _can_answer(state: State, name: str, tests: Comparisons) -> bool:
    """Whether it is described, not failed, and its provider may be asked."""
    model = state.models.get(name)
    described = model is not None and model.description is not None
    if not tests.hold(f"described {name}", int(described), "==", 1) or model is None:
        return False
    if not tests.hold(f"model_state {name}", model.state.value, "!=", ModelState.FAILED.value):
        return False
    breaker = state.breakers.get(provider_of(name))
    stands = breaker.state if breaker else BreakerState.CLOSED
    return all(tests.hold(f"breaker {name}", stands.value, "!=", state.value) for state in REFUSING)
