"""Who may import whom: inwards, relatively, and in no circle."""

from collections.abc import Iterator

from .tree import ROOMS, Source, Tree

#: Room to what of bursar it may import; an adapter may import itself, too, but none of the others. Logs and
#: HTTP are every adapter's.
MAY_IMPORT = {
    "bursar": ("bursar",),
    "domain": ("bursar.domain",),
    "eventstore": ("bursar.eventstore", "bursar.domain.errors", "bursar.domain.events"),
    "projections": ("bursar.projections", "bursar.domain", "bursar.eventstore"),
    "adapters": (
        "bursar.domain",
        "bursar.eventstore",
        "bursar.projections",
        "bursar.adapters.http",
        "bursar.adapters.logs",
    ),
}


def rooms_import_inwards(tree: Tree) -> Iterator[str]:
    """The domain knows nobody, the journal only the envelope; only `bursar/` knows everybody."""
    for source in tree.product:
        allowed = _may_import(source)
        for imported in source.imports:
            if imported.is_within("bursar") and not any(map(imported.is_within, allowed)):
                yield source.at(imported.line, f"{source.room} may not import {imported.name}")


def rooms_are_never_imported_bare(tree: Tree) -> Iterator[str]:
    """`import domain` would load a second copy, whose classes are not those of `bursar.domain`."""
    for source in tree.sources:
        for imported in source.imports:
            if not imported.relative and any(map(imported.is_within, ROOMS)):
                yield source.at(imported.line, f"import bursar.{imported.name} instead of {imported.name}")


def the_product_imports_itself_relatively(tree: Tree) -> Iterator[str]:
    """One way to write it, and one that shows the direction."""
    for source in tree.product:
        for imported in source.imports:
            if not imported.relative and imported.is_within("bursar"):
                yield source.at(imported.line, f"import {imported.name} relatively")


def imports_go_in_no_circle(tree: Tree) -> Iterator[str]:
    """Neither between modules nor, by way of different modules, between rooms."""
    sources = {source.module: source for source in tree.product}
    modules = {name: _targets(source, sources) for name, source in sources.items()}
    rooms: dict[str, set[str]] = {}
    for source in tree.product:
        others = {sources[target].room for target in modules[source.module]} - {source.room}
        rooms.setdefault(source.room, set()).update(others)
    for graph in (modules, rooms):
        circle = _circle(graph)
        if circle:
            place = sources[circle[0]].path if graph is modules else circle[0]
            yield f"{place}: imports itself by way of {' → '.join([*circle[1:], circle[0]])}"


def _may_import(source: Source) -> tuple[str, ...]:
    allowed = MAY_IMPORT[source.room]
    if source.room != "adapters":
        return allowed
    adapter = source.module.split(".")[2:3]
    return (*allowed, f"bursar.adapters.{adapter[0]}") if adapter else allowed


def _targets(source: Source, sources: dict[str, Source]) -> set[str]:
    """The modules of ours that it imports: of `a.b.c` the longest part that is a module."""
    targets: set[str] = set()
    for imported in source.imports:
        parts = imported.name.split(".")
        prefixes = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
        targets.update([name for name in prefixes if name in sources][:1])
    return targets - {source.module}


def _circle(graph: dict[str, set[str]]) -> list[str]:
    """A way through the graph that leads back to where it began, from its first name on; or nothing."""
    finished: set[str] = set()

    def visit(node: str, path: list[str]) -> list[str]:
        if node in path:
            circle = path[path.index(node) :]
            first = circle.index(min(circle))
            return circle[first:] + circle[:first]
        if node in finished:
            return []
        for target in sorted(graph[node]):
            circle = visit(target, [*path, node])
            if circle:
                return circle
        finished.add(node)
        return []

    for node in sorted(graph):
        circle = visit(node, [])
        if circle:
            return circle
    return []
