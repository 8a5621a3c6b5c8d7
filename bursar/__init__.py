"""bursar: decides which language models are in memory, and can say why.

    async with bursar.open("journal.db", settings=bursar.Settings(...)) as manager:
        answer = await manager.chat("llama:small", [{"role": "user", "content": "Hello"}])
        print(manager.why("llama:small"))

Names are imported when they are first used, so that a command which only reads starts at once.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .blocking import BlockingManager, open_sync
    from .chat import Answer, ChatStream
    from .contexts.conversing import ContextStream
    from .contexts.handle import ContextHandle
    from .domain.contexts.events import ContextCompressed, ContextPruned
    from .domain.contexts.keeping import ModelCached
    from .domain.contexts.relief import AgentThrottled, MemoryOptimized, WorkingMemoryReduced
    from .domain.errors import (
        AgentOverLimit,
        AllModelsPinned,
        BursarError,
        CircuitOpen,
        ContextLimitExceeded,
        ContextTooLarge,
        ContextUnavailable,
        DeadlineExceeded,
        InvalidContextId,
        InvalidMessage,
        InvalidModelId,
        JournalConflict,
        JournalCorrupt,
        JournalUnusable,
        LeaseExpired,
        ManagerClosed,
        MemoryOptimizationFailed,
        MessageDamaged,
        ModelLoadFailed,
        ModelUnloadFailed,
        ModelVanished,
        NoSuchContext,
        OutOfMemory,
        PromptTruncated,
        ProviderAuthFailed,
        ProviderBusy,
        ProviderCancelled,
        ProviderTimeout,
        ProviderUnavailable,
        QueueFull,
        RequestAborted,
        ResourceLimitExceeded,
        SettingsInvalid,
        Unsupported,
    )
    from .domain.events import Event
    from .domain.models.events import ModelFound, ModelLoaded, ModelLost, ModelUnloaded, ResourcesFreed
    from .domain.ports import Chunk, Message, ToolCall
    from .manager import ResourceManager
    from .opening import open
    from .settings import Settings

_HOME = {
    **dict.fromkeys(("BlockingManager", "open_sync"), ".blocking"),
    **dict.fromkeys(("Answer", "ChatStream"), ".chat"),
    "ContextHandle": ".contexts.handle",
    "ContextStream": ".contexts.conversing",
    **dict.fromkeys(("ContextCompressed", "ContextPruned"), ".domain.contexts.events"),
    "ModelCached": ".domain.contexts.keeping",
    **dict.fromkeys(("AgentThrottled", "MemoryOptimized", "WorkingMemoryReduced"), ".domain.contexts.relief"),
    **dict.fromkeys(
        (
            "AgentOverLimit",
            "AllModelsPinned",
            "BursarError",
            "CircuitOpen",
            "ContextLimitExceeded",
            "ContextTooLarge",
            "ContextUnavailable",
            "DeadlineExceeded",
            "InvalidContextId",
            "InvalidMessage",
            "InvalidModelId",
            "JournalConflict",
            "JournalCorrupt",
            "JournalUnusable",
            "LeaseExpired",
            "ManagerClosed",
            "MemoryOptimizationFailed",
            "MessageDamaged",
            "ModelLoadFailed",
            "ModelUnloadFailed",
            "ModelVanished",
            "NoSuchContext",
            "OutOfMemory",
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
            "Unsupported",
        ),
        ".domain.errors",
    ),
    "Event": ".domain.events",
    **dict.fromkeys(
        ("ModelFound", "ModelLoaded", "ModelLost", "ModelUnloaded", "ResourcesFreed"), ".domain.models.events"
    ),
    **dict.fromkeys(("Chunk", "Message", "ToolCall"), ".domain.ports"),
    "ResourceManager": ".manager",
    "open": ".opening",
    "Settings": ".settings",
}

__all__ = [
    "AgentOverLimit",
    "AgentThrottled",
    "AllModelsPinned",
    "Answer",
    "BlockingManager",
    "BursarError",
    "ChatStream",
    "Chunk",
    "CircuitOpen",
    "ContextCompressed",
    "ContextHandle",
    "ContextLimitExceeded",
    "ContextPruned",
    "ContextStream",
    "ContextTooLarge",
    "ContextUnavailable",
    "DeadlineExceeded",
    "Event",
    "InvalidContextId",
    "InvalidMessage",
    "InvalidModelId",
    "JournalConflict",
    "JournalCorrupt",
    "JournalUnusable",
    "LeaseExpired",
    "ManagerClosed",
    "MemoryOptimizationFailed",
    "MemoryOptimized",
    "Message",
    "MessageDamaged",
    "ModelCached",
    "ModelFound",
    "ModelLoadFailed",
    "ModelLoaded",
    "ModelLost",
    "ModelUnloadFailed",
    "ModelUnloaded",
    "ModelVanished",
    "NoSuchContext",
    "OutOfMemory",
    "PromptTruncated",
    "ProviderAuthFailed",
    "ProviderBusy",
    "ProviderCancelled",
    "ProviderTimeout",
    "ProviderUnavailable",
    "QueueFull",
    "RequestAborted",
    "ResourceLimitExceeded",
    "ResourceManager",
    "ResourcesFreed",
    "Settings",
    "SettingsInvalid",
    "ToolCall",
    "Unsupported",
    "WorkingMemoryReduced",
    "open",
    "open_sync",
]


def __getattr__(name: str) -> object:
    try:
        home = _HOME[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    return getattr(import_module(home, __name__), name)


def __dir__() -> list[str]:
    return sorted((*globals(), *__all__))
