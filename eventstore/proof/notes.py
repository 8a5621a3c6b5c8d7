"""Signed checkpoints in the formats of the transparency world: C2SP signed-note and tlog-checkpoint.

A checkpoint says how many events a journal has and what their root is; a note is a text with signatures
below. Whoever keeps a note can later tell whether the journal still begins as it did. Any tool that knows
the formats can check one: https://c2sp.org/signed-note, https://c2sp.org/tlog-checkpoint.
"""

import re
from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ...domain.errors import NoteInvalid
from ..merkle import WIDTH

#: Of signatures and keys: Ed25519.
ED25519 = b"\x01"

_DASH = "— "
_ID = 4
_SIGNATURES_MAX = 100
_SIZE_MAX = 1 << 20
_NAME = re.compile(r"[^\s+\x00-\x1f]+")
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")


class Checkpoint(NamedTuple):
    """What a note about a journal says."""

    #: Of one journal, and no other has it.
    origin: str
    #: Events it is about: positions 1 to size.
    size: int
    root: bytes

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text of a note; lines after the third are not ours and ignored. Raises NoteInvalid."""
        lines = text.split("\n")
        if len(lines) < 4 or "" in lines[:-1] or lines[-1]:
            raise _invalid("it is not three lines: origin, size, root")
        origin, size, root, *_ = lines
        if not _SIZE.fullmatch(size):
            raise _invalid(f"its size {size!r} is not a number")
        return cls(origin, int(size), _decoded(root, WIDTH))

    def text(self) -> str:
        """The text of its note."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n"


class Signature(NamedTuple):
    """A line below a note."""

    name: str
    #: Tells keys of one name apart; too short to be relied on.
    key_id: bytes
    signature: bytes

    def line(self) -> str:
        """The line, with its end."""
        return f"{_DASH}{self.name} {b64encode(self.key_id + self.signature).decode()}\n"


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """The public half of a key that signs notes; written `name+hash+key`."""

    name: str
    #: 32 bytes, as in RFC 8032.
    public: bytes

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a key as it is handed around. Raises NoteInvalid."""
        what = "the verifier key"
        name, _, rest = text.strip().partition("+")
        id_, _, encoded = rest.partition("+")
        key = _decoded(encoded, len(ED25519) + 32, what)
        if not _NAME.fullmatch(name) or key[:1] != ED25519:
            raise _invalid("it is not NAME+HASH+KEY with a key for Ed25519", what)
        found = cls(name, key[1:])
        if found.key_id.hex() != id_:
            raise _invalid(f"its hash is {id_!r} and ought to be {found.key_id.hex()}", what)
        return found

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{b64encode(ED25519 + self.public).decode()}"

    @property
    def key_id(self) -> bytes:
        """Four bytes of a hash of name and key."""
        return sha256(self.name.encode() + b"\n" + ED25519 + self.public).digest()[:_ID]

    def accepts(self, signature: Signature, text: str) -> bool:
        """Whether the signature of the text is this key's."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature.signature, text.encode())
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True, slots=True)
class Note:
    """A text, and who signed it."""

    text: str
    signatures: tuple[Signature, ...]

    @classmethod
    def parse(cls, note: str) -> Self:
        """Take a note apart; nothing is verified yet. Raises NoteInvalid."""
        if len(note) > _SIZE_MAX or any(character < " " and character != "\n" for character in note):
            raise _invalid("it is too long, or has other control characters than newlines")
        text, empty, below = note.rpartition("\n\n")
        lines = below.split("\n")
        if not empty or lines.pop() or not 0 < len(lines) <= _SIGNATURES_MAX:
            raise _invalid("it is not a text, an empty line, and signatures")
        return cls(text + "\n", tuple(map(_signature, lines)))

    def __str__(self) -> str:
        return self.text + "\n" + "".join(signature.line() for signature in self.signatures)

    def signer(self, keys: Iterable[VerifierKey]) -> VerifierKey | None:
        """The first of these keys that signed it; None when none has.

        Raises NoteInvalid for a signature that claims to be of one of the keys and is not: the text was
        changed.
        """
        known = {(key.name, key.key_id): key for key in keys}
        signers = list[VerifierKey]()
        for signature in self.signatures:
            key = known.get((signature.name, signature.key_id))
            if key is None:
                continue
            if not key.accepts(signature, self.text):
                raise _invalid(f"the signature of {key.name} is not of this text")
            signers.append(key)
        return signers[0] if signers else None


def origin(journal_id: bytes) -> str:
    """The first line of every checkpoint of a journal."""
    return f"bursar/{journal_id.hex()}"


def _signature(line: str) -> Signature:
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not space or not _NAME.fullmatch(name):
        raise _invalid(f"{line!r} is not a line with a signature")
    blob = _decoded(encoded)
    if len(blob) <= _ID:
        raise _invalid(f"the signature of {name} is too short")
    return Signature(name, blob[:_ID], blob[_ID:])


def _decoded(text: str, length: int | None = None, what: str | None = None) -> bytes:
    try:
        found = b64decode(text, validate=True)
    except ValueError:
        found = b""
    # A text has one encoding: what has unused bits set is not it.
    if not found or b64encode(found).decode() != text or length not in (None, len(found)):
        raise _invalid(f"{text!r} is not {length or 'some'} bytes in base64", what)
    return found


def _invalid(problem: str, what: str | None = None) -> NoteInvalid:
    return NoteInvalid(what=what or "the note", problem=problem)
