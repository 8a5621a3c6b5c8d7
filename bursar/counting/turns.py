"""Work that lets others have their turn."""

import asyncio

#: What a message costs beside its characters, as a part of what is handled in one turn.
_SHARE = 128


class Turns:
    """Gives the loop back whenever so many characters were handled."""

    def __init__(self, characters: int) -> None:
        self._most, self._handled = characters, 0

    async def after(self, characters: int) -> None:
        """So many characters were handled."""
        self._handled += characters + self._most // _SHARE
        if self._handled >= self._most:
            self._handled = 0
            await asyncio.sleep(0)
