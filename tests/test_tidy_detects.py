"""Each rule of `tests/tidy` finds what it is there to find: a violation planted in a small tidy tree."""

from pathlib import Path

import pytest

from .tidy import RULES
from .tidy.tree import PRODUCT, ROOMS, Tree

PYPROJECT = """\
[tool.setuptools]
packages = ["bursar", "bursar.adapters", "bursar.domain", "bursar.eventstore", "bursar.projections"]
package-dir = { "bursar" = "bursar", "bursar.adapters" = "adapters", "bursar.domain" = "domain", \
"bursar.eventstore" = "eventstore", "bursar.projections" = "projections" }
package-data = { "bursar" = ["py.typed"], "bursar.eventstore" = ["*.sql"] }
"""

TIDY = {
    "pyproject.toml": PYPROJECT,
    "README.md": "Read me.\n" * 100,
    "bursar/manager.py": "from .domain.errors import QueueFull\nfrom .adapters.cli import main\n",
    "bursar/py.typed": "",
    "domain/README.md": "The rules.\n",
    "domain/errors.py": "class QueueFull(Exception): ...\n",
    "domain/events.py": "from .errors import QueueFull\n",
    "eventstore/journal.py": "import sqlite3\nfrom ..domain.events import QueueFull\nfrom . import rows\n",
    "eventstore/rows.py": "from ..domain import errors\n",
    "eventstore/schema.sql": "CREATE TABLE events (position INTEGER);\n",
    "projections/costs.py": "from ..domain import events\nfrom ..eventstore.journal import rows\n",
    "adapters/cli.py": "from ..projections.costs import rows\ndef main(): ...\n",
    "tests/test_costs.py": "from bursar.projections import costs\n",
    **{f"{room}/__init__.py": '"""A room."""\n' for room in PRODUCT},
}

