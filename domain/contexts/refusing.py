"""Turning down what was asked of a context, with what the error's message names."""

from ..draft import Draft
from ..reasons import Comparisons, Reason
from . import events as e
from .state import Context

Values = dict[str, str]


def optimisation(
    draft: Draft, context: str, what: str, code: str, values: Values, tests: Comparisons
) -> None:
    """It cannot be made smaller, packed or restored as asked; the rule is that of `what`."""
    draft.conclude(
        e.OptimizationRefused(
            context=context,
            what=what,
            code=code,
            values=values,
            reason=Reason(rule=f"contexts.{what}", tests=tests.tests),
        )
    )


def no_such_context(draft: Draft, context: str, what: str) -> None:
    """It is not open, or was forgotten."""
    tests = Comparisons()
    tests.hold("known", 0, "==", 1)
    optimisation(draft, context, what, "NO_SUCH_CONTEXT", unknown(context), tests)


def failed(context: str, what: str, cause: str) -> Values:
    """What `MemoryOptimizationFailed` names."""
    return {"context": context, "what": what, "cause": cause}


def unavailable(context: Context, remedy: str) -> Values:
    """What `ContextUnavailable` names."""
    state = context.state.value
    return {"context": context.name, "state": state, "remedy": remedy, "cause": f"it is {state}: {remedy}"}


def unknown(context: str) -> Values:
    """What `NoSuchContext` names."""
    return {"context": context, "remedy": "open it first", "cause": f"there is no context {context!r}"}


def too_large(context: Context, tokens: int) -> Values:
    """What `ContextTooLarge` names."""
    return {
        "prompt_tokens": str(tokens),
        "model": context.model,
        "context_tokens": str(context.limit_tokens),
        "cause": f"it would have {tokens} tokens, and {context.limit_tokens} are allowed",
    }


def beyond(what: str, needed: int, limit: int, setting: str, remedy: str) -> Values:
    """What `ContextLimitExceeded` names."""
    return {
        "what": what,
        "needed": str(needed),
        "limit": str(limit),
        "setting": setting,
        "remedy": remedy,
        "cause": f"{what} would be {needed}, and {limit} is allowed",
    }
