"""What is said in a context stands in no file that can be read, in no log and in no error."""

import asyncio
import logging
from collections.abc import Awaitable
from contextlib import closing
from pathlib import Path

import pytest

import bursar
from bursar.domain.ports import Message, ToolCall
from bursar.eventstore.bodies.store import BodyStore
from bursar.eventstore.reader import Reader
from bursar.projections.redecide import redecide

from ...bodies.texts import sql
from ...cli.calling import inside
from ..packing.kept import blobs, dictionaries
from .support import Talker, bodies, dialogue, files_with, history, run, talking, user

#: What is said, by where it stands; names of contexts, agents and patterns are no secrets.
SECRETS = {
    "user": "usercanary",
    "assistant": "saidcanary",
    "author": "authorcanary",
    "call": "callcanary",
    "tool": "toolcanary",
    "arguments": "argumentcanary",
    "result": "resultcanary",
    "query": "querycanary",
    "pattern": "patterncanary",
    "answer": "answercanary",
}
CALL = ToolCall(SECRETS["call"], SECRETS["tool"], f'{{"id": "{SECRETS["arguments"]}"}}')


def _said() -> list[Message]:
    return [
        Message("user", f"{SECRETS['user']} lives in Paris since 2019", name=SECRETS["author"]),
        Message("assistant", f"{SECRETS['assistant']}-77 is noted", (CALL,)),
        Message("tool", f'{{"found": "{SECRETS["result"]}-78"}}', tool_call_id=CALL.id),
    ]


def test_no_secret_is_in_any_file_nor_in_a_log_nor_in_an_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    talker, told = Talker(window=4096), list[str]()

    async def fails(attempt: Awaitable[object]) -> None:
        with pytest.raises(bursar.BursarError) as error:
            await attempt
        told.extend((str(error.value), repr(error.value), repr(error.value.__dict__)))

    async def work() -> None:
        async with talking(tmp_path, talker) as manager:
            handle = await manager.open_context("talk", model="sim:a", agent="ann")
            await manager.add_messages("talk", _said())
            await manager.add_messages("talk", dialogue(30))
            await handle.compress()
            [summary, *_] = await handle.messages()
            assert SECRETS["user"] in summary.content
            talker.script = [SECRETS["answer"]]
            await handle.chat(SECRETS["query"], select="query")
            await handle.prune(target_tokens=300, query=SECRETS["query"])
            await manager.store_pattern("greeting", f"{SECRETS['pattern']} {{name}}")
            await manager.find_patterns(SECRETS["query"])
            said = Message("tool", SECRETS["user"], tool_call_id=SECRETS["call"])
            await fails(handle.add(said))
            await fails(handle.add({"role": "user", "content": f"{SECRETS['user']} \ud800"}))
            await fails(
                handle.add({"role": "user", "content": SECRETS["user"], "name": f"{SECRETS['author']}\ud800"})
            )
            await fails(handle.add(Message("tool", SECRETS["result"], tool_call_id=f"no {SECRETS['call']}")))
            await fails(handle.add(Message("assistant", "", (CALL, CALL))))
            await fails(
                handle.add({"role": "user", "content": [{"type": "text", "text": 7, "x": SECRETS["user"]}]})
            )
            await fails(handle.add({"role": "user", "content": {SECRETS["user"]: 1}}))
            await fails(handle.prune(target_tokens=1, query=SECRETS["query"]))
            await fails(handle.chat(SECRETS["query"], max_tokens=4096))
            await handle.move_to_cache()
            for secret in SECRETS.values():
                assert files_with(tmp_path, secret) == [], f"{secret} while it is open"

    run(work)
    output = capfd.readouterr()
    for secret in SECRETS.values():
        assert files_with(tmp_path, secret) == []
        assert secret not in caplog.text + output.out + output.err
        assert not any(secret in text for text in told)


def test_what_is_forgotten_cannot_be_read_with_any_key_that_is_left(tmp_path: Path) -> None:
    """One is forgotten by the manager and one from the command line; the others of their agent stay."""
    path = tmp_path / "journal.db"

    async def work() -> None:
        async with talking(tmp_path, Talker(window=1 << 16)) as manager:
            for number in range(6):
                handle = await manager.open_context(f"talk {number}", model="sim:a", agent="ann")
                secret = SECRETS["user"] if number < 2 else "known"
                await manager.add_messages(
                    handle.id, [user(f"{secret} {said.content}") for said in dialogue(40)]
                )
                await handle.compress()
                await handle.move_to_cache()
            with closing(BodyStore.open(path)) as store:
                assert any(b"Parcel" in content for content in dictionaries(store, path))
            await manager.forget_context("talk 0")

    run(work)
    assert inside("forget", "context/talk 1", "--yes", journal=path).exit_code == 0
    assert _readable(path, SECRETS["user"]) == 0
    assert _readable(path, "known") > 4 * 40
    assert files_with(tmp_path, SECRETS["user"]) == []
    history(tmp_path)
    with closing(Reader(path)) as reader:
        assert redecide(reader).ok

    async def after() -> None:
        async with talking(tmp_path) as manager:
            assert [row.id for row in manager.contexts()] == [f"talk {number}" for number in range(2, 6)]
            await asyncio.gather(*(manager.messages(row.id) for row in manager.contexts()))

    run(after)
    assert len(bodies(tmp_path, "SubjectForgotten")) == len(bodies(tmp_path, "ContextForgotten")) == 2


def _readable(path: Path, text: str) -> int:
    """Texts and dictionaries with something in them, of all that the keys there are can read."""
    wanted = text.encode()
    with closing(BodyStore.open(path)) as store:
        found = sum(wanted in content for content in dictionaries(store, path))
        named = bodies(path.parent, "MessageAdded", "SummaryMade")
        for name in sorted({body.context for body in named}):
            addresses = [body.address for body in named if body.context == name]
            texts = store.get_many(f"context/{name}", addresses)
            found += sum(wanted in (content or b"") for content in texts)
    assert sql(blobs(path), "SELECT count(*) FROM block")[0][0] > 0
    return found
