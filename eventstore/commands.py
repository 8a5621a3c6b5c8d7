"""Which batches were taken, by the ids of their senders: a second attempt is answered, not obeyed."""

from collections.abc import Sequence
from typing import cast

import apsw

from ..domain.errors import CommandConflict
from .records import Draft
from .sealing import Command, fingerprint


class Commands:
    """Remembers them for ever, in the journal. For the owner's thread."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        #: Taken, and not committed yet.
        self._pending: dict[str, Command] = {}

    def taken(self, path: str, command: str, batch: Sequence[Draft]) -> int | None:
        """The last position that this batch has under this id; None when it was never sent.

        Raises CommandConflict when the id was given to another batch.
        """
        known = self.find(command)
        if known is None:
            return None
        _, sent, first, last = known
        if sent != fingerprint(batch):
            raise CommandConflict(path=path, command=command, first=first, last=last)
        return last

    def find(self, command: str) -> Command | None:
        """What was taken under this id, committed or about to be; None when nothing was."""
        return self._pending.get(command) or cast(
            "Command | None",
            self._connection.execute("SELECT * FROM command WHERE id = ?", (command,)).fetchone(),
        )

    def take(self, command: str, batch: Sequence[Draft], last: int) -> Command:
        """Remember a batch whose last position this is; the row to be written with it."""
        taken = self._pending[command] = (command, fingerprint(batch), last - len(batch) + 1, last)
        return taken

    def committed(self) -> None:
        """Say that what is pending can be read from the journal."""
        self._pending.clear()

    def forgotten(self) -> None:
        """Say that what is pending was not written."""
        self._pending.clear()
