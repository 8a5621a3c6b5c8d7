"""Tokenizers read from GGUF headers, good ones and hostile ones."""

import struct
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bursar.adapters.vocabulary.header import NoVocabulary, read_tokenizer
from bursar.adapters.vocabulary.reading import vocabulary_of
from bursar.testing.gguf import write_model

from .vocabularies import write_byte_pairs


def _header(*fields: bytes, count: int | None = None) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", 3, 0, len(fields) if count is None else count) + b"".join(fields)


def _text(text: bytes) -> bytes:
    return struct.pack("<Q", len(text)) + text


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write_byte_pairs(tmp_path_factory.mktemp("whole") / "m.gguf", "qwen2").read_bytes()


def test_the_tokenizer_is_read_and_the_rest_is_passed_over(tmp_path: Path) -> None:
    fields = read_tokenizer(write_model(tmp_path / "m.gguf"))
    assert fields["model"] == "llama"
    assert isinstance(tokens := fields["tokens"], tuple)
    assert tokens[:4] == ("<unk>", "<s>", "</s>", "<0x00>")
    assert "context_length" not in fields


@pytest.mark.parametrize(
    "given",
    [
        b"",
        b"GGU",
        b"GGML" + bytes(40),
        b"GGUF" + struct.pack("<IQQ", 9, 0, 0),
        # Announces more than there is, or than there can be.
        _header(count=1 << 62),
        _header(count=3),
        _header(_text(b"tokenizer.ggml.model") + struct.pack("<I", 8) + struct.pack("<Q", 1 << 63)),
        _header(_text(b"tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, 1 << 61)),
        _header(_text(b"tokenizer.ggml.scores") + struct.pack("<IIQ", 9, 6, 1 << 20)),
        _header(_text(b"general.name") + struct.pack("<IIQ", 9, 8, 1 << 61)),
        _header(_text(b"general.name") + struct.pack("<IIQ", 9, 6, 1 << 61)),
        # Arrays in arrays, and types that there are not.
        _header(_text(b"tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 9, 1)),
        _header(_text(b"tokenizer.ggml.model") + struct.pack("<I", 77)),
        _header(_text(b"general.name") + struct.pack("<I", 77)),
        # Whole, but without what is needed.
        _header(),
        _header(_text(b"tokenizer.ggml.model") + struct.pack("<I", 8) + _text(b"bert")),
        _header(_text(b"tokenizer.ggml.model") + struct.pack("<I", 8) + _text(b"gpt2")),
        _header(_text(b"tokenizer.ggml.model") + struct.pack("<I", 8) + _text(b"llama")),
        _header(_text(b"tokenizer.ggml.model") + struct.pack("<II", 4, 5)),
    ],
)
def test_what_is_no_vocabulary_is_refused(given: bytes, tmp_path: Path) -> None:
    (tmp_path / "m.gguf").write_bytes(given)
    with pytest.raises(NoVocabulary):
        vocabulary_of(tmp_path / "m.gguf")


def test_a_splitting_that_is_not_known_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NoVocabulary, match="splits texts"):
        vocabulary_of(write_byte_pairs(tmp_path / "m.gguf", "gpt-9"))


def test_a_folder_is_refused_and_what_is_not_there_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(NoVocabulary):
        vocabulary_of(tmp_path)
    with pytest.raises(OSError):  # noqa: PT011 - whichever the system has for it
        vocabulary_of(tmp_path / "m.gguf")


@given(data=st.data())
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_header_is_read_or_refused_and_nothing_else(
    data: st.DataObject, whole: bytes, tmp_path: Path
) -> None:
    end = data.draw(st.integers(0, min(len(whole), 20_000)), "cut")
    damaged = bytearray(whole[:end])
    for place in data.draw(st.lists(st.integers(0, max(end - 1, 0)), max_size=4), "changed") if end else []:
        damaged[place] = data.draw(st.integers(0, 255))
    path = tmp_path / "m.gguf"
    path.write_bytes(damaged)
    with suppress(NoVocabulary):
        vocabulary_of(path).count("some text, 123")
