"""What can be wrong with a context and what is done to it."""

from .base import BursarError


class MemoryOptimizationFailed(BursarError):
    """A context cannot be changed as asked without giving up what must stay, or has nothing to give up."""

    code = "MEMORY_OPTIMIZATION_FAILED"
    message = "context {context} was left as it was ({what}): {cause}"


class InvalidMessage(BursarError):
    """A message cannot be taken in as it is."""

    code = "INVALID_MESSAGE"
    message = "{field}: {problem} (given: {given}). {remedy}"


class InvalidContextId(BursarError):
    """A context cannot have that name."""

    code = "INVALID_CONTEXT_ID"
    message = "{context!r} cannot be the name of a context: {problem}"


class MessageDamaged(BursarError):
    """The text of a message cannot be read any more; the others of its context can."""

    code = "MESSAGE_DAMAGED"
    message = (
        "message {ordinal} of context {context} cannot be read: {problem}; "
        "move_to_cache and then restore_context leave out what is lost"
    )


class NoSuchContext(BursarError):
    """No context of that name is open."""

    code = "NO_SUCH_CONTEXT"
    message = "there is no context {context!r}; {remedy}"


class ContextUnavailable(BursarError):
    """The context is in no state for it."""

    code = "CONTEXT_UNAVAILABLE"
    message = "context {context} is {state}: {remedy}"


class ContextLimitExceeded(BursarError):
    """As many contexts, or as much text, are held as the settings allow."""

    code = "CONTEXT_LIMIT_EXCEEDED"
    message = "{what} would be {needed}, the limit is {limit} ({setting}); {remedy}"


class AgentOverLimit(BursarError):
    """The agent's contexts take more than they may."""

    code = "AGENT_THROTTLED"
    message = (
        "the contexts of agent {agent} take {used_bytes} bytes of text, the limit is {limit_bytes} "
        "({setting}): prune, compress, close or forget some of them"
    )
