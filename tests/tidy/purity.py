"""The domain is a function of its facts: no clock, no chance, no I/O, and integers only."""

import ast
from collections.abc import Iterator

from .tree import Source, Tree

#: All that the domain may import beside itself. Of `math`, what stays among the integers.
PURE = frozenset(
    {
        "__future__",
        "abc",
        "annotated_types",
        "bisect",
        "collections",
        "copy",
        "dataclasses",
        "enum",
        "fractions",
        "functools",
        "heapq",
        "itertools",
        "json",
        "math.comb",
        "math.gcd",
        "math.isqrt",
        "math.lcm",
        "math.prod",
        "operator",
        "pydantic",
        "re",
        "string",
        "textwrap",
        "transitions",
        "types",
        "typing",
        "typing_extensions",
    }
)

#: Builtins that depend on the run (addresses, hash seeds), do I/O, or reach what `PURE` keeps out.
IMPURE = frozenset(
    {
        "__import__",
        "breakpoint",
        "eval",
        "exec",
        "globals",
        "hash",
        "id",
        "input",
        "open",
        "print",
    }
)

#: Folders that measure texts, in floats: what they find enters in facts, as integers, and nothing that
#: decides may import them.
MEASURING = ("domain/selection/", "domain/counting/measures/")
_MEASURES = ("bursar.domain.selection", "bursar.domain.counting.measures")
#: What they may import besides.
_FLOATING = frozenset({"array", "math", "unicodedata"})

#: (file, name of the field, or of the method that returns it) to the reason why it may be a float.
FLOATS = {
    ("domain/ports.py", "temperature"): "handed through to the provider; in no state and in no event",
    ("domain/ports.py", "embed"): "vectors go to whoever asked; in no state and in no event",
}


def the_domain_imports_nothing_impure(tree: Tree) -> Iterator[str]:
    """Time, ids, readings and chance enter in facts only."""
    for source in tree.domain:
        allowed = PURE | _FLOATING if source.path.startswith(MEASURING) else PURE
        for imported in source.imports:
            pure = imported.is_within("bursar") or any(map(imported.is_within, allowed))
            if not pure or "float" in imported.name.lower():
                yield source.at(imported.line, f"the domain may not import {imported.name}")


def what_decides_imports_no_measures(tree: Tree) -> Iterator[str]:
    """Floats may differ from machine to machine: a decision taken from them could not be taken again."""
    for source in tree.domain:
        if source.path.startswith(MEASURING):
            continue
        for imported in source.imports:
            if any(map(imported.is_within, _MEASURES)):
                yield source.at(imported.line, f"what decides may not import {imported.name}")


def the_domain_calls_nothing_impure(tree: Tree) -> Iterator[str]:
    """Mentioning is enough: `sorted(models, key=id)` calls it, too."""
    for source in tree.domain:
        for node in ast.walk(source.syntax):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in IMPURE:
                yield source.at(node.lineno, f"the domain may not use {node.id}()")


def the_domain_knows_no_floats(tree: Tree) -> Iterator[str]:
    """Floats differ from machine to machine in the last bit, and integers do not."""
    used: set[tuple[str, str]] = set()
    for source in tree.domain:
        if source.path.startswith(MEASURING):
            continue
        allowed = dict(_allowed_floats(source))
        used.update((source.path, field) for field in allowed.values())
        for node in ast.walk(source.syntax):
            what = _float(node)
            if what and node not in allowed:
                yield source.at(getattr(node, "lineno", 0), f"the domain counts in integers: {what}")
    for path, field in FLOATS:
        if (tree.root / path).exists() and (path, field) not in used:
            yield f"{path}: has no float {field}; strike it from the exceptions"


def _allowed_floats(source: Source) -> Iterator[tuple[ast.AST, str]]:
    """Each mention of a float in the annotation of a field that may be one, with the field."""
    for field in ast.walk(source.syntax):
        match field:
            case ast.AnnAssign(target=ast.Name(id=name)) if (source.path, name) in FLOATS:
                yield from ((node, name) for node in ast.walk(field.annotation) if _float(node))
            case ast.AsyncFunctionDef(name=name, returns=ast.expr() as returned) if (
                source.path,
                name,
            ) in FLOATS:
                yield from ((node, name) for node in ast.walk(returned) if _float(node))
            case _:
                pass


def _float(node: ast.AST) -> str:
    match node:
        case ast.Constant(value=float() | complex()):
            return f"{node.value!r} is none"
        case ast.Name(id="float" | "complex", ctx=ast.Load()):
            return f"{node.id} is none"
        case ast.BinOp(op=ast.Div()) | ast.AugAssign(op=ast.Div()):
            return "divide with //"
        case _:
            return ""
