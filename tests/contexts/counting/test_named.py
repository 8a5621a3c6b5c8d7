"""OpenAI's vocabularies, where tiktoken's data are on this machine; nothing is ever fetched."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from bursar.adapters.vocabulary.named import vocabulary_named

pytest.importorskip("tiktoken", reason="the extra `bench` is not installed")


@pytest.fixture
def data(monkeypatch: pytest.MonkeyPatch) -> None:
    litellm = find_spec("litellm")
    if litellm is None or litellm.origin is None:
        pytest.skip("the extra `bench` is not installed")
    folder = Path(litellm.origin).parent / "litellm_core_utils" / "tokenizers"
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(folder))


@pytest.mark.usefixtures("data")
@pytest.mark.parametrize(("model", "vocabulary"), [("gpt-4o", "o200k_base"), ("gpt-4", "cl100k_base")])
def test_a_model_of_openais_is_counted_with_its_vocabulary(model: str, vocabulary: str) -> None:
    import tiktoken

    counting = vocabulary_named(model)
    assert counting
    for text in ("Hello, world! <|endoftext|> " * 3, "one two three " * 3000, ""):
        slices = list(counting(text))
        assert sum(tokens for _, tokens in slices) == len(
            tiktoken.get_encoding(vocabulary).encode_ordinary(text)
        )
        assert all(characters <= 8192 for characters, _ in slices)


@pytest.mark.usefixtures("data")
def test_other_models_are_not_guessed_at() -> None:
    assert vocabulary_named("qwen3:8b") is None


def test_what_is_not_on_this_machine_is_not_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TIKTOKEN_CACHE_DIR", raising=False)
    assert vocabulary_named("gpt-4o") is None
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    assert vocabulary_named("gpt-4o") is None
