"""Comparing by several keys: they are packed into one number, so that one minimum over rows compares them all."""

from __future__ import annotations

from math import prod

from torch import Tensor

LIMIT = 2**62  # packed numbers are below it: int64 has room for one more bit, and the sign


def lexicographic(*keys: tuple[Tensor, int]) -> Tensor:
    """One number for each element, ordered as its keys are: the first decides, where it is equal the second, and so on.

    A key is a tensor of whole numbers and their size: they are in 0 .. size - 1. The first alone may also hold negative
    numbers. All tensors must fit one another's shapes (broadcasting).
    """
    assert prod(size for _, size in keys) <= LIMIT, f"keys of sizes {[size for _, size in keys]} overflow an int64"
    packed = keys[0][0]
    for values, size in keys[1:]:
        packed = packed * size + values
    return packed
