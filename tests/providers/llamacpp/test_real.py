"""The adapter over llama.cpp's own server, where it matters that it is the real one."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest

from bursar.adapters.providers.llamacpp import LlamaCppServer
from bursar.domain.errors import ContextTooLarge
from bursar.domain.ports import ChatRequest, Chunk, Message

from .. import real_llamacpp
from ..real_llamacpp import NAME, WINDOW
from .world import HELLO, plain_client, run

pytestmark = pytest.mark.skipif(bool(real_llamacpp.MISSING), reason=real_llamacpp.MISSING)


@asynccontextmanager
async def _over(url: str) -> AsyncGenerator[LlamaCppServer, None]:
    provider = LlamaCppServer(url)
    yield provider
    await provider.close()


async def _last(provider: LlamaCppServer) -> Chunk:
    async with aclosing(provider.chat(NAME, HELLO)) as chunks:
        return [chunk async for chunk in chunks][-1]


def test_its_abilities_are_what_it_was_started_with() -> None:
    async def test() -> None:
        async with _over(real_llamacpp.shared()) as provider:
            probe = await provider.probe()
            assert probe.capabilities.names == ("tokenize", "kv_save", "embeddings")
        async with _over(real_llamacpp.plain()) as provider:
            probe = await provider.probe()
            assert probe.capabilities.names == ("tokenize",)
            assert probe.lacks["kv_save"] == "it was started without --slot-save-path"
            assert probe.lacks["embeddings"] == "it was started without --embeddings"

    run(test)


def test_its_file_is_read_for_what_it_takes() -> None:
    async def test() -> None:
        async with _over(real_llamacpp.shared()) as provider:
            described = await provider.describe(NAME)
            assert described.provenance == "gguf header"
            assert (described.context_tokens, described.slots) == (2 * WINDOW, 2)
            # Two blocks with 64 channels, keys and values of two bytes each.
            assert described.kv_bytes_per_token == 2 * 2 * 64 * 2

    run(test)


def test_a_prompt_is_counted_as_it_is_answered_and_refused_when_it_is_too_long() -> None:
    async def test() -> None:
        async with _over(real_llamacpp.shared()) as provider:
            assert await provider.prompt_tokens(NAME, HELLO) == (await _last(provider)).prompt_tokens
            long = ChatRequest([Message("user", "a" * 4000)])
            counted = await provider.prompt_tokens(NAME, long)
            with pytest.raises(ContextTooLarge) as caught:
                await anext(provider.chat(NAME, long))
            assert caught.value.values == {
                "prompt_tokens": counted,
                "model": NAME,
                "context_tokens": WINDOW,
            }

    run(test)


def test_a_saved_conversation_is_used_once_it_is_restored(tmp_path: Path) -> None:
    async def test() -> None:
        (tmp_path / "slots").mkdir()
        options = {"slot_save_path": f"{tmp_path}/slots/", "n_parallel": 1, "n_ctx": WINDOW}
        with real_llamacpp.llama_server(tmp_path, **options) as url:
            async with _over(url) as provider:
                await provider.probe()
                first = await _last(provider)
                assert first.prompt_tokens and first.cached_tokens == 0
                saved = await provider.save_kv(NAME, "talk.bin")
                async with plain_client(url) as client:
                    await client.post("/slots/0?action=erase")
                assert (await _last(provider)).cached_tokens == 0
                async with plain_client(url) as client:
                    await client.post("/slots/0?action=erase")
                assert await provider.restore_kv(NAME, "talk.bin") == saved
                assert (await _last(provider)).cached_tokens == first.prompt_tokens - 1

    run(test)


def test_it_may_be_below_a_prefix_and_want_a_key(tmp_path: Path) -> None:
    async def test() -> None:
        with real_llamacpp.llama_server(tmp_path, api_prefix="/llm", api_keys=["secret"]) as url:
            provider = LlamaCppServer(f"{url}/llm", key="secret")
            assert await provider.catalogue() == (NAME,)
            assert (await _last(provider)).done
            await provider.close()
            async with _over(f"{url}/llm") as keyless:
                assert (await keyless.probe()).code == "PROVIDER_AUTH_FAILED"

    run(test)


def test_it_falls_asleep_is_seen_asleep_and_is_woken_by_a_question(tmp_path: Path) -> None:
    async def test() -> None:
        with real_llamacpp.llama_server(tmp_path, sleep_idle_seconds=1) as url:
            async with _over(url) as provider:
                # What is asked to find out its abilities does not keep it awake.
                while not (await provider.resident())[0].asleep:
                    await provider.probe()
                    await asyncio.sleep(0.05)
                assert (await provider.resident())[0].memory == {"ram": 0}
                assert (await _last(provider)).done
                assert not (await provider.resident())[0].asleep

    run(test)
