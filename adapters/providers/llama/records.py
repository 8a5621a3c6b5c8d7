"""Files by which a later manager finds the children of one that died."""

import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from ....domain.errors import ProviderUnavailable

#: 108 bytes with the closing zero on Linux, 104 on macOS.
_SOCKET_PATH_MAX = 103
_RECORD_BYTES_MAX = 1 << 16


class Record(BaseModel):
    """One child: enough to find its process again, and to know that it is the same."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    model: str
    digest: str
    pid: int
    #: When the process was started, in milliseconds since 1970; a pid alone may be somebody else's by now.
    started_ms: int
    socket: str
    #: Where it answers; None while it is loading.
    port: int | None = None
    slots: int
    context_tokens: int


class Records:
    """The records in one folder, which only we can read. Names follow from the models' names."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()

    def prepare(self) -> None:
        """Make the folder. Raises `ProviderUnavailable` where it cannot be made."""
        _private_folder(self._folder)

    def path(self, model: str) -> Path:
        """File of the model's record."""
        return self._folder / f"{_stem(model)}.json"

    def socket(self, model: str) -> Path:
        """Socket of the model's child; elsewhere when this folder's path is too long for one."""
        path = self._folder / f"{_stem(model)}.sock"
        if len(os.fsencode(path)) <= _SOCKET_PATH_MAX:
            return path
        short = Path(tempfile.gettempdir(), f"bursar-{os.getuid()}")
        _private_folder(short)
        return short / f"{_stem(str(path.absolute()))}.sock"

    def write(self, record: Record) -> None:
        """Write the record, whole or not at all."""
        path = self.path(record.model)
        partial = path.with_suffix(f".{os.getpid()}.tmp")
        partial.unlink(missing_ok=True)
        partial.touch(mode=0o600, exist_ok=False)
        partial.write_text(record.model_dump_json(), encoding="utf-8")
        partial.replace(path)

    def read(self, model: str) -> Record | None:
        """The model's record, or None when there is none that can be read."""
        return _read(self.path(model))

    def all(self) -> Iterator[Record]:
        """Every record that can be read; others are removed, they lead nowhere."""
        for path in sorted(self._folder.glob("*.json")):
            record = _read(path)
            if record is not None and path == self.path(record.model):
                yield record
            else:
                path.unlink(missing_ok=True)

    def remove(self, model: str) -> None:
        """Remove what the model's child left behind."""
        for path in (self.socket(model), self.path(model)):
            path.unlink(missing_ok=True)


def _stem(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _read(path: Path) -> Record | None:
    with suppress(OSError, ValidationError), path.open("rb") as file:
        return Record.model_validate_json(file.read(_RECORD_BYTES_MAX))
    return None


def _private_folder(folder: Path) -> None:
    """Make `folder` for us alone, and refuse one that another user could put sockets into."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.lstat()
    except OSError as failure:
        raise ProviderUnavailable(provider="llama", cause=f"cannot make {folder}: {failure}") from failure
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o022:
        raise ProviderUnavailable(
            provider="llama", cause=f"{folder} is not a folder that only its owner, us, can write to"
        )
