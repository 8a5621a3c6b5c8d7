"""Finding a text, in a row of its own or in a block."""

import apsw

from .blocks import Blocks
from .keys import SubjectKeys
from .rows import Rows

ADDRESS = 32


class Reader:
    """Methods raise apsw.Error, and ValueError when what is there is not what was put."""

    def __init__(self, connection: apsw.Connection, rows: Rows, blocks: Blocks) -> None:
        self._connection = connection
        self._rows = rows
        self._blocks = blocks

    def beside(self, keys: SubjectKeys, wanted: bytes) -> dict[bytes, bytes] | None:
        """A text with those it is packed with, by address; None when it is not there."""
        row = self._rows.find(keys, wanted)
        if row is not None:
            return {wanted: self._rows.text(keys, wanted, row)}
        stored = self._blocks.find(keys, wanted)
        if stored is None:  # it may have been unpacked meanwhile
            row = self._rows.find(keys, wanted)
            return None if row is None else {wanted: self._rows.text(keys, wanted, row)}
        texts = self._blocks.texts(keys, stored.block)
        if wanted not in texts:
            raise ValueError("its block holds other texts")
        return texts


def parsed(address: str) -> bytes | None:
    """An address as the files have it; None for what is none."""
    try:
        found = bytes.fromhex(address)
    except ValueError:
        return None
    return found if len(found) == ADDRESS else None
