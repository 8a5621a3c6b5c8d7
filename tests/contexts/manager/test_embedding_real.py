"""Vectors of a server over HTTP, and of an engine that makes none."""

from pathlib import Path

import pytest

import bursar
from bursar.testing.provider.world import Installed, vector

from ...manager.support import make_models, opened
from ...phases.stand import Stand, names, running
from .support import assistant, run, user
from .thinking import PETS, QUERY, kept, scorers


def test_over_http_with_ollama(tmp_path: Path) -> None:
    """The stand-in's vectors mean nothing, but a text always has the same: a query is sought that is near."""
    query = next(text for text in map("zq{}".format, range(100_000)) if _nearest(text) == PETS[0])

    async def test(stand: Stand) -> None:
        stand.world.models["vectors"] = Installed("vectors", kind="embedding")
        handle = await stand.manager.open_context("talk", model=stand.model())
        for text in PETS:
            await stand.manager.add_messages("talk", [user(text), assistant("I see.")])
        await stand.manager.add_messages("talk", [user("Well?"), assistant("Well.")])
        target = handle.tokens // 2
        assert PETS[0] in await kept(handle, query, tokens=target)
        sent = [body for _method, path, body in stand.world.requests if path == "/api/embed"]
        assert sent
        assert not any("zq" in message.content for message in await handle.messages())
        assert await stand.manager.embed(stand.model("vectors"), ["a"]) == (tuple(vector("a")),)
        assert (await stand.failure(stand.manager.embed(stand.model(), ["a"]))).code == "UNSUPPORTED"
        await stand.manager.unload_model(stand.model("vectors"))

    context = {"embedding_model": "ollama:vectors", "automatic": "off"}
    recorded = running(tmp_path, test, context=context)
    pruned = next(event for event in recorded if event.body.name == "PruneAsked")
    assert getattr(pruned.body, "scorer", "") == "query+ollama:vectors general 1"
    assert "ModelUnloaded" in names(recorded, "model/ollama:vectors")


def test_llama_cpp_in_a_process_of_ours_makes_no_vectors(tmp_path: Path) -> None:
    make_models(tmp_path / "models", "a")

    async def work() -> None:
        async with opened(tmp_path) as manager:
            with pytest.raises(bursar.Unsupported):
                await manager.embed("llama:a", ["a"])
            await manager.configure(context={"embedding_model": "llama:a", "automatic": "off"})
            handle = await manager.open_context("talk", model="llama:a", reserve_tokens=64)
            await manager.add_messages("talk", [user(text) for text in PETS])
            await handle.prune(target_tokens=handle.tokens // 2, query=QUERY)

    run(work)
    assert scorers(tmp_path) == ["query general 1"]


def _nearest(query: str) -> str:
    """The message whose vector is by far the nearest to a query's."""
    asked = vector(query)
    near = [sum(a * b for a, b in zip(asked, vector(text), strict=True)) for text in (*PETS, "I see.")]
    best = max(near)
    second = sorted(near)[-2]
    return (*PETS, "I see.")[near.index(best)] if best > second + 0.5 else ""
