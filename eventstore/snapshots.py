"""Snapshots: what a fold had come to at a position, so that the next one need not start at the first.

They are disposable. A snapshot that is not exactly what was saved, by the same code, of the same history,
does not exist: `load` gives None and the caller folds. The history is the leaf of the event at the snapshot's
position, so one that a power cut has left ahead of its journal, or of what the journal says since, is seen
through.
"""

# Importing pathlib would cost a reader more than all it does itself.
# ruff: noqa: PTH103, PTH105, PTH108, PTH118, PTH123, PTH208
import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from hashlib import sha256
from typing import Any, NamedTuple, Self

from ..domain.errors import BursarError
from .identity import StrPath, resolve
from .reader import Reader

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")
#: Snapshots that are kept of a fold: one that turns out to be damaged has others behind it.
KEPT = 3


class Snapshot(NamedTuple):
    """What was saved."""

    #: The last position it was folded from.
    position: int
    body: bytes


class SnapshotStore:
    """A folder of files `<name>@<version>.<position>`: a line of JSON, then the body."""

    @classmethod
    def beside(cls, journal: StrPath) -> Self:
        """The store of a journal: the folder `<journal>.views`, in which nothing cannot be made anew."""
        path = resolve(journal)
        return cls(path + ".views", lambda position: _leaf(path, position))

    def __init__(self, folder: StrPath, leaf_at: Callable[[int], bytes | None]) -> None:
        """`leaf_at` gives the leaf of a committed event, or None. The folder is made by the first `save`."""
        self._folder = os.fspath(folder)
        self._leaf_at = leaf_at

    def save(self, name: str, version: int, fingerprint: str, position: int, body: bytes) -> None:
        """Keep what the fold `name` had come to at a committed position; else keep nothing.

        Of the older ones two stay, and those of later positions go: theirs is a history that did not happen.
        `version`: of the state's
        shape; `fingerprint`: of the code that folds. The file appears whole or not at all.
        Raises OSError when it cannot be written, ValueError for a name that is not small letters, digits, -
        and _.
        """
        stem = _stem(name, version)
        leaf = self._leaf_at(position)
        if leaf is None:
            return
        header = {
            "fingerprint": fingerprint,
            "leaf": leaf.hex(),
            "name": name,
            "position": position,
            "version": version,
        }
        os.makedirs(self._folder, mode=0o700, exist_ok=True)
        self._write(f"{stem}.{position}", _sealed(header, body) + body)
        found = list(self._files(stem))
        older = [file for at, file in found if at < position]
        for file in [file for at, file in found if at > position] + older[KEPT - 1 :]:
            with suppress(FileNotFoundError):  # another process was faster
                os.unlink(os.path.join(self._folder, file))

    def load(
        self, name: str, version: int, fingerprint: str | None, until: int | None = None
    ) -> Snapshot | None:
        """The newest snapshot that can be trusted, if any, and none after the position `until`.

        Of whatever code when the fingerprint is None.
        """
        for position, file in self._files(_stem(name, version)):
            if until is not None and position > until:
                continue
            wanted = {"name": name, "version": version, "position": position}
            if fingerprint is not None:
                wanted["fingerprint"] = fingerprint
            body = self._body(os.path.join(self._folder, file), wanted)
            if body is not None:
                return Snapshot(position, body)
        return None

    def _body(self, path: str, wanted: dict[str, Any]) -> bytes | None:
        try:
            with open(path, "rb") as file:
                line, body = file.readline(), file.read()
            header = json.loads(line)
            del header["sha256"]
            trusted = (
                _sealed(header, body) == line
                and all(header[key] == value for key, value in wanted.items())
                and bytes.fromhex(header["leaf"]) == self._leaf_at(header["position"])
            )
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return None
        return body if trusted else None

    def _files(self, stem: str) -> Iterator[tuple[int, str]]:
        """Positions and names of the snapshots of a stem, newest first."""
        try:
            names = os.listdir(self._folder)
        except OSError:
            return iter(())
        found = [name.removeprefix(stem + ".") for name in names if name.startswith(stem + ".")]
        positions = sorted((int(rest) for rest in found if rest.isascii() and rest.isdigit()), reverse=True)
        return ((position, f"{stem}.{position}") for position in positions)

    def _write(self, name: str, content: bytes) -> None:
        # Two processes that write the same name at once can spoil it between them; then its hash tells.
        path = os.path.join(self._folder, name)
        descriptor = os.open(path + ".tmp", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with open(descriptor, "wb") as file:
            file.write(content)
        os.replace(path + ".tmp", path)


def _leaf(journal: str, position: int) -> bytes | None:
    try:
        with Reader(journal) as reader:
            return reader.leaf(position)
    except BursarError:
        return None


def _stem(name: str, version: int) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} cannot name a snapshot")
    return f"{name}@{version}"


def _sealed(header: dict[str, Any], body: bytes) -> bytes:
    """The first line of the file: the header with the hash of itself and the body."""
    content = json.dumps(header, sort_keys=True).encode() + b"\n" + body
    return json.dumps({**header, "sha256": sha256(content).hexdigest()}, sort_keys=True).encode() + b"\n"
