"""What counting comes to."""

from typing import NamedTuple


class Counted(NamedTuple):
    """How many tokens something has."""

    tokens: int
    #: How that is known: `provider`, `gguf`, `tiktoken` or `estimate`.
    by: str
    #: The tokens are more by at most this in 19 cases of 20.
    error_per_mille: int


class Provenance(NamedTuple):
    """How the tokens of a model are counted now."""

    by: str
    #: Of a paragraph of English.
    error_per_mille: int
    #: Counts of its provider's that are remembered.
    reports: int
