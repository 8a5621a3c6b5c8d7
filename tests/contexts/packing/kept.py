"""Texts to be packed, and what to look for afterwards."""

import json
import random
from collections.abc import Iterable
from pathlib import Path

from bursar.eventstore.bodies.codecs import Codecs
from bursar.eventstore.bodies.store import BodyStore

from ...bodies.texts import message, sql

SYSTEM = f"you are the clerk of a shop; {message(1, 400)}"


def trace(seed: int, messages: int = 24, mark: str = "") -> list[bytes]:
    """A conversation with tools: much of it is in every other, some of it in none."""
    drawn = random.Random(seed)
    found = [json.dumps({"role": "system", "content": SYSTEM}).encode()]
    for number in range(messages):
        order = {"order_id": f"#W{drawn.randrange(10**7)}", "user_id": f"u_{drawn.randrange(10**5)}"}
        item = {"status": "delivered", "price_cents": drawn.randrange(10**4), "available": True, **order}
        text = f"{mark} {message(seed * 1000 + number, 12)}"
        found.append(json.dumps({"role": "tool", "content": text, "result": [item] * 2}).encode())
    return found


def put_and_pack(
    store: BodyStore, seeds: Iterable[int], family: str | None, mark: str = "", messages: int = 24
) -> dict[str, list[str]]:
    """Traces of these seeds, packed; their addresses by subject."""
    found: dict[str, list[str]] = {}
    for seed in seeds:
        subject = f"context/{seed}"
        found[subject] = store.put_many(subject, trace(seed, messages, mark))
        assert store.pack(subject, found[subject], family=family).lost == ()
    return found


def blobs(journal: Path) -> Path:
    """The file of bodies."""
    return Path(f"{journal}.blobs.db")


def rows(journal: Path) -> tuple[int, int, int]:
    """Texts in rows of their own, blocks, and places in them."""
    ((single,),) = sql(blobs(journal), "SELECT count(*) FROM blob")
    ((packed,),) = sql(blobs(journal), "SELECT count(*) FROM block")
    ((places,),) = sql(blobs(journal), "SELECT count(*) FROM place")
    return single, packed, places


def dictionaries(store: BodyStore, journal: Path) -> list[bytes]:
    """The content of every dictionary in the file that the keys there are can read."""
    codecs: Codecs = store._codecs  # pyright: ignore[reportPrivateUsage]  # who has the file and the keys can do this
    found = list[bytes]()
    for id_, owner in sql(blobs(journal), "SELECT id, owner FROM dictionary ORDER BY id"):
        keys = store._keys.of_owner(owner)  # pyright: ignore[reportPrivateUsage]  # as above
        if keys is not None:
            found.append(codecs.content(keys, id_))
    return found
