"""Small models are valid, the same every time, and read without being loaded; what is no model is refused."""

import random
import shutil
import struct
import sys
from pathlib import Path

import pytest

from bursar.adapters.providers.llama.catalogue import find_models, locate
from bursar.adapters.providers.llama.header import NotAModel, read_header
from bursar.adapters.providers.llama.metadata import read_metadata
from bursar.domain.errors import InvalidModelId
from bursar.testing.gguf import write_model


def test_the_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    first = write_model(tmp_path / "a.gguf", seed=7)
    again = write_model(tmp_path / "b.gguf", seed=7)
    other = write_model(tmp_path / "c.gguf", seed=8)
    assert first.read_bytes() == again.read_bytes() != other.read_bytes()


def test_writing_leaves_nothing_but_the_model(tmp_path: Path) -> None:
    write_model(tmp_path / "new" / "a.gguf")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.gguf"]


def test_channels_that_cannot_be_divided_among_the_heads_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="embedding 100 cannot be divided among 3 heads"):
        write_model(tmp_path / "a.gguf", embedding=100, heads=3)
    assert not any(tmp_path.iterdir())


def test_without_the_extra_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gguf", None)
    with pytest.raises(ImportError, match=r"pip install 'bursar\[llama\]'"):
        write_model(tmp_path / "a.gguf")
    assert not any(tmp_path.iterdir())


def test_metadata_agrees_with_the_reader_of_the_gguf_package(tmp_path: Path) -> None:
    import gguf

    path = write_model(tmp_path / "a.gguf", embedding=128, blocks=3, heads=4, context=512)
    metadata = read_metadata(path)
    # Closed with the reader, before warnings of open files are errors.
    tensors = gguf.GGUFReader(path).tensors
    assert metadata.weights_bytes == sum(int(tensor.n_bytes) for tensor in tensors)
    assert (metadata.architecture, metadata.layers, metadata.embedding) == ("llama", 3, 128)
    assert (metadata.trained_context, metadata.vocabulary) == (512, 354)
    # Keys and values of 4 heads with 32 channels, two bytes each, in 3 layers.
    assert metadata.kv_bytes_per_token == 3 * 4 * (32 + 32) * 2


def test_key_and_value_widths_and_heads_for_each_layer_are_honoured(tmp_path: Path) -> None:
    path = _write_header(
        tmp_path / "a.gguf",
        {
            "block_count": 3,
            "embedding_length": 64,
            "context_length": 64,
            "attention.head_count": 4,
            "attention.head_count_kv": [2, 0, 1],
            "attention.key_length": 10,
            "attention.value_length": 6,
        },
    )
    assert read_metadata(path).kv_bytes_per_token == (2 + 0 + 1) * (10 + 6) * 2


def test_a_copy_is_the_same_model_and_other_weights_are_another(tmp_path: Path) -> None:
    path = write_model(tmp_path / "a.gguf", seed=1)
    copy = Path(shutil.copyfile(path, tmp_path / "b.gguf"))
    other = write_model(tmp_path / "c.gguf", seed=2)
    assert read_metadata(path).digest == read_metadata(copy).digest != read_metadata(other).digest


def test_a_file_that_was_replaced_is_read_again(tmp_path: Path) -> None:
    path = write_model(tmp_path / "a.gguf", blocks=1)
    assert read_metadata(path).layers == 1
    assert read_metadata(write_model(path, blocks=2)).layers == 2


