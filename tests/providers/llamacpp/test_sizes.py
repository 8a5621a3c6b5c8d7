"""What a model is expected to take."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bursar.adapters.providers.llama.metadata import read_metadata
from bursar.adapters.providers.llamacpp.reading import About, read_entry, read_props
from bursar.adapters.providers.llamacpp.sizes import Known, Placing, describe, residency
from bursar.domain.models.values import Description
from bursar.testing.gguf import write_model

HERE, THERE = "http://127.0.0.1:8080", "http://llama.example:8080"
#: As Llama 2 7B is: every head has keys and values of its own.
ABOUT = About(
    size=13_476_839_424, params=6_738_415_616, vocabulary=32_000, embedding=4096, trained_context=4096
)
KNOWN = Known("m", "/models/m.gguf", window=2048, slots=2, about=ABOUT, engine="llama.cpp b10900")


def _described(known: Known, url: str = THERE, device: str = "ram") -> Description:
    return asyncio.run(describe(known, Placing(url, device, 512)))


def test_weights_are_as_reported_and_keys_and_values_are_bounded_by_the_parameters() -> None:
    described = _described(KNOWN, device="gpu0")
    assert (described.weights_bytes, described.device) == (ABOUT.size, "gpu0")
    # 32 layers of keys and values with 4096 elements of two bytes each, to within a hundredth.
    assert abs(described.kv_bytes_per_token - 32 * 2 * 4096 * 2) * 100 < 32 * 2 * 4096 * 2
    assert (described.context_tokens, described.slots) == (4096, 2)
    assert "at most" in described.provenance


def test_four_slots_with_the_whole_window_each_have_it_together() -> None:
    together = _described(replace(KNOWN, slots=4, window=4096))
    assert together.context_tokens == 4 * 4096
    alone = _described(replace(KNOWN, slots=1, window=4096))
    assert abs(together.estimate_bytes - alone.estimate_bytes) < 1 << 20


def test_a_file_on_this_machine_is_read_and_one_on_another_is_not(tmp_path: Path) -> None:
    path = write_model(tmp_path / "tiny.gguf")
    header = read_metadata(path)
    known = replace(KNOWN, path=str(path), about=None)
    described = _described(known, HERE)
    assert described.provenance == "gguf header"
    assert (described.digest, described.kv_bytes_per_token) == (header.digest, header.kv_bytes_per_token)
    assert _described(known, "http://localhost:8080").provenance == "gguf header"
    assert _described(known, THERE).provenance == "unknown until it was loaded once"


def test_another_file_of_the_same_name_is_not_taken_for_the_servers(tmp_path: Path) -> None:
    path = write_model(tmp_path / "tiny.gguf")
    described = _described(replace(KNOWN, path=str(path)), HERE)
    assert described.weights_bytes == ABOUT.size


def test_a_model_of_which_nothing_is_known_has_no_size_and_says_so() -> None:
    described = _described(Known("m", "", 0, 4, None, "llama.cpp b10900"))
    assert (described.weights_bytes, described.kv_bytes_per_token) == (0, 0)
    assert described.context_tokens == 4 * 512
    assert described.provenance == "unknown until it was loaded once"


def test_a_digest_is_the_same_before_and_after_a_load() -> None:
    assert _described(KNOWN).digest == _described(replace(KNOWN, about=None, window=0)).digest
    assert _described(KNOWN).digest != _described(replace(KNOWN, path="/models/other.gguf")).digest


def test_what_is_asleep_takes_nothing_and_what_is_awake_is_not_measured() -> None:
    described = _described(KNOWN)
    assert residency(described).memory == {}
    assert residency(described, asleep=True).memory == {"ram": 0}


def test_flags_are_read_long_and_short_and_the_rest_is_left() -> None:
    entry = read_entry(
        {
            "id": "m",
            "status": {"value": "unloaded", "args": ["x", "-c", "512", "--parallel", "3", "-ctk", "q8_0", 7]},
        }
    )
    assert entry.flags == {"ctx-size": "512", "parallel": "3", "cache-type-k": "q8_0"}
    assert not entry.running


def test_props_of_something_else_are_none() -> None:
    assert read_props({"version": "1"}) is None
    props = read_props({"role": "router", "build_info": "b10312-abc"})
    assert props is not None and props.kills_busy
    other = read_props({"role": "router", "build_info": "0.4.0-dev (build 10867)"})
    assert other is not None and not other.kills_busy


_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_FIELDS = (
    *("id", "status", "value", "args", "failed", "exit_code", "meta", "size", "n_embd", "n_params", "role"),
    *("default_generation_settings", "n_ctx", "total_slots", "is_sleeping", "build_info", "model_path"),
)
_OBJECTS = st.dictionaries(
    st.sampled_from(_FIELDS),
    _JSON | st.dictionaries(st.sampled_from(_FIELDS), _JSON, max_size=4),
    max_size=6,
)


@given(_OBJECTS)
def test_whatever_is_answered_is_read_as_something_or_nothing(answer: dict[str, Any]) -> None:
    entry = read_entry(answer)
    assert not (entry.in_memory and entry.status == "loading")
    props = read_props(answer)
    assert props is None or (props.slots >= 1 and props.window >= 0)
    known = Known(entry.id, "", 0, 1, entry.about, "llama.cpp")
    described = _described(known)
    assert described.estimate_bytes >= 0 and described.digest