#: Rule, file and text to plant, and where the rule must find it.
PLANTED = [
    ("rooms_import_inwards", "domain/a.py", "\nfrom ..eventstore import journal\n", "domain/a.py:2"),
    ("rooms_import_inwards", "domain/a.py", "from .. import manager\n", "domain/a.py:1"),
    ("rooms_import_inwards", "eventstore/a.py", "from ..domain.kernel import decide\n", "eventstore/a.py:1"),
    ("rooms_import_inwards", "eventstore/a.py", "from .. import domain\n", "eventstore/a.py:1"),
    (
        "rooms_import_inwards",
        "eventstore/a.py",
        "def f():\n    from ..domain import state\n",
        "eventstore/a.py:2",
    ),
    ("rooms_import_inwards", "projections/a.py", "from ..adapters import cli\n", "projections/a.py:1"),
    ("rooms_import_inwards", "adapters/a.py", "from ..manager import main\n", "adapters/a.py:1"),
    ("rooms_import_inwards", "adapters/a.py", "from .cli import main\n", "adapters/a.py:1"),
    (
        "rooms_import_inwards",
        "adapters/b/__init__.py",
        "from ..cli import main\n",
        "adapters/b/__init__.py:1",
    ),
    ("rooms_import_inwards", "adapters/__init__.py", "from .cli import main\n", "adapters/__init__.py:1"),
    ("rooms_are_never_imported_bare", "tests/a.py", "import domain.errors\n", "tests/a.py:1"),
    (
        "rooms_are_never_imported_bare",
        "benchmarks/a.py",
        "from eventstore import journal\n",
        "benchmarks/a.py:1",
    ),
    ("rooms_are_never_imported_bare", "bursar/a.py", "from domain import errors\n", "bursar/a.py:1"),
    ("the_product_imports_itself_relatively", "adapters/a.py", "import bursar.domain\n", "adapters/a.py:1"),
    ("the_product_imports_itself_relatively", "bursar/a.py", "from bursar import manager\n", "bursar/a.py:1"),
    ("imports_go_in_no_circle", "domain/errors.py", "from .events import QueueFull\n", "domain/errors.py"),
    ("imports_go_in_no_circle", "domain/errors.py", "from ..eventstore import rows\n", "domain/errors.py"),
    ("imports_go_in_no_circle", "eventstore/a.py", "from ..projections import costs\n", "eventstore"),
    ("every_folder_of_code_is_a_package", "domain/models/values.py", "", "domain/models"),
    ("every_folder_of_code_is_a_package", "adapters/a/b/__init__.py", "", "adapters/a"),
    ("every_package_is_listed", "domain/models/__init__.py", "", "pyproject.toml"),
    (
        "every_package_is_listed",
        "pyproject.toml",
        PYPROJECT.replace('"bursar.domain", ', ""),
        "pyproject.toml",
    ),
    (
        "every_package_is_listed",
        "pyproject.toml",
        PYPROJECT.replace('["bursar"', '["bursar", "bursar.a"'),
        "",
    ),
    ("every_package_is_listed", "pyproject.toml", PYPROJECT.replace('"domain"', '"src"'), "pyproject.toml"),
    ("every_data_file_ships", "projections/queries.sql", "", "projections/queries.sql"),
    ("every_data_file_ships", "adapters/pages/index.html", "", "adapters/pages/index.html"),
    ("the_readme_is_80_to_150_lines", "README.md", "Read me.\n" * 79, "README.md"),
    ("the_readme_is_80_to_150_lines", "README.md", "Read me.\n" * 151, "README.md"),
    ("files_and_functions_are_short", "tests/a.py", "x = 1\n" * 401, "tests/a.py:1"),
    ("files_and_functions_are_short", "domain/a.py", "\ndef f():\n" + "    x = 1\n" * 70, "domain/a.py:2"),
    ("nothing_is_left_for_later", "domain/a.py", "# todo: later\n".upper(), "domain/a.py:1"),
    ("nothing_is_left_for_later", "docs/a.md", "\nfixme\n".upper(), "docs/a.md:2"),
    ("silenced_checks_say_why", "domain/a.py", "x = 1  # type: ignore[misc]\n", "domain/a.py:1"),
    (
        "silenced_checks_say_why",
        "domain/a.py",
        "x = 1  # type: ignore  # for no good reason\n",
        "domain/a.py:1",
    ),
    ("silenced_checks_say_why", "tests/a.py", "x = 1  # noqa: S101\n", "tests/a.py:1"),
    ("silenced_checks_say_why", "tests/a.py", "x = 1  # noqa - for no good reason\n", "tests/a.py:1"),
    ("silenced_checks_say_why", "tests/a.py", "x = 1  # noqa: S101  # pragma: no cover\n", "tests/a.py:1"),
    ("silenced_checks_say_why", "tests/a.py", "x = 1  # pyright: ignore[reportAny] why\n", "tests/a.py:1"),
    ("silenced_checks_say_why", "tests/a.py", "# pyright: basic\n", "tests/a.py:1"),
    ("silenced_checks_say_why", "tests/a.py", "\n# ruff: noqa: S101\n", "tests/a.py:2"),
    ("silenced_checks_say_why", "tests/a.py", "# For no good reason.\n# ruff: noqa\n", "tests/a.py:2"),
    ("no_path_of_one_machine", "docs/a.md", "\nSee " + "/home" + "/ada/models\n", "docs/a.md:2"),
    ("no_path_of_one_machine", "domain/a.py", "x = '" + "/root" + "/models'\n", "domain/a.py:1"),
    (
        "tests_are_functions",
        "tests/test_a.py",
        "\nclass TestA:\n    def test_b(self): ...\n",
        "tests/test_a.py:2",
    ),
]

#: What the domain may not say, each planted as a file of its own.
IMPURE = {
    "the_domain_imports_nothing_impure": [
        "import time",
        "from datetime import UTC",
        "import os.path",
        "from math import sqrt",
        "import math",
        "from pydantic import PositiveFloat",
        "def f():\n    import random",
    ],
    "what_decides_imports_no_measures": [
        "from .selection import ranking",
        "from .counting.measures.linear import estimate",
    ],
    "the_domain_calls_nothing_impure": [
        "x = hash('a')",
        "x = sorted([], key=id)",
        "print(1)",
        "x = open('a').read()",
    ],
    "the_domain_knows_no_floats": [
        "x = 0.5",
        "x = 1e9",
        "x: float | None = None",
        "def f(x: list[float]): ...",
        "def f() -> float: ...",
        "x = 1 / 2",
        "x /= 2",
        "x = float(3)",
    ],
    "the_domain_iterates_no_sets": [
        "for x in {1, 2}: ...",
        "for x in set('ab') | {'c'}: ...",
        "x = [y for y in frozenset('ab')]",
        "x = {y: 1 for y in {1, 2}}",
        "x = list(set('ab'))",
        "x = tuple({y for y in 'ab'})",
        "x = max({1, 2}, key=str)",
        "x = next(iter({1, 2}))",
        "x = ','.join({'a', 'b'})",
        "x = dict.fromkeys({'a', 'b'})",
        "x = [*{1, 2}]",
        "x, y = {1, 2}",
        "x = f'{ {1, 2} }'",
        "x = sorted(list({1, 2}))",
        "x = {}\nfor y in x.keys() & {1}: ...",
        "x = {}\nfor y in x.keys() - x.items(): ...",
        "x = {1, 2}\ndef f():\n    for y in x: ...",
        "def f():\n    x = {1, 2}\n    y = x - {1}\n    return y.pop()",
        "def f(x: frozenset[int] | None):\n    yield from x",
        "class A:\n    x: set[int]\ndef f(a):\n    return min(a.x)",
        "def f() -> set[int]: ...\nx = [y for y in f()]",
        "x = tuple(y for y in {1, 2})",
    ],
}