def test_a_model_in_parts_is_one_model(tmp_path: Path) -> None:
    parts = [write_model(tmp_path / f"m-0000{part}-of-00002.gguf", seed=part) for part in (1, 2)]
    single = read_metadata(write_model(tmp_path / "single.gguf"))
    assert find_models(tmp_path) == ("m-00001-of-00002", "single")
    assert read_metadata(parts[0]).weights_bytes == 2 * single.weights_bytes
    parts[1].unlink()
    with pytest.raises(NotAModel, match=r"part 2 of 2 is missing: m-00002-of-00002\.gguf"):
        read_metadata(parts[0])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "ends in the middle of its header"),
        (b"hello, world", "not a GGUF file: it starts with b'hell'"),
        (b"GGUF" + struct.pack("<I", 3), "ends in the middle of its header"),
        (
            b"GGUF" + struct.pack(">IQQ", 3, 0, 0),
            "version 50331648 is not supported, or its bytes are swapped",
        ),
        (b"GGUF" + struct.pack("<IQQ", 3, 1 << 60, 0), "announces 1152921504606846976 tensors"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1 << 60), "announces 1152921504606846976 fields"),
        (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1 << 40), "ends in the middle of its header"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 0), "has no weights"),
    ],
)
def test_garbage_is_refused_with_a_reason(content: bytes, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "a.gguf"
    path.write_bytes(content)
    with pytest.raises(NotAModel, match=reason):
        read_metadata(path)


def test_an_array_of_endless_length_in_an_endless_file_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a.gguf"
    for element in (0, 8):  # bytes, then strings
        with path.open("wb") as file:
            file.write(b"GGUF" + struct.pack("<IQQ", 3, 0, 1))
            file.write(struct.pack("<Q", 1) + b"a" + struct.pack("<IIQ", 9, element, 1 << 23))
            file.truncate(40 << 30)
        with pytest.raises(NotAModel, match=r"header is damaged|has no weights"):
            read_metadata(path)


def test_a_truncated_model_is_refused(tmp_path: Path) -> None:
    whole = write_model(tmp_path / "a.gguf").read_bytes()
    path = tmp_path / "b.gguf"
    start = read_header(tmp_path / "a.gguf").data_start
    for length in (*range(0, start, 97), start, start + 1, len(whole) // 2):
        path.write_bytes(whole[:length])
        with pytest.raises(NotAModel):
            read_metadata(path)


def test_damage_anywhere_in_the_header_is_an_answer_or_a_reason_and_nothing_else(tmp_path: Path) -> None:
    whole = write_model(tmp_path / "a.gguf").read_bytes()
    start = read_header(tmp_path / "a.gguf").data_start
    path, chance = tmp_path / "b.gguf", random.Random(1)
    refused = 0
    for _ in range(300):
        damaged = bytearray(whole)
        for _ in range(chance.choice((1, 1, 8))):
            damaged[chance.randrange(start)] = chance.choice((0, 0x7F, 0xFF, chance.randrange(256)))
        path.write_bytes(damaged)
        try:
            read_metadata(path)
        except NotAModel:
            refused += 1
    assert refused > 30


def test_the_catalogue_is_what_lies_below_the_folder(tmp_path: Path) -> None:
    models, outside = tmp_path / "models", tmp_path / "outside.gguf"
    for name in ("b", "nested/a", "mmproj-b", "name with spaces"):
        (models / name).parent.mkdir(parents=True, exist_ok=True)
        (models / f"{name}.gguf").write_bytes(b"")
    outside.write_bytes(b"")
    (models / "linked.gguf").symlink_to(models / "b.gguf")
    (models / "escape.gguf").symlink_to(outside)
    (models / "circle.gguf").symlink_to(models / "circle.gguf")
    (models / "folder.gguf").mkdir()
    (models / "notes.txt").write_bytes(b"")
    assert find_models(models) == ("b", "linked", "nested/a")
    assert find_models(tmp_path / "nowhere") == ()


@pytest.mark.parametrize(
    "model",
    [
        *("", "..", "../outside", "a/../../outside", "/etc/passwd", "a//b", ".hidden", "a\0b", "a b"),
        *("x" * 300, "ünïcode", "escape", "circle", "missing", "nested"),
    ],
)
def test_a_name_never_leads_out_of_the_folder(model: str, tmp_path: Path) -> None:
    models = tmp_path / "models"
    (models / "nested").mkdir(parents=True)
    (tmp_path / "outside.gguf").write_bytes(b"")
    (models / "escape.gguf").symlink_to(tmp_path / "outside.gguf")
    (models / "circle.gguf").symlink_to(models / "circle.gguf")
    with pytest.raises(InvalidModelId):
        locate(models, model)


def _write_header(path: Path, fields: dict[str, int | list[int]]) -> Path:
    """A file with these fields of a llama, and one tensor of four bytes."""
    import gguf
    import numpy as np

    writer = gguf.GGUFWriter(path, "llama")
    for key, value in fields.items():
        if isinstance(value, list):
            writer.add_array(f"llama.{key}", value)
        else:
            writer.add_uint32(f"llama.{key}", value)
    writer.add_tensor("one", np.ones(1, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
