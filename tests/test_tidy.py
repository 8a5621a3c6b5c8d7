"""The tree has the shape that the rules of `tests/tidy` ask for."""

from pathlib import Path

import pytest

from .tidy import RULES
from .tidy.tree import Tree

TREE = Tree(Path(__file__).resolve().parents[1])


@pytest.mark.parametrize("rule", RULES)
def test_the_tree_is_tidy(rule: str) -> None:
    """Each line of a failure is a place to mend."""
    findings = list(RULES[rule](TREE))
    if findings:
        pytest.fail("\n".join([str(RULES[rule].__doc__), *findings]), pytrace=False)
