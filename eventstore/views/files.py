"""A view's files, in the folder `<journal>.views`.

`<name>@<version>.db` is a symbolic link to the file that serves, `<name>@<version>.<build>.db`. One with a
higher number is being built, one with a lower can go. No two builds have the same file name: SQLite finds a
database's rollback journal by its name, and would apply it to another database that has taken the name over.
"""

# Importing pathlib would cost a reader more than all it does itself.
# ruff: noqa: PTH103, PTH105, PTH108, PTH115, PTH116, PTH118, PTH119, PTH208, PTH211
import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple, Self

from ..identity import StrPath, resolve

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_LINK = re.compile(rf"({_NAME.pattern})@(\d+)\.db")
#: How long an older version of a view is kept for who goes back to an older bursar.
_KEEP_S = 24 * 3600


class Files(NamedTuple):
    """The files of one version of a view."""

    folder: str
    name: str
    version: int

    @classmethod
    def beside(cls, journal: StrPath, name: str, version: int) -> Self:
        """Those of a view of a journal. Raises ValueError for a name that cannot be one."""
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} cannot name a view")
        return cls(folder_of(journal), name, version)

    @property
    def link(self) -> str:
        """What leads to the file that serves."""
        return os.path.join(self.folder, f"{self.name}@{self.version}.db")

    def path(self, build: int) -> str:
        """The file of a build."""
        return os.path.join(self.folder, f"{self.name}@{self.version}.{build}.db")

    def live(self) -> int:
        """The build that serves; 0 when there is none."""
        try:
            return self._build(os.readlink(self.link))
        except OSError:
            return 0

    def builds(self) -> list[int]:
        """All of them, lowest first."""
        try:
            names = os.listdir(self.folder)
        except OSError:
            return []
        return sorted(build for build in map(self._build, names) if build)

    def claim(self, build: int) -> None:
        """Make an empty file for a build, unless somebody else has. Raises OSError."""
        os.makedirs(self.folder, mode=0o700, exist_ok=True)
        with suppress(FileExistsError):
            os.close(os.open(self.path(build), os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o600))

    def switch(self, build: int) -> None:
        """Let a build serve, at once and for everybody, unless a later one does; remove those before it.

        Who has one of them open keeps it, and finds out by `live`. Raises OSError.
        """
        new = self.link + ".new"
        while self.live() < build:
            with suppress(FileNotFoundError):
                os.unlink(new)
            # Another process may be doing the same; then the link is the other's, and looked at again.
            with suppress(FileExistsError, FileNotFoundError):
                os.symlink(os.path.basename(self.path(build)), new)
                os.replace(new, self.link)
        live = self.live()
        for older in self.builds():
            if older < live:
                self.discard(older)

    def discard(self, build: int) -> None:
        """Remove the file of a build. Raises OSError."""
        _remove(self.path(build))

    def discard_older_versions(self) -> None:
        """Remove older versions of the view, when this one has served for a day. Raises OSError."""
        try:
            if time.time() - os.lstat(self.link).st_mtime < _KEEP_S:
                return
        except FileNotFoundError:
            return
        for files in listed(self.folder):
            if files.name == self.name and files.version < self.version:
                files.remove()

    def remove(self) -> None:
        """Remove this version of the view. Raises OSError."""
        with suppress(FileNotFoundError):
            os.unlink(self.link)
        for build in self.builds():
            self.discard(build)

    def size_bytes(self) -> int:
        """Bytes on disk, those of builds that do not serve among them."""
        size = 0
        for build in self.builds():
            with suppress(FileNotFoundError):
                size += os.stat(self.path(build)).st_size
        return size

    def _build(self, file: str) -> int:
        """The number of the build that has this file name; 0 when none has."""
        number = file.removeprefix(f"{self.name}@{self.version}.").removesuffix(".db")
        valid = number.isascii() and number.isdigit()
        return int(number) if valid and file == os.path.basename(self.path(int(number))) else 0


def folder_of(journal: StrPath) -> str:
    """Where the views of a journal are."""
    return resolve(journal) + ".views"


def listed(folder: str) -> Iterator[Files]:
    """The views in a folder by name and version, those being built for the first time among them."""
    try:
        names = os.listdir(folder)
    except OSError:
        return iter(())
    stems = {re.sub(r"\.\d+\.db$", ".db", name) for name in names}
    found = [(match[1], int(match[2])) for match in map(_LINK.fullmatch, stems) if match]
    return (Files(folder, name, version) for name, version in sorted(found))


def _remove(path: str) -> None:
    # The database first: without it, its rollback journal is nobody's.
    for file in (path, path + "-journal"):
        with suppress(FileNotFoundError):
            os.unlink(file)
