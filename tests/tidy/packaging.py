"""What must hold so that a wheel, a clone and a type checker all see the same package."""

from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import PurePosixPath

from .tree import PRODUCT, ROOMS, Tree


def links_lead_to_the_rooms(tree: Tree) -> Iterator[str]:
    """Tools that only know folders find `bursar.domain` through `bursar/domain`."""
    for room in ROOMS:
        link = tree.root / "bursar" / room
        if not link.is_symlink():
            yield f"bursar/{room}: is not a link to ../{room}"
        elif link.readlink().as_posix() != f"../{room}":
            yield f"bursar/{room}: leads to {link.readlink()} instead of ../{room}"


def every_folder_of_code_is_a_package(tree: Tree) -> Iterator[str]:
    """A folder without `__init__.py` works here and is missing from the wheel."""
    files = set(tree.files)
    for folder in sorted(_folders(tree)):
        if f"{folder}/__init__.py" not in files:
            yield f"{folder}: has no __init__.py"


def every_package_is_listed(tree: Tree) -> Iterator[str]:
    """setuptools ships what pyproject.toml lists, and finds it where the map says."""
    listed: list[str] = tree.setuptools["packages"]
    present = {_package(folder) for folder in _folders(tree)}
    for package in sorted(present.difference(listed)):
        yield f"pyproject.toml: packages lacks {package}"
    for package in listed:
        if package not in present:
            yield f"pyproject.toml: packages lists {package}, which is not there"
    if listed != sorted(set(listed)):
        yield "pyproject.toml: packages is not sorted"
    expected = {_package(room): room for room in PRODUCT}
    if tree.setuptools["package-dir"] != expected:
        yield f"pyproject.toml: package-dir is not {expected}"


def every_data_file_ships(tree: Tree) -> Iterator[str]:
    """A file beside the code that is neither code nor a README is read at run time."""
    patterns: dict[str, list[str]] = tree.setuptools["package-data"]
    packages = _folders(tree)
    for file in map(PurePosixPath, tree.files):
        if file.parts[0] not in PRODUCT or file.suffix in {".py", ".md"}:
            continue
        folder = next((parent for parent in file.parents if str(parent) in packages), file.parents[-1])
        name = file.relative_to(folder).as_posix()
        if not any(fnmatch(name, pattern) for pattern in patterns.get(_package(str(folder)), ())):
            yield f"{file}: no pattern of package-data in pyproject.toml matches it"


def _folders(tree: Tree) -> set[str]:
    """Folders of the product that hold code, or are above one that does."""
    return {
        str(folder)
        for source in tree.product
        for folder in PurePosixPath(source.path).parents
        if folder != PurePosixPath(".")
    }


def _package(folder: str) -> str:
    dotted = folder.replace("/", ".")
    return dotted if dotted.partition(".")[0] == "bursar" else f"bursar.{dotted}"
