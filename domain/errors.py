"""Every error bursar raises, drawn once.

    BursarError                      SYSTEM_ERROR
    ├── SettingsInvalid              SETTINGS_INVALID
    ├── InvalidModelId               INVALID_MODEL_ID
    ├── ResourceLimitExceeded        RESOURCE_LIMIT_EXCEEDED
    │   └── AllModelsPinned          ALL_MODELS_PINNED
    ├── ModelLoadFailed              MODEL_LOAD_FAILED
    ├── ModelUnloadFailed            MODEL_UNLOAD_FAILED
    ├── ModelVanished                MODEL_LOST
    ├── QueueFull                    QUEUE_FULL
    ├── DeadlineExceeded             DEADLINE_EXCEEDED
    ├── LeaseExpired                 LEASE_EXPIRED
    ├── ContextTooLarge              CONTEXT_TOO_LARGE
    ├── ProviderUnavailable          PROVIDER_UNAVAILABLE
    ├── RequestAborted               REQUEST_ABORTED
    ├── ManagerClosed                MANAGER_CLOSED
    ├── NoSuchEvent                  NO_SUCH_EVENT
    ├── NoSuchModel                  NO_SUCH_MODEL
    ├── NoSuchPosition               NO_SUCH_POSITION
    ├── NoSuchRequest                NO_SUCH_REQUEST
    ├── JournalConflict              JOURNAL_CONFLICT
    │   └── HeadMoved                JOURNAL_CONFLICT
    ├── JournalCorrupt               JOURNAL_CORRUPT
    └── JournalUnusable              JOURNAL_UNUSABLE

Each carries the values its message names, as attributes, and a stable `code`.
"""

from typing import ClassVar


class BursarError(Exception):
    """Base of every error of ours; `code` is stable, `values` are what the message names."""

    code: ClassVar[str] = "SYSTEM_ERROR"
    message: ClassVar[str] = "{detail}"

    def __init__(self, **values: object) -> None:
        super().__init__(self.message.format(**values))
        self.values = values

    def __getattr__(self, name: str) -> object:
        try:
            return self.__dict__["values"][name]
        except KeyError:
            raise AttributeError(name) from None


class SettingsInvalid(BursarError):
    """A setting is unknown or impossible."""

    code = "SETTINGS_INVALID"
    message = "{path}: {problem} (given: {given}). {remedy}"


class InvalidModelId(BursarError):
    """The id names no model that any configured provider has."""

    code = "INVALID_MODEL_ID"
    message = "{model!r} is not a model bursar can find: {problem}"


class ResourceLimitExceeded(BursarError):
    """The model can never fit: even with everything evictable gone there is too little."""

    code = "RESOURCE_LIMIT_EXCEEDED"
    message = (
        "{model} needs {need}{unit} of {resource}, but at most {ceiling}{unit} could ever be freed{note}. "
        "Raise the limit, or choose a smaller model or context."
    )


class AllModelsPinned(ResourceLimitExceeded):
    """Room could be made, but every model in the way is pinned."""

    code = "ALL_MODELS_PINNED"
    message = (
        "{model} needs {need}{unit} of {resource}, and only {ceiling}{unit} can be had beside the pinned "
        "models ({pinned}){note}. Unpin one of them."
    )


class ModelLoadFailed(BursarError):
    """The provider could not load the model."""

    code = "MODEL_LOAD_FAILED"
    message = "{model} could not be loaded: {cause}"


class ModelUnloadFailed(BursarError):
    """The provider could not unload the model; it is still in memory."""

    code = "MODEL_UNLOAD_FAILED"
    message = "{model} could not be unloaded: {cause}"


class ModelVanished(BursarError):
    """The model disappeared while it served the request."""

    code = "MODEL_LOST"
    message = "{model} disappeared while it was serving the request: {cause}. Ask again to load it."


class QueueFull(BursarError):
    """As many requests wait as the settings allow."""

    code = "QUEUE_FULL"
    message = "{waiting} requests wait already, the limit is {limit}. Try again later."


class DeadlineExceeded(BursarError):
    """The request was not served before its deadline."""

    code = "DEADLINE_EXCEEDED"
    message = "{model} was not free within {waited_ms} ms: {cause}"


class LeaseExpired(BursarError):
    """The lease was held longer than the settings allow and has been taken back."""

    code = "LEASE_EXPIRED"
    message = "the lease on {model} was taken back after {held_ms} ms (limits.lease_max)"


class ContextTooLarge(BursarError):
    """The prompt does not fit the window of the model."""

    code = "CONTEXT_TOO_LARGE"
    message = "the prompt has {prompt_tokens} tokens, {model} has a window of {context_tokens}"


class ProviderUnavailable(BursarError):
    """The provider did not answer, or answered with something it should not."""

    code = "PROVIDER_UNAVAILABLE"
    message = "{provider} is not available: {cause}"


class RequestAborted(BursarError):
    """The manager stopped while the request was open."""

    code = "REQUEST_ABORTED"
    message = "the request for {model} was aborted: {cause}"


class ManagerClosed(BursarError):
    """The manager has been closed."""

    code = "MANAGER_CLOSED"
    message = "this manager is closed; open the journal again"


class NoSuchEvent(BursarError):
    """Nothing is recorded under that name."""

    code = "NO_SUCH_EVENT"
    message = "there is no event called {name!r}; docs/events.md lists them"


class NoSuchPosition(BursarError):
    """The journal has no event at the position."""

    code = "NO_SUCH_POSITION"
    message = "there is no event at position {position}; the journal has {head} events"


class NoSuchModel(BursarError):
    """No event of the journal moved a model of that name."""

    code = "NO_SUCH_MODEL"
    message = "{model!r} was never in memory, and nobody tried to load it; {remedy}"


class NoSuchRequest(BursarError):
    """The position is not that of a request's arrival."""

    code = "NO_SUCH_REQUEST"
    message = "there is no request/{request}; a request has the position of its RequestArrived"


class JournalConflict(BursarError):
    """Another process owns the journal."""

    code = "JOURNAL_CONFLICT"
    message = "{path} is owned by process {pid}; stop it, or read the journal without owning it"


class HeadMoved(JournalConflict):
    """The batch was decided from another state than the journal's."""

    message = "{path} is at position {head}, not at {expected}; decide again from there"


class JournalCorrupt(BursarError):
    """The journal does not hold what was written to it."""

    code = "JOURNAL_CORRUPT"
    message = "{path} is damaged at position {position}: {problem}"


class JournalUnusable(BursarError):
    """The file cannot serve as a journal here."""

    code = "JOURNAL_UNUSABLE"
    message = "{path} cannot be used as a journal: {problem}"
