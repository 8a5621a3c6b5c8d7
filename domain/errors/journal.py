"""What can be wrong with a journal, its proofs and its copies."""

from .base import BursarError


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
