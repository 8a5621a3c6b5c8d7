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
    │   ├── CommandConflict          COMMAND_CONFLICT
    │   └── HeadMoved                JOURNAL_CONFLICT
    ├── JournalCorrupt               JOURNAL_CORRUPT
    ├── ArchiveMissing               ARCHIVE_MISSING
    ├── NothingToRepair              NOTHING_TO_REPAIR
    ├── FileNotWritten               FILE_NOT_WRITTEN
    ├── JournalUnusable              JOURNAL_UNUSABLE
    ├── JournalWriteFailed           JOURNAL_WRITE_FAILED
    ├── LogNotEmptied                LOG_NOT_EMPTIED
    ├── NoteInvalid                  NOTE_INVALID
    ├── NotProvable                  NOT_PROVABLE
    ├── SigningKeyUnusable           SIGNING_KEY_UNUSABLE
    ├── BodiesUnusable               BODIES_UNUSABLE
    ├── BodyKeyUnusable              BODY_KEY_UNUSABLE
    ├── BodyCorrupt                  BODY_CORRUPT
    ├── BodyTooLarge                 BODY_TOO_LARGE
    ├── NoSuchBody                   NO_SUCH_BODY
    │   └── BodyForgotten            BODY_FORGOTTEN
    ├── NoSuchSubject                NO_SUCH_SUBJECT
    ├── NotRedactable                NOT_REDACTABLE
    ├── JournalNotOwned              JOURNAL_NOT_OWNED
    ├── SubmissionRefused            SUBMISSION_REFUSED
    ├── SubmissionUnanswered         SUBMISSION_UNANSWERED
    ├── ViewUnusable                 VIEW_UNUSABLE
    └── ViewBehind                   VIEW_BEHIND

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


class CommandConflict(JournalConflict):
    """The id of a command was used before, for another one."""

    code = "COMMAND_CONFLICT"
    message = (
        "{path} took command {command!r} at positions {first} to {last}, with other content; "
        "give a new command a new id"
    )


class JournalCorrupt(BursarError):
    """The journal does not hold what was written to it."""

    code = "JOURNAL_CORRUPT"
    message = "{path} is damaged at position {position}: {problem}"


class JournalUnusable(BursarError):
    """The file cannot serve as a journal here."""

    code = "JOURNAL_UNUSABLE"
    message = "{path} cannot be used as a journal: {problem}"


class LogNotEmptied(BursarError):
    """What was to be taken out of a journal is out of it, and still in its log."""

    code = "LOG_NOT_EMPTIED"
    message = (
        "it is out of {path}, but a reader in the middle of the log keeps that, and what is in it; "
        "do the same again when the reader has gone"
    )


class JournalWriteFailed(BursarError):
    """A batch could not be written; the journal holds nothing of it and can be written again."""

    code = "JOURNAL_WRITE_FAILED"
    message = "{path} could not be written and is as it was before ({problem}); mend that and try again"


class NoteInvalid(BursarError):
    """A signed note, or the key to check one with, is not what it should be."""

    code = "NOTE_INVALID"
    message = "{what} cannot be used: {problem}"


class SigningKeyUnusable(BursarError):
    """The key that checkpoints are signed with cannot be had, or is not safe where it is."""

    code = "SIGNING_KEY_UNUSABLE"
    message = "the signing key {path} cannot be used: {problem}"


class NotProvable(BursarError):
    """There is no signed checkpoint to prove it against, or what the proof needs is not here."""

    code = "NOT_PROVABLE"
    message = "position {position} cannot be proved: {problem}"


class ArchiveMissing(BursarError):
    """Events were moved to a file, and the file is not where it should be."""

    code = "ARCHIVE_MISSING"
    message = (
        "positions {first} to {last} of {path} are in {file}, which cannot be read ({problem}); put it back"
    )


class NothingToRepair(BursarError):
    """The journal holds what was written to it."""

    code = "NOTHING_TO_REPAIR"
    message = "all {size} events of {path} are as they were written; there is nothing to repair"


class FileNotWritten(BursarError):
    """A file that was asked for cannot be made; nothing of it is there."""

    code = "FILE_NOT_WRITTEN"
    message = "{path} was not written: {problem}"


class ViewUnusable(BursarError):
    """A view cannot be built or kept; the journal it is of can be read all the same."""

    code = "VIEW_UNUSABLE"
    message = "the view {path} cannot be written ({problem}); mend that, or delete it: it can be built again"


class ViewBehind(BursarError):
    """A view has not got as far as somebody waited for."""

    code = "VIEW_BEHIND"
    message = "the view {view} is at position {position} and did not come to {wanted} within {seconds} s"


class BodiesUnusable(BursarError):
    """A file that bodies or their keys are kept in cannot be read or written."""

    code = "BODIES_UNUSABLE"
    message = "{path} cannot be used for bodies: {problem}"


class BodyKeyUnusable(BursarError):
    """The key that the subjects' keys are wrapped with cannot be had, or is another one."""

    code = "BODY_KEY_UNUSABLE"
    message = "the key for the bodies, {source}, cannot be used: {problem}"


class BodyCorrupt(BursarError):
    """What is kept at the address is not what was put there."""

    code = "BODY_CORRUPT"
    message = "body {address} is damaged: {problem}"


class BodyTooLarge(BursarError):
    """A body has more bytes than are kept as one."""

    code = "BODY_TOO_LARGE"
    message = "the body has {size} bytes, the limit is {limit}; put it in parts"


class NoSuchBody(BursarError):
    """The subject has no body at the address, or has none any more."""

    code = "NO_SUCH_BODY"
    message = "there is no body {address}: it was never put, or its time was over"


class BodyForgotten(NoSuchBody):
    """The subject was forgotten since the body was put."""

    code = "BODY_FORGOTTEN"
    message = "there is no body {address} any more: its subject was forgotten"


class NoSuchSubject(BursarError):
    """Nothing was ever kept of the subject."""

    code = "NO_SUCH_SUBJECT"
    message = "there are no bodies of {subject!r} and never were; give the name as it was put"


class NotRedactable(BursarError):
    """The event cannot go without its data."""

    code = "NOT_REDACTABLE"
    message = "event {position}, {type}, cannot be redacted: {problem}"


class JournalNotOwned(BursarError):
    """There is nobody who would append to the journal for another process."""

    code = "JOURNAL_NOT_OWNED"
    message = "nobody owns {path} now; own it yourself to append to it, or start a manager"


class SubmissionRefused(BursarError):
    """What was sent to a journal's owner is not something that it takes."""

    code = "SUBMISSION_REFUSED"
    message = "{what} was refused by the journal's owner: {problem} (given: {given})"


class SubmissionUnanswered(BursarError):
    """Nobody can tell whether the owner took what was sent to it."""

    code = "SUBMISSION_UNANSWERED"
    message = (
        "the owner of {path} did not answer ({problem}); it may have taken command {command!r} or not: "
        "send it again under the same id"
    )
