"""Texts that hypothesis makes: anything at all, and what looks like what we read and write ourselves."""

from hypothesis import strategies as st

from bursar.domain.contexts.values import Role
from bursar.domain.selection.values import Turn

#: Pieces that mean something to a tokenizer, to JSON, to a chat template, or in our own summaries.
PIECES = (
    *'"\\{}[]()<>|:;,.!?\n\t \x00\u202e\u200b\ud800\u2026\u8ba2\u5355',
    "[m1] ", "\nIdentifiers:\n", "The user said:", "Answers:", "- assistant: [m0] ", "<|im_start|>",
    "</s>", "[INST]", "<<SYS>>", "<tool_call>", "user: ", "HAT110", "gift_card_8887175", "2024-05-23", "JFK",
    "a@b.example", "https://x.example/a?b=1", "/etc/hosts", "1,234.50", "I moved to Lisbon in May 2023. ",
    "What is it?", '{"id": "A1", "ok": true}', "get_user({\"user_id\": \"mia_9\"})", "deadbeef", "word ",
)  # fmt: skip

texts = st.one_of(st.text(max_size=60), st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
roles: st.SearchStrategy[Role] = st.sampled_from(("user", "assistant", "tool", "system"))
turns = st.builds(Turn, roles, texts, st.one_of(st.just(""), texts))