#: What no rule may take for a violation.
FINE = {
    "domain/a.py": """\
import math.isqrt
from collections.abc import Sequence
from pydantic import Field
x = sorted({1, 2}); y = 1 in {1, 2}; z = any(w for w in {1, 2}); v = {w for w in {1, 2}}; u = {*x, *v}
t = 7 // 2; s = len({1} & {2}); r = (w for w in [1]); q: set[int] = set()
for w in sorted(q | v): ...
def f(id: int, hash: Sequence[int]) -> int: ...
""",
    "domain/ports.py": """\
class ChatRequest:
    temperature: float | None = None

async def embed() -> tuple[float, ...]: ...
""",
    "adapters/a/__init__.py": "import time\nfrom .b import x\nfor y in {0.5}: ...\n",
    "adapters/a/b.py": "x = 1  # type: ignore[misc] - wrong stubs\ny = 1  # noqa: S101 - checked above\n",
    "tests/a.py": "# The library has no types.\n# pyright: basic\nx = 1  # noqa: S311, S101  # seeded here\n",
    "docs/a.md": "Put it in `~/models` or /home/you/models, or see https://example.org/home/ada/models.\n",
    "pyproject.toml": PYPROJECT.replace('"bursar.domain",', '"bursar.adapters.a", "bursar.domain",'),
}


@pytest.mark.parametrize(("rule", "path", "text", "where"), PLANTED)
def test_a_planted_violation_is_found(tmp_path: Path, rule: str, path: str, text: str, where: str) -> None:
    """By the rule that is there for it, at its place."""
    tree = grow(tmp_path, {path: text})
    assert any(finding.startswith(where) for finding in RULES[rule](tree))


@pytest.mark.parametrize(("rule", "text"), [(rule, text) for rule, texts in IMPURE.items() for text in texts])
def test_an_impurity_is_found_in_the_domain_only(tmp_path: Path, rule: str, text: str) -> None:
    """The same lines are nobody's business in an adapter."""
    assert list(RULES[rule](grow(tmp_path / "domain", {"domain/a.py": f"{text}\n"})))
    assert not list(RULES[rule](grow(tmp_path / "adapter", {"adapters/a.py": f"{text}\n"})))


@pytest.mark.parametrize("rule", RULES)
def test_a_tidy_tree_is_left_in_peace(tmp_path: Path, rule: str) -> None:
    """So a rule that finds everything would be found out."""
    assert not list(RULES[rule](grow(tmp_path / "small", {})))
    assert not list(RULES[rule](grow(tmp_path / "fine", FINE)))


def test_a_missing_and_a_misled_link_are_found(tmp_path: Path) -> None:
    """A copy in place of a link would be a second package."""
    tree = grow(tmp_path, {})
    domain, eventstore = tmp_path / "bursar/domain", tmp_path / "bursar/eventstore"
    domain.unlink()
    domain.mkdir()
    eventstore.unlink()
    eventstore.symlink_to("../projections")
    assert [finding.partition(":")[0] for finding in RULES["links_lead_to_the_rooms"](tree)] == [
        "bursar/domain",
        "bursar/eventstore",
    ]


def test_the_path_of_the_tree_itself_is_found(tmp_path: Path) -> None:
    """Wherever it is checked out."""
    tree = grow(tmp_path, {"docs/a.md": f"See {tmp_path.resolve()}/docs.\n"})
    assert list(RULES["no_path_of_one_machine"](tree))


def test_an_exception_that_is_not_used_is_found(tmp_path: Path) -> None:
    """Exceptions go when their reason goes."""
    tree = grow(tmp_path, {"domain/ports.py": "class ChatRequest: ...\n"})
    assert list(RULES["the_domain_knows_no_floats"](tree))


def test_generated_files_are_not_ours(tmp_path: Path) -> None:
    """What tools leave behind is nobody's fault."""
    tree = grow(tmp_path, {".venv/a.py": "import domain\n", "build/a.py": "import domain\n"})
    assert not list(RULES["rooms_are_never_imported_bare"](tree))


def grow(root: Path, changes: dict[str, str]) -> Tree:
    """A tidy tree with some files added or replaced."""
    for path, text in {**TIDY, **changes}.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    for room in ROOMS:
        (root / "bursar" / room).symlink_to(f"../{room}")
    return Tree(root)
