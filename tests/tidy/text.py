"""What can be seen by reading: lengths, leftovers, silenced checks, the README."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

from .tree import PRODUCT, Source, Tree

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70
README_LINES = range(80, 151)

# Written so that the pattern does not find itself.
_LEFTOVER = re.compile(r"\b(TO[D]O|FIX[M]E|XX[X])\b")
_SILENCER = re.compile(
    r"""\#\s*(?:
        type:\s*ignore (?P<type>\[[\w\-,\s]+\])?
      | pyright:\s*ignore (?P<pyright>\[[\w,\s]+\])?
      | noqa (?P<noqa>:\s*[A-Z]+\d+(?:,\s*[A-Z]+\d+)*)?
      | (?P<other>pragma:\s*no\s\w+)
      | (?P<file>ruff:\s*noqa:\s*[A-Z]+\d+(?:,\s*[A-Z]+\d+)* | (?:pyright|mypy):\s*\S+(?:,\s*\w+\s*=\s*\w+)*)
      | ruff:\s*noqa
    )""",
    re.VERBOSE,
)
# `me` and `you` are examples.
_HOME = re.compile(r"(?<![\w.:/~-])/(?:home|Users)/(?!(?:me|you)/)\w[\w.-]*/|(?<![\w.:/~-])/(?:root|work)/\w")


def files_and_functions_are_short(tree: Tree) -> Iterator[str]:
    """A file has one subject, and a function of the product fits a screen."""
    for source in tree.sources:
        lines = source.text.count("\n")
        if lines > FILE_LINES_MAX:
            yield source.at(1, f"has {lines} lines, at most {FILE_LINES_MAX} are good")
        if source.room not in (*PRODUCT, "dev"):
            continue
        for node in ast.walk(source.syntax):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > FUNCTION_LINES_MAX:
                    yield source.at(
                        node.lineno, f"{node.name} has {lines} lines, {FUNCTION_LINES_MAX} are the most"
                    )


def nothing_is_left_for_later(tree: Tree) -> Iterator[str]:
    """What is not done yet is an issue, not a comment."""
    yield from _matches(tree, _LEFTOVER, "is left for later")


def silenced_checks_say_why(tree: Tree) -> Iterator[str]:
    """Behind the silenced rule stands a reason; for a whole file, in the comment above."""
    for source in tree.sources:
        above = ""
        for line, comment in _comments(source):
            silenced = _SILENCER.search(comment)
            if silenced and not _says_why(silenced, comment, above):
                yield source.at(line, f"{comment}: names no rule, or gives no reason")
            above = comment


def no_path_of_one_machine(tree: Tree) -> Iterator[str]:
    """Nothing here knows where it lies, or on whose machine."""
    yield from _matches(tree, _HOME, "is a path of one machine")
    yield from _matches(tree, re.compile(re.escape(f"{tree.root.resolve()}/")), "is a path of this machine")


def the_readme_is_80_to_150_lines(tree: Tree) -> Iterator[str]:
    """Long enough to show it, short enough to be read."""
    readme = tree.root / "README.md"
    if not readme.exists():
        yield "README.md: is missing"
        return
    lines = tree.read("README.md").count("\n")
    if lines not in README_LINES:
        yield f"README.md: has {lines} lines, 80 to 150 are good"


def tests_are_functions(tree: Tree) -> Iterator[str]:
    """pytest collects no classes by their name here, so tests in one would never run."""
    for source in tree.sources:
        if source.room == "tests" and Path(source.path).name.startswith("test_"):
            for node in source.syntax.body:
                if isinstance(node, ast.ClassDef) and any(map(_is_test, node.body)):
                    yield source.at(node.lineno, f"the tests in {node.name} do not run; make them functions")


def _matches(tree: Tree, pattern: re.Pattern[str], what: str) -> Iterator[str]:
    for path, text in tree.texts.items():
        for line, content in enumerate(text.splitlines(), 1):
            found = pattern.search(content)
            if found:
                yield f"{path}:{line}: {found.group()} {what}"


def _comments(source: Source) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(source.text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def _says_why(silenced: re.Match[str], comment: str, above: str) -> bool:
    """Two words are the least that can be a reason."""
    named = any(silenced.groupdict().values())
    reason = _SILENCER.sub("", above if silenced["file"] else comment)
    return named and len(re.findall(r"[^\W\d_]{2,}", reason)) >= 2


def _is_test(node: ast.stmt) -> bool:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
