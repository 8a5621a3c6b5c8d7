"""Checks a proof about a journal of bursar's. Needs Python 3.8 or newer, and nothing else.

    python3 check_proof.py [proof.json] [--key NAME+HASH+KEY]

A proof says that an event is in a journal, or that a journal was continued and not changed. It is worth what
the signed note in it is worth: compare the note, which is printed, with what you were given before, or give
the key that you know the journal signs with. The proof does not show that what was written is true.

The hashes are those of RFC 6962, the paths those of RFC 9162, the note is a C2SP signed note, the signature
is the Ed25519 of RFC 8032. Exits with 0 when all is right, 1 when anything is not, 2 for wrong usage.
"""

import argparse
import base64
import hashlib
import json
import struct
import sys
from pathlib import Path
from typing import Any


def main() -> None:
    """Check what the command line names, and say what was found."""
    parser = argparse.ArgumentParser(description="Checks a proof about a journal of bursar's.")
    parser.add_argument("proof", nargs="?", default=str(Path(__file__).with_name("proof.json")))
    parser.add_argument("--key", help="the key that the note must be signed with")
    arguments = parser.parse_args()
    try:
        proof = json.loads(Path(arguments.proof).read_text("utf-8"))
    except (OSError, ValueError) as error:
        parser.error("%s cannot be read: %s" % (arguments.proof, error))  # noqa: UP031 - see above: 3.8
    try:
        lines = checked(proof, arguments.key)
    except (LookupError, TypeError, ValueError, AttributeError, struct.error) as error:
        sys.stdout.write(f"NOT PROVED: {str(error) or 'this is no proof'}\n")
        sys.exit(1)
    sys.stdout.write("\n".join(lines) + "\n")


def checked(proof: "dict[str, Any]", key: "str | None" = None) -> "list[str]":
    """What the proof proves, in words. Raises an error of some kind when it proves nothing."""
    text, signatures = proof["note"].rsplit("\n\n", 1)
    text += "\n"
    origin, size_text, root_text = text.splitlines()[:3]
    size, root = int(size_text), decoded(root_text)
    path = [bytes.fromhex(node) for node in proof["path"]]
    if "event" in proof:
        lines = about_event(proof["event"], size, root, path)
    else:
        lines = about_beginning(proof["old"], size, root, path)
    known = key or proof.get("key")
    lines += [f"The journal {origin} had {size} events, and this note says so:", "", proof["note"]]
    if known is None:
        return [*lines, "NOT CHECKED: who signed the note. Compare it with what you were given before."]
    require(signed(known, text, signatures), "the note is not signed by the key " + known)
    if key is None:
        return [
            *lines,
            f"It is signed by {known}, which came with the proof: compare it with a key you know.",
        ]
    return [*lines, f"It is signed by {known}."]


def about_event(event: "dict[str, Any]", size: int, root: bytes, path: "list[bytes]") -> "list[str]":
    """Whether the event is among those that the root is of."""
    require(
        included(leaf(event), event["position"] - 1, size, path) == root, "the path does not lead to the root"
    )
    lines = ["PROVED: this event is in the journal, as it was written:", ""]
    shown = [name for name in event if name not in ("salt", "data_hash")]
    lines += [f"  {name:<12} {event[name]}" for name in shown]
    if event["data"] is None:
        lines.append("  (its data has been redacted; the hash of it is still proved)")
    return [*lines, ""]


def about_beginning(old: "dict[str, Any]", size: int, root: bytes, path: "list[bytes]") -> "list[str]":
    """Whether the journal of then is the beginning of the one that the root is of."""
    before = bytes.fromhex(old["root"])
    require(
        continued(old["size"], before, size, path) == (before, root), "the path does not lead to both roots"
    )
    shown = f"  {old['size']}", "  " + base64.b64encode(before).decode()
    return ["PROVED: the journal of these many events and this root was only added to:", "", *shown, ""]


def leaf(event: "dict[str, Any]") -> bytes:
    """The leaf of an event: SHA-256(0x00 || numbers and lengths || texts || hash of the data)."""
    if event["data"] is None:
        data_hash = bytes.fromhex(event["data_hash"])
    else:
        data_hash = sha256(bytes.fromhex(event["salt"]) + event["data"].encode())
    require(len(data_hash) == 32, "the hash of the data is none")
    texts = [event[name] for name in ("kind", "type", "subject", "actor")]
    cause = event["cause"]
    numbers = struct.pack(
        ">3q?2q4Q",
        event["position"], event["version"], event["at"], cause is not None, cause or 0, event["correlation"],
        *map(len, texts),
    )  # fmt: skip
    return sha256(b"\0" + numbers + "".join(texts).encode() + data_hash)


