"""The estimate is low, cheap, and low enough that a whole prompt is never taken for one that was cut."""

import asyncio
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bursar.adapters.providers.wire.truncation import (
    _PIECE,  # pyright: ignore[reportPrivateUsage] # what one go over the whole text finds
    aside,
    cut,
    estimate_tokens,
    far_below,
)
from bursar.domain.ports import Message, ToolCall

#: A text, and its tokens in the vocabulary of Llama 3.2 (tokenizers 0.23, without special tokens).
MEASURED = [
    ("Hello world, how are you doing today?", 9),
    ("hello " * 1000, 1001),
    ("1234567890 " * 500, 2500),
    ("-" * 3000, 48),
    ("| --- | --- | :---: |\n" * 200, 1800),
    ("QmFzZTY0IGlzIGEgZ3JvdXAgb2YgYmluYXJ5LXRvLXRleHQ=" * 50, 1850),
    ("https://www.example.com/responsibilities/internationalization/index.html " * 100, 1301),
    ("吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。" * 20, 540),
    ("中华人民共和国国家主席今天在北京人民大会堂会见了来自世界各地的代表。" * 20, 420),
    ("모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다." * 20, 480),
    ("มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกันในเกียรติศักดิ์และสิทธิ" * 20, 560),
]


def _of(text: str) -> list[Message]:
    return [Message("user", text)]


@pytest.mark.parametrize(("text", "tokens"), MEASURED)
def test_the_estimate_is_never_more_than_was_measured(text: str, tokens: int) -> None:
    assert estimate_tokens(_of(text)) <= tokens
    assert cut(_of(text), tokens, 256) is None


@given(st.lists(st.text(max_size=200), max_size=4))
def test_a_prompt_has_at_least_nothing_and_at_most_its_characters(texts: list[str]) -> None:
    messages = [Message("user", text) for text in texts]
    tokens = estimate_tokens(messages)
    assert 0 <= tokens <= sum(map(len, texts))
    assert tokens == sum(estimate_tokens([message]) for message in messages)


@given(st.text("ab1, \u4e00_-(", min_size=1, max_size=40), st.integers(1, 3))
def test_what_is_looked_at_in_slices_is_no_more_than_the_whole(part: str, slices: int) -> None:
    text = part * (slices * (1 << 13) // len(part) + 1)
    tokens = estimate_tokens(_of(text))
    whole = len(_PIECE.findall(text))
    assert whole - slices <= tokens <= whole


def test_a_long_prompt_is_judged_while_others_have_their_turn() -> None:
    here: list[bool] = []

    async def work() -> None:
        loop_thread = threading.get_ident()

        def judge() -> int:
            here.append(threading.get_ident() == loop_thread)
            return 7

        assert await aside(judge, _of("short")) == 7
        assert await aside(judge, _of("long " * 200_000)) == 7

    asyncio.run(work())
    assert here == [True, False]


def test_half_of_an_ordinary_text_is_seen_to_be_missing() -> None:
    text = "All happy families are alike; each unhappy family is unhappy in its own way. " * 400
    whole = 6401  # measured as above
    truncation = cut(_of(text), 2050, 4096)
    assert truncation is not None
    assert (truncation.prompt_tokens, truncation.context_tokens) == (2050, 4096)
    assert truncation.signature == "far_below_estimate"
    assert whole * 6 // 10 <= truncation.expected_tokens <= whole


def test_calls_of_tools_count_as_texts_do() -> None:
    arguments = '{"path": "All happy families are alike"}' * 400
    called = Message("assistant", "", tool_calls=(ToolCall("a", "write", arguments),))
    assert estimate_tokens([called]) == estimate_tokens(_of("write")) + estimate_tokens(_of(arguments))
    assert cut([called], 2050, 4096) is not None
    assert cut([called], 1, len(arguments) + 5) is None


def test_all_of_a_text_and_what_the_template_adds_is_no_cut() -> None:
    assert cut(_of("All happy families are alike. " * 400), 2401 + 30, 1024) is None


def test_a_text_that_fits_by_its_bytes_alone_is_not_judged() -> None:
    """A provider that counts only what it has not cached is wrong about a short text, and nothing is cut."""
    assert cut(_of("All happy families are alike. " * 100), 1, 4096) is None
    assert cut(_of("All happy families are alike. " * 100), 1, 2048) is not None


@pytest.mark.parametrize(
    ("expected", "reported", "far"),
    [
        (100, 100, False),
        (100, 120, False),
        (1000, 880, False),
        (1000, 870, True),
        (30, 0, False),
        (40, 0, True),
    ],
)
def test_far_below_is_more_than_an_eighth_and_more_than_a_few(
    expected: int, reported: int, far: bool
) -> None:
    assert far_below(expected, reported) is far
