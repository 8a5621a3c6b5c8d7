"""Where the providers say that their models' files lie."""

import json
from pathlib import Path

import pytest

from bursar.adapters.providers.base import ProviderBase
from bursar.adapters.providers.llama.provider import LlamaProvider
from bursar.adapters.providers.ollama.provider import OllamaProvider
from bursar.adapters.providers.ollama.store import weights_file
from bursar.adapters.vocabulary.reading import vocabulary_of
from bursar.domain.errors import InvalidModelId
from bursar.testing.gguf import write_model

DIGEST = "ab" * 32
WEIGHTS = {"mediaType": "application/vnd.ollama.image.model", "digest": f"sha256:{DIGEST}"}
TEMPLATE = {"mediaType": "application/vnd.ollama.image.template", "digest": f"sha256:{'cd' * 32}"}


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with one model, under each kind of name."""
    write_model(tmp_path / "blobs" / f"sha256-{DIGEST}")
    registry = tmp_path / "manifests" / "registry.ollama.ai"
    other = tmp_path / "manifests" / "hf.co" / "somebody" / "tiny" / "Q4_K_M"
    for place in (registry / "library" / "tiny" / "latest", registry / "somebody" / "tiny" / "1b", other):
        _write(place, {"layers": [TEMPLATE, WEIGHTS]})
    _write(tmp_path / "manifests" / "elsewhere" / "latest", {"layers": [WEIGHTS]})
    return tmp_path


def _write(place: Path, manifest: object) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(json.dumps(manifest))


@pytest.mark.parametrize("model", ["tiny", "tiny:latest", "somebody/tiny:1b", "hf.co/somebody/tiny:Q4_K_M"])
def test_ollamas_file_is_found_by_any_name(model: str, store: Path) -> None:
    found = weights_file(store, model)
    blob = store / "blobs" / f"sha256-{DIGEST}"
    assert found == str(blob)
    assert vocabulary_of(blob).count("Hello world") == 12


@pytest.mark.parametrize(
    "model",
    [
        "",
        "other",
        "tiny:1b",
        "../elsewhere",
        "../../elsewhere",
        "library/../tiny",
        "a/b/c/d:e",
        "/etc/passwd",
        "tiny:..",
        "a\0b",
    ],
)
def test_a_name_that_is_none_of_the_stores_has_no_file(model: str, store: Path) -> None:
    assert weights_file(store, model) is None


@pytest.mark.parametrize(
    "manifest",
    [
        None,
        [],
        {"layers": "none"},
        {"layers": [TEMPLATE]},
        {"layers": [WEIGHTS, WEIGHTS]},
        {"layers": [{**WEIGHTS, "digest": f"sha256:{'ef' * 32}"}]},
        {"layers": [{**WEIGHTS, "digest": "sha256:../../secret"}]},
    ],
)
def test_a_manifest_that_names_no_one_file_has_none(manifest: object, store: Path) -> None:
    _write(store / "manifests" / "registry.ollama.ai" / "library" / "odd" / "latest", manifest)
    assert weights_file(store, "odd") is None


def test_only_an_ollama_on_this_machine_has_files(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_MODELS", str(store))
    assert OllamaProvider("http://127.0.0.1:11434").model_file("tiny") is not None
    assert OllamaProvider("http://192.0.2.1:11434").model_file("tiny") is None
    assert OllamaProvider("http://127.0.0.1.example:11434").model_file("tiny") is None


def test_the_embedded_engine_says_which_file_it_runs(tmp_path: Path) -> None:
    file = write_model(tmp_path / "models" / "tiny.gguf")
    provider = LlamaProvider(tmp_path / "models", tmp_path / "run")
    assert provider.model_file("tiny") == str(file)
    with pytest.raises(InvalidModelId):
        provider.model_file("../tiny")


def test_other_providers_have_none() -> None:
    assert ProviderBase("p").model_file("m") is None
