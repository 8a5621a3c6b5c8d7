"""Counting with a vocabulary, against the embedded engine, which is what runs the models."""

import json
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bursar.adapters.vocabulary.reading import vocabulary_of
from bursar.adapters.vocabulary.splitting import SPLITTINGS
from bursar.adapters.vocabulary.vocabulary import Vocabulary

from .vocabularies import PIECES, sample, write_byte_pairs, write_scored

_PROGRAM = Path(__file__).with_name("engine_program.py")
#: A text is worked through in pieces of at most this many characters.
_MOST = 8192


class Served:
    """A model by its file, and by the engine that has loaded it."""

    def __init__(self, path: Path, url: str) -> None:
        self.vocabulary, self._url = vocabulary_of(path), url

    def count(self, text: str) -> int:
        """What the engine counts."""
        asked = Request(f"{self._url}/tokenize", json.dumps({"content": text}).encode())  # noqa: S310 - it is on loopback
        with urlopen(asked) as answer:  # noqa: S310 - it is on loopback
            return len(json.load(answer)["tokens"])


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Served]]:
    """A model for every splitting that is known, and those with scores."""
    folder = tmp_path_factory.mktemp("vocabularies")
    paths = {name: write_byte_pairs(folder / f"{name}.gguf", name) for name in SPLITTINGS}
    paths["scores"] = write_scored(folder / "scores.gguf")
    paths["scores over blanks"] = write_scored(folder / "over.gguf", over_blanks=True)
    engine = subprocess.Popen(
        [sys.executable, str(_PROGRAM), *map(str, paths.values())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    with engine:
        assert engine.stdout
        urls: list[str] = json.loads(engine.stdout.readline())
        yield {name: Served(path, url) for (name, path), url in zip(paths.items(), urls, strict=True)}
        assert engine.stdin
        engine.stdin.close()


#: One name of each splitting, and both kinds with scores.
_KINDS = (
    *{splitting: name for name, splitting in SPLITTINGS.items()}.values(),
    "scores",
    "scores over blanks",
)
#: What Unicode has assigned: tables of different years differ in the rest.
_assigned = st.characters(exclude_categories=("Cs", "Cn", "Co"))
_texts = st.lists(st.sampled_from(PIECES) | _assigned | st.sampled_from([" ", "\n", "  "]), max_size=60)


def test_the_engine_counts_the_same_for_every_name(served: dict[str, Served]) -> None:
    for model in served.values():
        for text in (sample(3, 400), "\u00abuser\u00bb and <|end|><|end|>.", " zebra", ""):
            assert model.vocabulary.count(text) == model.count(text)


@pytest.mark.parametrize("kind", _KINDS)
def test_the_engine_counts_the_same(kind: str, served: dict[str, Served]) -> None:
    model = served[kind]

    @given(_texts.map("".join))
    @settings(max_examples=25)
    def same(text: str) -> None:
        assert model.vocabulary.count(text) == model.count(text)

    same()
    text = Path(__file__).read_text()
    assert model.vocabulary.count(text) == model.count(text)


def test_splittings_differ_in_what_they_count(served: dict[str, Served]) -> None:
    text = sample(4, 600)
    some = (
        "default",
        "gpt-2",
        "starcoder",
        "falcon",
        "llama-bpe",
        "qwen2",
        "deepseek-v3",
        "tekken",
        "gpt-4o",
    )
    assert len({served[kind].vocabulary.count(text) for kind in some}) == len(some)
    assert all(unicodedata.category(mark) != "Cn" for mark in text)


@pytest.mark.parametrize("kind", ["gpt-4o", "deepseek-v3", "scores over blanks"])
@pytest.mark.parametrize(
    "text", ["a" * 90_000, " " * 90_000, ".\u4e2d" * 40_000, "<|" * 40_000, "ab cd " * 20_000]
)
def test_no_slice_of_a_long_text_is_long(kind: str, text: str, served: dict[str, Served]) -> None:
    work = [characters for characters, _ in served[kind].vocabulary.counting(text)]
    assert max(work) <= _MOST
    assert sum(work) >= len(text)


def test_a_cut_between_words_changes_no_count(served: dict[str, Served]) -> None:
    text = "The quick brown fox, 12345 of them; " * 2500
    for kind in ("gpt-4o", "llama-bpe", "default", "scores"):
        model = served[kind]
        assert model.vocabulary.count(text) == model.count(text)


def test_words_that_are_met_again_are_not_put_together_again() -> None:
    asked: list[str] = []

    def count(word: str) -> int:
        asked.append(word)
        return 1

    vocabulary = Vocabulary(lambda text: iter(text.split(" ")), count)
    assert vocabulary.count("to be or not to be") == 6
    assert asked == ["to", "be", "or", "not"]
