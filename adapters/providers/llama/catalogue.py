"""Names of models, and the files they stand for."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from ....domain.errors import InvalidModelId

_SUFFIX = ".gguf"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+@=-]*(/[A-Za-z0-9_][A-Za-z0-9._+@=-]*)*")
_LENGTH_MAX = 200
_SHARD = re.compile(r"(?P<stem>.*)-(?P<part>\d{5})-of-(?P<parts>\d{5})")


def find_models(folder: Path) -> tuple[str, ...]:
    """Names of the models below `folder`, sorted; a model in several parts goes by the name of its first."""
    root = _real(folder)
    return tuple(sorted(name for file in _files(root) if (name := _name(root, file)) is not None))


def locate(folder: Path, model: str) -> Path:
    """Where the model's file is. Raises `InvalidModelId` unless it lies below `folder`."""
    if len(model) > _LENGTH_MAX or not _NAME.fullmatch(model):
        raise InvalidModelId(model=model, problem="a name has letters, digits and ._+@=- between slashes")
    root = _real(folder)
    path = _real(root / f"{model}{_SUFFIX}")
    if not path.is_relative_to(root):
        raise InvalidModelId(model=model, problem=f"it lies outside {folder}")
    if not path.exists():
        raise InvalidModelId(model=model, problem=f"there is no {model}{_SUFFIX} in {folder}")
    return path


def parts_of(path: Path) -> tuple[Path, ...]:
    """All files of the model whose first is `path`, in order; the engine finds the others by their names."""
    split = _SHARD.fullmatch(path.stem)
    if split is None:
        return (path,)
    stem, parts = split["stem"], split["parts"]
    return tuple(path.with_name(f"{stem}-{part:05}-of-{parts}{_SUFFIX}") for part in range(1, int(parts) + 1))


def _files(root: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(root):
        yield from (Path(folder, name) for name in names if name.endswith(_SUFFIX))


def _name(root: Path, file: Path) -> str | None:
    name = file.relative_to(root).with_suffix("").as_posix()
    split = _SHARD.fullmatch(file.stem)
    later_part = split is not None and int(split["part"]) != 1
    # A projector is the eye of another model, and cannot be loaded by itself.
    if later_part or file.name.startswith("mmproj") or len(name) > _LENGTH_MAX or not _NAME.fullmatch(name):
        return None
    return name if file.is_file() and _real(file).is_relative_to(root) else None


def _real(path: Path) -> Path:
    # Path.resolve raises where links form a circle.
    return Path(os.path.realpath(path))
