"""The key that a journal's checkpoints are signed with: Ed25519, in a file that only its owner can read.

By default it lies beside the journal, made when it is first needed. There it proves less: who may write the
journal may then read the key, and sign a rewritten one. A key of another user, of another machine or in a
credential store is settable as BURSAR_SIGNING_KEY: the path of its file, or the key itself. Either way a
signature is only worth what is known of the notes given out before; keep some elsewhere.
"""

import os
import stat
from base64 import b64decode, b64encode
from contextlib import suppress
from pathlib import Path
from typing import Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ...domain.errors import NoteInvalid, SigningKeyUnusable
from ..files import sync_folder
from ..identity import StrPath, resolve
from .notes import ED25519, Note, Signature, VerifierKey

#: Names the file of the key, or is the key.
VARIABLE = "BURSAR_SIGNING_KEY"

_SUFFIX = ".key"
_PREFIX = "PRIVATE+KEY+"
_LENGTH_MAX = 4096


class SigningKey:
    """A key that signs, written as Go's `note` package writes it: `PRIVATE+KEY+name+hash+seed`."""

    def __init__(self, name: str, seed: bytes) -> None:
        """`seed`: 32 bytes, as in RFC 8032."""
        self._seed = seed
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        #: What others check its signatures with.
        self.verifier = VerifierKey(name, self._private.public_key().public_bytes_raw())

    @classmethod
    def generate(cls, name: str) -> Self:
        """A new key."""
        return cls(name, os.urandom(32))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `exported` wrote. Raises ValueError, which does not repeat the key."""
        prefix, _, rest = text.strip().partition(_PREFIX)
        name, id_, encoded = [*rest.split("+", 2), "", ""][:3]
        try:
            seed = b64decode(encoded, validate=True)
            key = cls(name, seed.removeprefix(ED25519))
            VerifierKey.parse(str(key.verifier))
        except (ValueError, NoteInvalid):
            raise ValueError(f"it is not {_PREFIX}NAME+HASH+SEED") from None
        if prefix or seed[:1] != ED25519 or len(seed) != 33 or key.verifier.key_id.hex() != id_:
            raise ValueError(f"it is not {_PREFIX}NAME+HASH+SEED, or was changed")
        return key

    def exported(self) -> str:
        """The secret, in one line."""
        verifier = self.verifier
        return (
            f"{_PREFIX}{verifier.name}+{verifier.key_id.hex()}+{b64encode(ED25519 + self._seed).decode()}\n"
        )

    def sign(self, text: str) -> Note:
        """The text as a note that this key has signed; takes about 60 us."""
        signature = Signature(self.verifier.name, self.verifier.key_id, self._private.sign(text.encode()))
        return Note(text, (signature,))


def find(journal: StrPath, elsewhere: str | None = None) -> SigningKey | None:
    """The journal's key; None when its file does not exist.

    It is `elsewhere` (a path, or the key itself), else BURSAR_SIGNING_KEY, else `<journal>.key`.
    Raises SigningKeyUnusable for one that others can read, or that is none.
    """
    given = _place(journal, elsewhere)
    if given.startswith(_PREFIX):
        return _parsed(given, VARIABLE)
    return _read(given)


def find_or_make(journal: StrPath, name: str, elsewhere: str | None = None) -> SigningKey:
    """The journal's key, made when its file does not exist; for who owns the journal.

    Raises SigningKeyUnusable as `find` does, and when it cannot be made.
    """
    found = find(journal, elsewhere)
    if found is not None:
        return found
    path = _place(journal, elsewhere)
    _make(path, SigningKey.generate(name))
    made = _read(path)
    if made is None:
        raise SigningKeyUnusable(path=path, problem="it was removed as soon as it was made")
    return made


def _place(journal: StrPath, elsewhere: str | None) -> str:
    return elsewhere or os.environ.get(VARIABLE) or resolve(journal) + _SUFFIX


def _read(path: str) -> SigningKey | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SigningKeyUnusable(path=path, problem=f"{error.strerror}") from error
    with os.fdopen(descriptor, "rb") as file:
        _require_private(path, os.fstat(descriptor))
        text = file.read(_LENGTH_MAX).decode("ascii", "replace")
    return _parsed(text, path)


def _require_private(path: str, status: os.stat_result) -> None:
    """Judged by the open file, so that nobody can put another one in its place in between."""
    if not stat.S_ISREG(status.st_mode):
        raise SigningKeyUnusable(path=path, problem="it is not a regular file")
    if status.st_uid not in (os.geteuid(), 0):
        raise SigningKeyUnusable(path=path, problem="it belongs to somebody else")
    if status.st_mode & 0o077:
        problem = f"others may read or write it (mode {status.st_mode & 0o777:o}); chmod 600 it, and if "
        problem += "anybody may have read it, remove it, so that a new one is made"
        raise SigningKeyUnusable(path=path, problem=problem)


def _make(path: str, key: SigningKey) -> None:
    """The file appears under its name whole or not at all, and never in the place of another."""
    building = f"{path}.{os.getpid()}.new"
    try:
        Path(building).unlink(missing_ok=True)
        descriptor = os.open(building, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(key.exported().encode())
                file.flush()
                os.fsync(descriptor)
            with suppress(FileExistsError):  # somebody else was faster: theirs is the key
                os.link(building, path)
        finally:
            Path(building).unlink()
        sync_folder(path)
    except OSError as error:
        raise SigningKeyUnusable(path=path, problem=f"it cannot be made ({error.strerror})") from error


def _parsed(text: str, path: str) -> SigningKey:
    try:
        return SigningKey.parse(text)
    except ValueError as error:
        raise SigningKeyUnusable(path=path, problem=f"{error}") from error
