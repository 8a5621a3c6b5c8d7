"""Who signs the journal's tree, and when.

At each full segment, every minute while there is something new, at close, and on demand. A note is for ever:
a journal with fewer events than one of its notes says was cut off. So while the journal is in use only what
no power cut can take away any more is signed.
"""

import asyncio
from contextlib import suppress

from ...domain.errors import JournalUnusable
from ..journal import Journal
from ..merkle import SEGMENT, Frontier
from .notes import Checkpoint, Note, origin
from .signing import SigningKey

#: Between an event and the checkpoint it is in, at most.
_EVERY_S = 60.0
#: Between two looks whether what is to be signed is on the disk itself: longer than that takes.
_SETTLING_S = 0.3


class Notary:
    """Signs the tree of an open journal. For its thread; signing takes about 100 us, and reads nothing."""

    def __init__(self, journal: Journal, key: SigningKey) -> None:
        """Begin. What was never signed is signed within a minute, too."""
        self._journal = journal
        #: What it signs with.
        self.key = key
        self._origin = origin(journal.journal_id)
        with journal.reader() as reader:
            last = reader.last_checkpoint()
        #: Size of the last checkpoint.
        self.signed = 0 if last is None else last[0]
        self._timer: asyncio.TimerHandle | None = None
        #: When the timer rings, by the loop's clock.
        self._at = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None
        journal.listen(self._heard)
        journal.before_close(self._closing)

    def sign(self) -> Note | None:
        """Sign all that is committed and keep the note in the journal; None when there is nothing new.

        Give the note away only when `journal.hardened` has come to its size. Raises JournalUnusable.
        """
        return self._sign(self._journal.tree())

    def _heard(self, position: int) -> None:
        """Something was committed; a loop may or may not be running."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            if position // SEGMENT > self.signed // SEGMENT:
                self.sign()
            return
        if loop is not self._loop:  # a timer of a loop that has ended never rings
            self._forget()
            self._loop = loop
        full = position // SEGMENT > self.signed // SEGMENT
        self._ring(loop, _SETTLING_S if full else _EVERY_S)

    def _ring(self, loop: asyncio.AbstractEventLoop, after_s: float) -> None:
        """See to it that the timer rings no later than that."""
        at = loop.time() + after_s
        if self._timer is None or at < self._at:
            self._forget()
            self._at, self._timer = at, loop.call_at(at, self._due, loop, None)

    def _due(self, loop: asyncio.AbstractEventLoop, tree: Frontier | None) -> None:
        """Sign the tree (None: that of now) if it is on the disk itself, else look again."""
        self._timer = None
        wanted = self._journal.tree() if tree is None else tree
        if self._journal.hardened < wanted.size or self._journal.held:
            self._at = loop.time() + _SETTLING_S
            self._timer = loop.call_at(self._at, self._due, loop, wanted)
            return
        with suppress(JournalUnusable):  # who appends hears of it
            self._sign(wanted)
            if self._journal.committed > self.signed:
                self._ring(loop, _EVERY_S)

    def _closing(self) -> None:
        self._forget()
        self.sign()

    def _sign(self, tree: Frontier) -> Note | None:
        if tree.size <= self.signed:
            return None
        note = self.key.sign(Checkpoint(self._origin, tree.size, tree.root()).text())
        self._journal.write_checkpoint(tree.size, str(note))
        self.signed = tree.size
        return note

    def _forget(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
