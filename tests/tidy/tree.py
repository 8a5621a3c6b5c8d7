"""A folder with bursar's layout, as the rules see it: files, modules and their imports."""

import ast
import os
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

#: Folders that ship, as `bursar` and `bursar.<room>`.
ROOMS = ("adapters", "domain", "eventstore", "projections")
PRODUCT = ("bursar", *ROOMS)

_TEXT_SUFFIXES = {
    "",
    ".css",
    ".html",
    ".js",
    ".json",
    ".md",
    ".py",
    ".sh",
    ".sql",
    ".svg",
    ".toml",
    ".txt",
    ".yml",
}
_HIDDEN_BUT_OURS = {".ci", ".gitignore"}
_GENERATED = {"__pycache__", "build", "dist", "bursar-demo"}


@dataclass(frozen=True)
class Import:
    """One imported name, resolved: `from ..errors import QueueFull` is `bursar.domain.errors.QueueFull`."""

    line: int
    name: str
    relative: bool

    def is_within(self, package: str) -> bool:
        """Whether it is that package or module, or something inside it."""
        return self.name == package or self.name.startswith(f"{package}.")


@dataclass(frozen=True)
class Source:
    """A Python file; `path` is relative to the root."""

    path: str
    text: str

    @property
    def room(self) -> str:
        """The folder at the top."""
        return self.path.partition("/")[0]

    @property
    def is_package(self) -> bool:
        """Whether it is the `__init__` of a folder."""
        return self.path.endswith("/__init__.py")

    @property
    def module(self) -> str:
        """Its name when imported."""
        dotted = self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        return f"bursar.{dotted}" if self.room in ROOMS else dotted

    @cached_property
    def syntax(self) -> ast.Module:
        """The parsed file."""
        return ast.parse(self.text, self.path)

    @cached_property
    def imports(self) -> tuple[Import, ...]:
        """Every name it imports, wherever in the file."""
        return tuple(self._imports())

    def at(self, line: int, what: str) -> str:
        """A finding, in the form that editors can jump to."""
        return f"{self.path}:{line}: {what}"

    def _imports(self) -> Iterator[Import]:
        for node in ast.walk(self.syntax):
            if isinstance(node, ast.Import):
                yield from (Import(node.lineno, alias.name, relative=False) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                base = self._base(node)
                for alias in node.names:
                    name = base if alias.name == "*" else f"{base}.{alias.name}"
                    yield Import(node.lineno, name, relative=node.level > 0)

    def _base(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        package = self.module.split(".")
        up = node.level - self.is_package
        return ".".join([*package[: len(package) - up], *([node.module] if node.module else [])])


@dataclass(frozen=True)
class Tree:
    """The folder."""

    root: Path

    @cached_property
    def files(self) -> tuple[str, ...]:
        """Every file that is ours, links and generated files left out, by its path from the root."""
        return tuple(sorted(self._files()))

    @cached_property
    def sources(self) -> tuple[Source, ...]:
        """Every Python file."""
        paths = (path for path in self.files if path.endswith(".py") or path == "dev")
        return tuple(Source(path, self.read(path)) for path in paths)

    @cached_property
    def product(self) -> tuple[Source, ...]:
        """The Python files that ship."""
        return tuple(source for source in self.sources if source.room in PRODUCT)

    @cached_property
    def domain(self) -> tuple[Source, ...]:
        """The Python files of the rules."""
        return tuple(source for source in self.sources if source.room == "domain")

    @cached_property
    def texts(self) -> dict[str, str]:
        """Every text file, by its path."""
        return {path: self.read(path) for path in self.files if Path(path).suffix in _TEXT_SUFFIXES}

    @cached_property
    def setuptools(self) -> dict[str, Any]:
        """What pyproject.toml tells setuptools."""
        table: dict[str, Any] = tomllib.loads(self.read("pyproject.toml"))["tool"]["setuptools"]
        return table

    def read(self, path: str) -> str:
        """The text of a file."""
        return (self.root / path).read_text(encoding="utf-8")

    def _files(self) -> Iterator[str]:
        for folder, folders, names in os.walk(self.root):
            folders[:] = [name for name in folders if _is_ours(name)]
            for name in names:
                path = Path(folder, name)
                if _is_ours(name) and not path.is_symlink():
                    yield path.relative_to(self.root).as_posix()


#: Reports each place where the tree breaks it.
Rule = Callable[[Tree], Iterator[str]]


def _is_ours(name: str) -> bool:
    if name.startswith("."):
        return name in _HIDDEN_BUT_OURS
    return name not in _GENERATED and not name.endswith(".egg-info")
