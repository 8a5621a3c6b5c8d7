"""What this adapter knows of the models that it was asked about, until Ollama is asked again."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from ....domain.models.values import Residency
from .crowding import Crowding
from .names import full_name
from .running import Entry, find
from .shown import Placing, Shown

#: For as long as nobody says otherwise: what leaves memory is decided by the manager.
FOREVER = -1


@dataclass(slots=True)
class Known:
    """One model."""

    #: As we were asked for it, and as Ollama hears it from us.
    name: str
    digest: str = ""
    #: Bytes of its file.
    size: int = 0
    shown: Shown | None = None
    #: Window of one request that goes with every request; 0 before it is in memory.
    asked: int = 0
    #: The window that it really has; 0 where that is not known.
    granted: int = 0
    #: Whether an answer ends when the window is full, or goes on and forgets how it began.
    ends: bool = True
    #: Whether it is in memory, as far as we have heard.
    here: bool = False
    #: And it is never to leave by itself, as far as we have heard.
    stays: bool = False
    #: We are loading it, or have told it to go.
    loading: bool = False
    going: bool = False
    #: One load or unload at a time.
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def window(self) -> int:
        """Window of one request."""
        return self.granted or self.asked

    def common(self) -> dict[str, Any]:
        """What goes with every request about it: one thing else, and Ollama loads it anew."""
        common: dict[str, Any] = {"model": self.name}
        if self.shown and self.shown.remote:
            return {**common, "options": {}}
        common["keep_alive"] = FOREVER
        common["options"] = {"num_ctx": self.asked} if self.asked else {}
        embeds = self.shown is not None and self.shown.embeds_only
        return {**common, "shift": False} if self.ends and not embeds else common

    def note(self, entry: Entry) -> None:
        """It is in memory. What somebody else loaded is used as it is, so that it is not loaded anew.

        Whether its answers end is not listed. Those of what stays for ever do: that is how we load.
        """
        if entry.context and entry.context != self.granted:
            self.asked = self.granted = entry.context
            self.ends = entry.stays
        self.here, self.stays, self.digest = True, entry.stays, entry.digest or self.digest


@dataclass(slots=True)
class Models:
    """All of them, by name with tag."""

    models: dict[str, Known] = field(default_factory=dict[str, Known])
    crowding: Crowding = field(default_factory=Crowding)

    def seen(self, model: str) -> Known | None:
        """The model of that name, if there is one as far as we know."""
        return self.models.get(full_name(model))

    def get(self, model: str) -> Known:
        """The model of that name; made where it is asked about for the first time."""
        return self.models.setdefault(full_name(model), Known(model))

    def note(self, entries: list[Entry]) -> None:
        """Take over what is in memory now, but for what we are loading: that is told by its load."""
        self._learn(entries)
        for known in self.models.values():
            if not known.loading and not (known.shown and known.shown.remote):
                known.here = find(entries, known.name, known.digest) is not None
        for entry in entries:
            known = self.of(entry)
            if not known.loading:
                known.note(entry)

    def _learn(self, entries: list[Entry]) -> None:
        """What was to stay and has gone while another was loaded, it had no room for."""
        held = {entry.name for entry in entries}
        self.crowding.held(sum(not entry.leaving for entry in entries))
        loading = {full_name(known.name) for known in self.models.values() if known.loading}
        if loading and any(self._was_displaced(known, entries) for known in self.models.values()):
            # Until 0.30 what is being loaded is listed.
            self.crowding.displaced(len(held) if loading & held else len(held) + 1)

    def _was_displaced(self, known: Known, entries: list[Entry]) -> bool:
        ours = known.here and known.stays and not known.loading and not known.going
        elsewhere = known.shown is not None and known.shown.remote
        return ours and not elsewhere and find(entries, known.name, known.digest) is None

    def of(self, entry: Entry) -> Known:
        """The model that an entry is about, under the name that we were asked for it by."""
        named = self.seen(entry.name)
        if named is not None:
            return named
        same = [each for each in self.models.values() if each.digest and each.digest == entry.digest]
        return same[0] if same else self.get(entry.name)

    def forget_residents(self) -> None:
        """Nothing is known to be in memory any more: the next to need it asks."""
        for known in self.models.values():
            known.here = False


def residency(entry: Entry, known: Known, placing: Placing, provenance: str) -> Residency:
    """An entry of `/api/ps` as the port reports it."""
    return Residency(
        model=known.name,
        digest=entry.digest or known.digest,
        memory=entry.memory(placing.gpu),
        provenance=provenance,
        context_tokens=(entry.context or known.window) * placing.slots,
        slots=placing.slots,
        leaving=entry.leaving,
    )
