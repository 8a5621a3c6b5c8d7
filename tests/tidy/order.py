"""The order in which a set yields its members changes with the hash seed, so the domain never depends on it.

Sets are recognised where they are written (displays, comprehensions, `set(…)`, operators on them and on
views of dicts), and by name where the domain annotates a parameter, variable, field or result as one.
`sorted(…)`, `any`, `all`, `len`, `sum` and making another set do not depend on the order.
"""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from .tree import Source, Tree

_SET_TYPES = {"set", "frozenset", "Set", "AbstractSet", "MutableSet", "FrozenSet"}
_SET_METHODS = {"copy", "difference", "intersection", "symmetric_difference", "union"}
_SET_OPERATORS = (ast.BitAnd, ast.BitOr, ast.BitXor, ast.Sub)
_ORDER_FREE = {"all", "any", "frozenset", "len", "set", "sorted", "sum"}
#: Functions and methods whose result follows the order of what they are given.
_ORDERED = {
    *("accumulate", "batched", "chain", "combinations", "cycle", "deque", "dict", "enumerate", "extend"),
    *("filter", "filterfalse", "from_iterable", "fromkeys", "groupby", "islice", "iter", "join", "list"),
    *("map", "max", "merge", "min", "next", "pairwise", "permutations", "product", "reduce", "repr"),
    *("reversed", "starmap", "str", "tuple", "zip"),
}


def the_domain_iterates_no_sets(tree: Tree) -> Iterator[str]:
    """Sort first: `for name in sorted(names)`."""
    declared = _declared(tree)
    for source in tree.domain:
        lines = sorted({node.lineno for node in _ordered_uses(source, declared)})
        for line in lines:
            yield source.at(line, "depends on the order of a set; sort it first")


@dataclass(frozen=True)
class _Names:
    """Names that stand for sets: variables, fields and functions."""

    variables: frozenset[str]
    fields: frozenset[str]
    functions: frozenset[str]

    def is_set(self, node: ast.AST) -> bool:
        """Whether the expression is known to be a set."""
        match node:
            case ast.Set() | ast.SetComp():
                return True
            case ast.Name(id=name):
                return name in self.variables
            case ast.Attribute(attr=name):
                return name in self.fields
            case ast.Call(func=ast.Name(id=name)):
                return name in self.functions or name in {"set", "frozenset"}
            case ast.Call(func=ast.Attribute(value=value, attr=name)):
                return name in self.functions or (name in _SET_METHODS and self.is_set(value))
            case ast.BinOp(left=left, op=op, right=right) if isinstance(op, _SET_OPERATORS):
                return any(self.is_set(side) or _is_view(side) for side in (left, right))
            case ast.IfExp(body=body, orelse=orelse):
                return self.is_set(body) or self.is_set(orelse)
            case ast.NamedExpr(value=value):
                return self.is_set(value)
            case _:
                return False

    def and_those_of(self, nodes: Iterable[ast.AST]) -> "_Names":
        """These, and the variables that the nodes bind to sets."""
        names = self
        for node in nodes:
            match node:
                case ast.arg(arg=name, annotation=annotation) if _is_set_type(annotation):
                    names = replace(names, variables=names.variables | {name})
                case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation) if _is_set_type(
                    annotation
                ):
                    names = replace(names, variables=names.variables | {name})
                case ast.Assign(targets=[ast.Name(id=name)], value=value) if names.is_set(value):
                    names = replace(names, variables=names.variables | {name})
                case _:
                    pass
        return names


def _declared(tree: Tree) -> _Names:
    """Fields and functions that the domain annotates as sets, whatever their class."""
    fields: set[str] = set()
    functions: set[str] = set()
    for source in tree.domain:
        for node in ast.walk(source.syntax):
            match node:
                case ast.ClassDef(body=body):
                    fields |= _Names(frozenset(), frozenset(), frozenset()).and_those_of(body).variables
                case ast.FunctionDef(name=name, returns=returns) if _is_set_type(returns):
                    # A property is used without a call.
                    functions.add(name)
                    fields.add(name)
                case _:
                    pass
    return _Names(frozenset(), frozenset(fields), frozenset(functions))


def _ordered_uses(source: Source, declared: _Names) -> Iterator[ast.expr | ast.stmt]:
    """Where the order of a set matters, in the file as a whole and in each function with its variables."""
    outside = declared.and_those_of(source.syntax.body)
    scopes: list[tuple[ast.AST, _Names]] = [
        (source.syntax, outside),
        *(
            (node, outside.and_those_of(ast.walk(node)))
            for node in ast.walk(source.syntax)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        ),
    ]
    order_free = set(_order_free(source.syntax))
    for scope, names in scopes:
        for node in ast.walk(scope):
            if isinstance(node, ast.expr | ast.stmt) and node not in order_free and _depends(node, names):
                yield node


def _order_free(module: ast.Module) -> Iterator[ast.AST]:
    """Generators and unpackings whose order does not show in what is made of them."""
    for node in ast.walk(module):
        match node:
            case ast.Call(func=ast.Name(id=name), args=[ast.GeneratorExp() as generator]) if (
                name in _ORDER_FREE
            ):
                yield generator
            case ast.Set(elts=elements):
                yield from elements
            case _:
                pass


def _depends(node: ast.expr | ast.stmt, names: _Names) -> bool:
    """Whether the node yields or does something else when a set yields its members in another order."""
    match node:
        case ast.For(iter=value) | ast.YieldFrom(value=value) | ast.Starred(value=value):
            return names.is_set(value)
        case ast.FormattedValue(value=value) | ast.Assign(targets=[ast.Tuple() | ast.List()], value=value):
            return names.is_set(value)
        case ast.ListComp() | ast.GeneratorExp() | ast.DictComp():
            return any(names.is_set(generator.iter) for generator in node.generators)
        case ast.Call(func=ast.Attribute(value=value, attr="pop"), args=[]):
            return names.is_set(value)
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=arguments):
            return name in _ORDERED and any(map(names.is_set, arguments))
        case _:
            return False


def _is_view(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Attribute(attr="keys" | "items"), args=[]):
            return True
        case _:
            return False


def _is_set_type(annotation: ast.AST | None) -> bool:
    match annotation:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name in _SET_TYPES
        case ast.Subscript(value=value):
            return _is_set_type(value)
        case ast.BinOp(left=left, right=right):
            return _is_set_type(left) or _is_set_type(right)
        case _:
            return False
