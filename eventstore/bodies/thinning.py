"""Deleting texts that are packed: their block goes with them, or is written anew without them."""

from collections.abc import Collection, Sequence

import apsw

from .blocks import Blocks, Stored, encode
from .codecs import Codecs
from .databases import transaction, unusable
from .families import PACKING_LEVEL
from .keys import Keys
from .sweeping import Swept


class Thinner:
    """Knows what becomes of blocks when their texts are over."""

    def __init__(
        self, connection: apsw.Connection, path: str, keys: Keys, codecs: Codecs, blocks: Blocks
    ) -> None:
        self._connection = connection
        self._path = path
        self._keys = keys
        self._codecs = codecs
        self._blocks = blocks

    def sweep(self, until: int, kept: Collection[bytes]) -> Swept:
        """Delete the packed texts that were last put before a time, but for those at some addresses.

        Raises BodiesUnusable.
        """
        doomed = dict[int, list[bytes]]()
        try:
            found = self._connection.execute("SELECT address, block FROM place WHERE at < ?", (until,))
            for address, id_ in found:
                if address not in kept:
                    doomed.setdefault(id_, []).append(address)
        except apsw.Error as error:
            raise unusable(self._path, error) from error
        bodies = size = 0
        for id_, addresses in doomed.items():
            with transaction(self._connection, self._path):
                swept = self._thin(id_, addresses, until)
            bodies, size = bodies + swept.bodies, size + swept.bytes
        with transaction(self._connection, self._path):
            # Of damaged blocks, when nobody finds anything in them any more.
            self._connection.execute(
                "DELETE FROM block WHERE at < ? AND id NOT IN (SELECT block FROM place)", (until,)
            )
        return Swept(bodies, size)

    def _thin(self, id_: int, addresses: Sequence[bytes], until: int) -> Swept:
        gone = set[bytes]()
        for address in addresses:
            # Once more the time: it may have been put again meanwhile.
            sql = "DELETE FROM place WHERE address = ? AND block = ? AND at < ?"
            self._connection.execute(sql, (address, id_, until))
            if self._connection.changes():
                gone.add(address)
        stored = self._blocks.get(id_)
        if stored is None or not gone:
            return Swept(len(gone), 0)
        if len(gone) == stored.block.messages:
            self._blocks.delete(id_, ())
            return Swept(len(gone), len(stored.block.body))
        return Swept(len(gone), self._rewrite(stored, gone))

    def _rewrite(self, stored: Stored, gone: Collection[bytes]) -> int:
        """Write a block anew without some texts; bytes that this frees."""
        id_, owner, block = stored
        keys = self._keys.of_owner(owner)
        try:
            texts = {} if keys is None else self._blocks.read(keys, block)
            left = {address: text for address, text in texts.items() if address not in gone}
            if keys is None or not left:
                return 0
            codec = self._codecs.packing(keys, block.dictionary, PACKING_LEVEL)
        except ValueError:  # it is damaged, and goes when nothing in it is named
            return 0
        thinner = encode(keys, list(left.values()), codec, block.dictionary, PACKING_LEVEL)
        self._blocks.rewrite(id_, thinner)
        self._blocks.require(keys, id_, left)
        return len(block.body) - len(thinner.body)
