"""A process that appends until it is killed, and says what it does. See `kills`."""

import asyncio
import json
import os
from itertools import count
from random import Random

from bursar.eventstore import checkpointing
from bursar.eventstore.journal import Journal
from bursar.eventstore.records import Draft

#: Batches of each client between closing the journal and opening it again.
_UNTIL_CLOSED = (2, 150)


def write(path: str, seed: str, *following: str) -> int:
    """Append as as many clients as there are numbers of their next batches; never returns."""
    for name, value in (("_PAGES", 200), ("_MORE", 100), ("_CAP", 600)):
        setattr(checkpointing, name, value)
    _say("pid", os.getpid())
    random, numbers = Random(seed), list(map(int, following))
    for _ in count():
        asyncio.run(_session(path, random, numbers))
    return 0


async def _session(path: str, random: Random, numbers: list[int]) -> None:
    journal = Journal.open(path)
    _say("opened", journal.opened.ended)
    batches = random.choice(_UNTIL_CLOSED)
    clients = (_client(journal, random, client, numbers, batches) for client in range(len(numbers)))
    await asyncio.gather(*clients)
    journal.close()


async def _client(journal: Journal, random: Random, client: int, numbers: list[int], batches: int) -> None:
    for _ in range(batches):
        command = f"{client}-{numbers[client]}"
        batch = _batch(journal, command)
        _say("sent", command)
        durable = random.random() < 0.2
        position = await journal.append(batch, expected=journal.head, durable=durable, command=command)
        _say("ack", command, position)
        numbers[client] += 1
        if len(batch) == 1 and random.random() < 0.05:
            await _redact(journal, position)


async def _redact(journal: Journal, position: int) -> None:
    """Take the data out of an event that was a batch by itself."""
    now, head = max(journal.at, 1), journal.head
    data = json.dumps({"command": None, "left": 0})
    reason = Draft("fact", "EventRedacted", 1, "host", now, None, head + 1, "bursar", data)
    by = await journal.append([reason], expected=head, durable=True)
    journal.redact(position, by)
    _say("redacted", position)


def _batch(journal: Journal, command: str) -> list[Draft]:
    """What a batch says follows from its id, so that a second attempt says the same."""
    random, now = Random(command), max(journal.at, 1)
    size = random.randint(1, 5)
    return [
        Draft(
            "fact", "Happened", 1, f"model/{random.randrange(4)}", now, None, journal.head + 1 + n, "bursar",
            json.dumps({"command": command, "left": size - 1 - n, "x": "x" * random.choice((10, 300, 5000))}),
        )
        for n in range(size)
    ]  # fmt: skip


def _say(*words: object) -> None:
    os.write(1, f"{' '.join(map(str, words))}\n".encode())
