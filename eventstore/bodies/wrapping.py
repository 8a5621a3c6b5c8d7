"""The key that the subjects' keys are wrapped with, and where it comes from.

The environment, else the system's keyring when that is asked for, else a file beside the journal. The file
protects against whoever gets hold of the database without its neighbours, and not against whoever reads the
folder; the other two do that as well.
"""

import base64
import binascii
import importlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ...domain.errors import BodiesUnusable, BodyKeyUnusable
from ..files import sync_folder
from .databases import require_private

#: 32 bytes in base64.
VARIABLE = "BURSAR_BODY_KEY"
_SERVICE = "bursar"
_KEY = 32
_NONCE = 12


class WrappingKey(NamedTuple):
    """Encrypts keys, each bound to the purpose it was wrapped for."""

    key: bytes
    #: For messages.
    source: str

    def wrap(self, secret: bytes, purpose: bytes) -> bytes:
        """The secret as it can be written down."""
        nonce = os.urandom(_NONCE)
        return nonce + AESGCM(self.key).encrypt(nonce, secret, purpose)

    def unwrap(self, wrapped: bytes, purpose: bytes) -> bytes:
        """The secret. Raises ValueError when another key wrapped it, or it was for another purpose."""
        try:
            return AESGCM(self.key).decrypt(wrapped[:_NONCE], wrapped[_NONCE:], purpose)
        except InvalidTag:
            raise ValueError("it was wrapped by another key, or is damaged") from None


def wrapping_key(journal: str, environment: Mapping[str, str], *, keyring: bool, make: bool) -> WrappingKey:
    """The key for the bodies of the journal at this resolved path. Raises BodyKeyUnusable.

    `make`: where the keyring or the file has none, make one; never when there is something to unwrap.
    """
    text = environment.get(VARIABLE)
    if text is not None:
        return _decoded(text, f"the environment variable {VARIABLE}")
    if keyring:
        return _from_keyring(journal, make)
    return _from_file(journal + ".kek", make)


def _from_keyring(journal: str, make: bool) -> WrappingKey:
    source = f"the entry {journal} of service {_SERVICE} in the keyring"
    try:
        keyring: Any = importlib.import_module("keyring")
    except ImportError:
        raise BodyKeyUnusable(source=source, problem="run: pip install keyring") from None
    try:
        text = keyring.get_password(_SERVICE, journal)
        if text is None and make:
            keyring.set_password(_SERVICE, journal, _fresh())
            text = keyring.get_password(_SERVICE, journal)
    # Every backend of the keyring has exceptions of its own.
    except Exception as error:
        raise BodyKeyUnusable(source=source, problem=f"{type(error).__name__}: {error}") from error
    if text is None:
        raise BodyKeyUnusable(source=source, problem="there is none")
    return _decoded(text, source)


def _from_file(path: str, make: bool) -> WrappingKey:
    source = f"the file {path}"
    try:
        if make and not os.path.lexists(path):
            _make_file(path)
        require_private(path)
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        with os.fdopen(descriptor, encoding="ascii") as file:
            return _decoded(file.read(), source)
    except FileNotFoundError:
        problem = "it is not there; bring it back, or nobody reads these bodies again"
        raise BodyKeyUnusable(source=source, problem=problem) from None
    except BodiesUnusable as error:
        raise BodyKeyUnusable(source=source, problem=str(error.problem)) from error
    except (OSError, UnicodeDecodeError) as error:
        raise BodyKeyUnusable(source=source, problem=f"{type(error).__name__}: {error}") from error


def _make_file(path: str) -> None:
    """A whole file or none: half a key would look like a wrong one."""
    building = path + ".new"
    Path(building).unlink(missing_ok=True)
    descriptor = os.open(building, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(_fresh() + "\n")
        file.flush()
        os.fsync(descriptor)
    os.link(building, path)  # fails when there is one, which a rename would replace
    Path(building).unlink()
    sync_folder(path)


def _fresh() -> str:
    return base64.b64encode(os.urandom(_KEY)).decode()


def _decoded(text: str, source: str) -> WrappingKey:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != _KEY:
        problem = f"it is not {_KEY} bytes in base64; openssl rand -base64 {_KEY} makes such"
        raise BodyKeyUnusable(source=source, problem=problem)
    return WrappingKey(key, source)
