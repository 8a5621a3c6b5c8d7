"""Proofs about the tree: RFC 9162 §2.1.3 (inclusion) and §2.1.4 (consistency).

Pure: the maker asks for the hashes of stretches of leaves, and whoever calls it knows where to get them; the
checkers need hashes only.
"""

from collections.abc import Callable, Sequence

from ..merkle import interior_hash

#: Gives the hash of the tree over the leaves from an index (0 is the first) up to, not including, another.
Stretch = Callable[[int, int], bytes]


def inclusion_path(index: int, size: int, stretch: Stretch) -> list[bytes]:
    """What a leaf must be hashed with, from the bottom up, to give the root over `size` leaves.

    Raises ValueError for a leaf that is not among them.
    """
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not among {size}")
    first, end, path = 0, size, list[bytes]()
    while end - first > 1:
        middle = first + _left(end - first)
        if index < middle:
            path.append(stretch(middle, end))
            end = middle
        else:
            path.append(stretch(first, middle))
            first = middle
    return path[::-1]


def includes(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether the path shows that this is the leaf at the index, of the `size` leaves with that root."""
    if not 0 <= index < size:
        return False
    node, last = leaf, size - 1
    for sibling in path:
        if last == 0:
            return False
        if index & 1 or index == last:
            node = interior_hash(sibling, node)
            index, last = _up_to_the_right_child(index, last)
        else:
            node = interior_hash(node, sibling)
        index, last = index >> 1, last >> 1
    return last == 0 and node == root


def consistency_path(old: int, size: int, stretch: Stretch) -> list[bytes]:
    """The hashes from which both the root over `old` leaves and that over `size` can be made.

    Raises ValueError unless 0 < old <= size.
    """
    if not 0 < old <= size:
        raise ValueError(f"{old} leaves are not a beginning of {size}")
    first, end, path = 0, size, list[bytes]()
    while old < end:
        middle = first + _left(end - first)
        if old <= middle:
            path.append(stretch(middle, end))
            end = middle
        else:
            path.append(stretch(first, middle))
            first = middle
    if first:  # otherwise the old tree is itself one of the hashes, and known
        path.append(stretch(first, end))
    return path[::-1]


def extends(old: int, old_root: bytes, size: int, root: bytes, path: Sequence[bytes]) -> bool:
    """Whether the path shows that the first `old` of the `size` leaves are those with the old root."""
    if not 0 < old <= size:
        return False
    if old == size:
        return not path and old_root == root
    nodes = list(path) if old & (old - 1) else [old_root, *path]
    if not nodes:
        return False
    index, last = old - 1, size - 1
    while index & 1:
        index, last = index >> 1, last >> 1
    before = after = nodes[0]
    for sibling in nodes[1:]:
        if last == 0:
            return False
        if index & 1 or index == last:
            before, after = interior_hash(sibling, before), interior_hash(sibling, after)
            index, last = _up_to_the_right_child(index, last)
        else:
            after = interior_hash(after, sibling)
        index, last = index >> 1, last >> 1
    return last == 0 and (before, after) == (old_root, root)


def _left(leaves: int) -> int:
    """How many of the leaves are in the left subtree: the largest power of two below their number."""
    return 1 << (leaves - 1).bit_length() - 1


def _up_to_the_right_child(index: int, last: int) -> tuple[int, int]:
    """Pass the levels on which the node has no sibling of its own."""
    while index and not index & 1:
        index, last = index >> 1, last >> 1
    return index, last
