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
    ├── InvalidContextId             INVALID_CONTEXT_ID
    ├── InvalidMessage               INVALID_MESSAGE
    ├── MessageDamaged               MESSAGE_DAMAGED
    ├── NoSuchContext                NO_SUCH_CONTEXT
    ├── ContextUnavailable           CONTEXT_UNAVAILABLE
    ├── ContextLimitExceeded         CONTEXT_LIMIT_EXCEEDED
    ├── AgentOverLimit               AGENT_THROTTLED
    ├── MemoryOptimizationFailed     MEMORY_OPTIMIZATION_FAILED
    ├── InvalidPattern               INVALID_PATTERN
    ├── PatternLimitExceeded         PATTERN_LIMIT_EXCEEDED
    ├── PromptTruncated              PROMPT_TRUNCATED
    ├── OutOfMemory                  OUT_OF_MEMORY
    ├── ProviderUnavailable          PROVIDER_UNAVAILABLE
    ├── ProviderTimeout              PROVIDER_TIMEOUT
    ├── ProviderBusy                 PROVIDER_BUSY
    ├── ProviderAuthFailed           PROVIDER_AUTH_FAILED
    ├── ProviderCancelled            PROVIDER_CANCELLED
    ├── Unsupported                  UNSUPPORTED
    ├── CircuitOpen                  CIRCUIT_OPEN
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

from .base import BursarError
from .contexts import (
    AgentOverLimit,
    ContextLimitExceeded,
    ContextUnavailable,
    InvalidContextId,
    InvalidMessage,
    MemoryOptimizationFailed,
    MessageDamaged,
    NoSuchContext,
)
from .journal import (
    ArchiveMissing,
    CommandConflict,
    FileNotWritten,
    HeadMoved,
    JournalConflict,
    JournalCorrupt,
    JournalNotOwned,
    JournalUnusable,
    JournalWriteFailed,
    LogNotEmptied,
    NoteInvalid,
    NothingToRepair,
    NotProvable,
    NotRedactable,
    SigningKeyUnusable,
    SubmissionRefused,
    SubmissionUnanswered,
)
from .keeping import (
    BodiesUnusable,
    BodyCorrupt,
    BodyForgotten,
    BodyKeyUnusable,
    BodyTooLarge,
    NoSuchBody,
    NoSuchSubject,
    ViewBehind,
    ViewUnusable,
)
from .models import (
    AllModelsPinned,
    InvalidModelId,
    ModelLoadFailed,
    ModelUnloadFailed,
    ModelVanished,
    ResourceLimitExceeded,
)
from .patterns import InvalidPattern, PatternLimitExceeded
from .providers import (
    CircuitOpen,
    ContextTooLarge,
    OutOfMemory,
    PromptTruncated,
    ProviderAuthFailed,
    ProviderBusy,
    ProviderCancelled,
    ProviderTimeout,
    ProviderUnavailable,
    Unsupported,
)
from .requests import (
    DeadlineExceeded,
    LeaseExpired,
    ManagerClosed,
    NoSuchEvent,
    NoSuchModel,
    NoSuchPosition,
    NoSuchRequest,
    QueueFull,
    RequestAborted,
    SettingsInvalid,
)

__all__ = [
    "AgentOverLimit",
    "AllModelsPinned",
    "ArchiveMissing",
    "BodiesUnusable",
    "BodyCorrupt",
    "BodyForgotten",
    "BodyKeyUnusable",
    "BodyTooLarge",
    "BursarError",
    "CircuitOpen",
    "CommandConflict",
    "ContextLimitExceeded",
    "ContextTooLarge",
    "ContextUnavailable",
    "DeadlineExceeded",
    "FileNotWritten",
    "HeadMoved",
    "InvalidContextId",
    "InvalidMessage",
    "InvalidModelId",
    "InvalidPattern",
    "JournalConflict",
    "JournalCorrupt",
    "JournalNotOwned",
    "JournalUnusable",
    "JournalWriteFailed",
    "LeaseExpired",
    "LogNotEmptied",
    "ManagerClosed",
    "MemoryOptimizationFailed",
    "MessageDamaged",
    "ModelLoadFailed",
    "ModelUnloadFailed",
    "ModelVanished",
    "NoSuchBody",
    "NoSuchContext",
    "NoSuchEvent",
    "NoSuchModel",
    "NoSuchPosition",
    "NoSuchRequest",
    "NoSuchSubject",
    "NotProvable",
    "NotRedactable",
    "NoteInvalid",
    "NothingToRepair",
    "OutOfMemory",
    "PatternLimitExceeded",
    "PromptTruncated",
    "ProviderAuthFailed",
    "ProviderBusy",
    "ProviderCancelled",
    "ProviderTimeout",
    "ProviderUnavailable",
    "QueueFull",
    "RequestAborted",
    "ResourceLimitExceeded",
    "SettingsInvalid",
    "SigningKeyUnusable",
    "SubmissionRefused",
    "SubmissionUnanswered",
    "Unsupported",
    "ViewBehind",
    "ViewUnusable",
]