def included(node: bytes, index: int, size: int, path: "list[bytes]") -> bytes:
    """The root that the path leads to from a leaf: RFC 9162 §2.1.3.2."""
    last = size - 1
    require(0 <= index <= last, "the note is about fewer events")
    for sibling in path:
        require(last > 0, "the path is too long")
        if index & 1 or index == last:
            node = sha256(b"\1" + sibling + node)
            while index and not index & 1:
                index, last = index >> 1, last >> 1
        else:
            node = sha256(b"\1" + node + sibling)
        index, last = index >> 1, last >> 1
    require(last == 0, "the path is too short")
    return node


def continued(old: int, old_root: bytes, size: int, path: "list[bytes]") -> "tuple[bytes, bytes]":
    """The old root and the new one that the path leads to: RFC 9162 §2.1.4.2."""
    require(0 < old <= size, "there were fewer events before")
    nodes = path if old & (old - 1) else [old_root, *path]
    if old == size:
        nodes = [old_root]
    index, last = old - 1, size - 1
    while index & 1:
        index, last = index >> 1, last >> 1
    before = after = nodes[0]
    for sibling in nodes[1:]:
        require(last > 0, "the path is too long")
        if index & 1 or index == last:
            before, after = sha256(b"\1" + sibling + before), sha256(b"\1" + sibling + after)
            while index and not index & 1:
                index, last = index >> 1, last >> 1
        else:
            after = sha256(b"\1" + after + sibling)
        index, last = index >> 1, last >> 1
    require(last == 0 or old == size, "the path is too short")
    return before, after


def signed(key: str, text: str, signatures: str) -> bool:
    """Whether one of the lines below the note is the key's signature of its text."""
    name, key_id, encoded = key.split("+", 2)
    public = decoded(encoded)
    require(sha256(name.encode() + b"\n" + public)[:4].hex() == key_id, "the key is not NAME+HASH+KEY")
    for line in signatures.splitlines():
        dash, signer, blob_text = line.split(" ")
        require(dash == "\u2014", "the lines below the note are no signatures")
        blob = decoded(blob_text)
        if signer == name and blob[:4].hex() == key_id:
            return ed25519(public[1:], text.encode(), blob[4:])
    return False


def decoded(text: str) -> bytes:
    """The bytes of a text in base64; only of the one text that they have, without unused bits set."""
    found = base64.b64decode(text, validate=True)
    require(base64.b64encode(found).decode() == text, "the note is not in base64 as it is written")
    return found


# Ed25519, RFC 8032 §5.1: points with -x² + y² = 1 + D·x²·y² over the integers modulo P, kept as (X, Y, Z)
# with x = X/Z and y = Y/Z, so that adding does not divide.
P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def ed25519(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether this is the signature of the message: s·B = R + h·A."""
    r, s = signature[:32], int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or len(public) != 32 or s >= ORDER:
        return False
    h = int.from_bytes(hashlib.sha512(r + public + message).digest(), "little") % ORDER
    base = point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))
    x, y, z = times(s, base)
    other_x, other_y, other_z = plus(point(r), times(h, point(public)))
    return (x * other_z - other_x * z) % P == 0 == (y * other_z - other_y * z) % P


def point(encoded: bytes) -> "tuple[int, int, int]":
    """The point with this y, and the x of the two that has the sign in the highest bit."""
    y = int.from_bytes(encoded, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    require(y < P and (x * x - square) % P == 0 and (x or not sign), "the signature or the key is no point")
    return (P - x if x & 1 != sign else x), y, 1


def plus(one: "tuple[int, int, int]", other: "tuple[int, int, int]") -> "tuple[int, int, int]":
    """The sum of two points."""
    (x1, y1, z1), (x2, y2, z2) = one, other
    x, y, z = x1 * x2 % P, y1 * y2 % P, z1 * z2 % P
    product, crossed = D * x * y % P, ((x1 + y1) * (x2 + y2) - x - y) % P
    less, more = z * z - product, z * z + product
    return z * less * crossed % P, z * more * (x + y) % P, less * more % P


def times(number: int, one: "tuple[int, int, int]") -> "tuple[int, int, int]":
    """A point added to itself so many times."""
    result = 0, 1, 1
    while number:
        if number & 1:
            result = plus(result, one)
        one, number = plus(one, one), number >> 1
    return result


def sha256(content: bytes) -> bytes:
    """A hash."""
    return hashlib.sha256(content).digest()


def require(good: object, otherwise: str) -> None:
    """Raise ValueError unless it is good."""
    if not good:
        raise ValueError(otherwise)


if __name__ == "__main__":
    main()
