"""Vectors out of an answer."""

import math
from typing import cast


def read_vectors(given: object, count: int) -> tuple[tuple[float, ...], ...] | None:
    """`count` lists of numbers; None for anything else."""
    if not isinstance(given, list) or len(cast("list[object]", given)) != count:
        return None
    vectors = [_vector(each) for each in cast("list[object]", given)]
    return None if None in vectors else tuple(vector for vector in vectors if vector is not None)


def _vector(given: object) -> tuple[float, ...] | None:
    if not isinstance(given, list) or not given:
        return None
    numbers = cast("list[object]", given)
    if not all(type(number) in (int, float) for number in numbers):
        return None
    vector = tuple(float(cast("float", number)) for number in numbers)
    return vector if all(map(math.isfinite, vector)) else None
