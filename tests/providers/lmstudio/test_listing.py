"""Both lists, with what they may leave out."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bursar.adapters.providers.lmstudio.listing import Listed, Loaded, read_v0, read_v1


def v1(**fields: object) -> Listed:
    return read_v1([{"key": "k", "size_bytes": 5, "max_context_length": 100, **fields}]).get("k")


def v0(**fields: object) -> Listed:
    return read_v0([{"id": "k", "quantization": "Q4_0", "max_context_length": 100, **fields}]).get("k")


def test_v1_may_leave_out_the_quantization_the_format_and_what_a_load_was_told() -> None:
    bare = v1(type="llm", quantization=None, format=None, params_string=None, loaded_instances=[])
    assert bare == Listed("k", "lmstudio:k@/5", 5, 100, embeds=False, loaded=())
    loaded = v1(loaded_instances=[{"id": "k"}, {"id": "k:2", "config": {"context_length": 9, "parallel": 4}}])
    assert loaded.loaded == (Loaded("k", 0, 1), Loaded("k:2", 9, 4))


def test_v1_has_one_key_for_several_variants_and_the_one_selected_is_another_model() -> None:
    variants = ["k@q4_k_m", "k@mlx-8bit"]
    chosen = [v1(variants=variants, selected_variant=variant).digest for variant in variants]
    assert chosen == ["lmstudio:k@q4_k_m/5", "lmstudio:k@mlx-8bit/5"]
    # As long as none is, its quantization says which it is.
    assert v1(quantization={"name": "Q4_K_M", "bits_per_weight": 4}).digest == "lmstudio:k@q4_k_m/5"


def test_v0_has_other_names_for_the_same_and_may_leave_out_the_window_of_what_is_loaded() -> None:
    assert v0(type="vlm", state="not-loaded") == Listed("k", "lmstudio:k@q4_0", 0, 100, False, ())
    assert v0(type="embeddings").embeds and not v0(type="llm").embeds
    assert v1(type="embedding").embeds and not v1(type="llm").embeds
    assert v0(state="loaded").loaded == (Loaded("k", 0, 1),)
    assert v0(state="loaded", loaded_context_length=7).loaded == (Loaded("k", 7, 1),)


def test_models_are_in_the_order_of_their_keys_and_what_has_none_is_left_out() -> None:
    assert list(read_v1([{"key": "b"}, {"key": "a"}, {}, {"key": 3}, "c"]).models) == ["a", "b"]
    assert list(read_v0([{"id": "b"}, {"id": "a"}, {"id": ""}, None]).models) == ["a", "b"]


_FIELDS = (
    *("key", "id", "size_bytes", "quantization", "name", "selected_variant", "max_context_length", "type"),
    *("loaded_instances", "config", "context_length", "parallel", "state", "loaded_context_length"),
)
_ODD: list[Any] = [None, True, -1, 0, 7, 1 << 60, 1.5, float("nan"), "", "k", [], {}, ["k"], [{}]]
_OBJECTS = st.dictionaries(st.sampled_from(_FIELDS), st.sampled_from(_ODD), max_size=6)
_ENTRIES = st.dictionaries(
    st.sampled_from(_FIELDS), st.sampled_from(_ODD) | _OBJECTS | st.lists(_OBJECTS, max_size=2), max_size=8
)


@given(st.lists(_ENTRIES | st.sampled_from(_ODD), max_size=3))
def test_whatever_is_listed_is_read_as_something_or_nothing(listed: list[object]) -> None:
    for listing in (read_v1(listed), read_v0(listed)):
        for key, model in listing.models.items():
            assert key and model.key == key and model.size_bytes >= 0 and model.context_tokens_max >= 0
            assert all(one.id and one.slots >= 1 and one.context_tokens >= 0 for one in model.loaded)
