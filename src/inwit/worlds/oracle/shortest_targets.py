"""Polynomials as fingerprints, and the table of those that a search looks for.

A polynomial over Z_p is held as its values at three fixed random points ("lanes"), and compared by two 64-bit hashes
of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice, permutations

import numpy as np

from inwit.worlds.calculator.expressions import LETTERS, Tree, evaluate
from inwit.worlds.calculator.tools import HALF, TOOLS, balanced

POINTS = 3
SEED = 20240607
BLOCK = 40_320  # permutations evaluated at a time: ten operands have 3.6 million

Lanes = np.ndarray  # int64 [POINTS, N]: N polynomials at the points, balanced
Keys = np.ndarray  # uint64 [2, N]: two independent hashes of N things

_MULTIPLIERS = np.random.default_rng(SEED + 1).integers(0, 2**63, (2, 4), dtype=np.uint64) * np.uint64(2) + np.uint64(1)
_TABLE_BITS = 22


def points_of(num_operands: int) -> Lanes:
    """The operands at the points, [POINTS, n]: the first n columns of one fixed table."""
    return np.random.default_rng(SEED).integers(-HALF, HALF + 1, (len(LETTERS), POINTS))[:num_operands].T.copy()


def value_keys(lanes: Lanes) -> Keys:
    """Two 64-bit hashes of each polynomial: random linear maps of its residues, then mixed so that sums of them (of a
    state's slots, in any order) are keys, too. For different residues both agree with probability 2^-128."""
    low = (lanes[0].view(np.uint64) << np.uint64(32)) ^ (lanes[1].view(np.uint64) & np.uint64(0xFFFFFFFF))
    high = lanes[2].view(np.uint64)
    keys = np.empty((2, lanes.shape[1]), dtype=np.uint64)
    for key, (first, second, third, fourth) in zip(keys, _MULTIPLIERS, strict=True):
        np.multiply(low, first, out=key)
        key += high * second
        key ^= key >> np.uint64(32)
        key *= third
        key ^= key >> np.uint64(29)
        key *= fourth
        key ^= key >> np.uint64(32)
    return keys


class Targets:
    """The polynomials of T trees under each of the M = n! renamings of their operands, sorted by their first hash.

    `keys` [2, T*M] uint64; `tree` [T*M] and `order` [T*M]: operand i of `tree` is called `orders[order, i]`. Trees that
    are equal up to renaming share keys; `owners` gives all of them.
    """

    def __init__(self, trees: Sequence[Tree], num_operands: int) -> None:
        points = points_of(num_operands)
        apply = {tool.symbol: lambda left, right, f=tool.apply: balanced(f(left, right)) for tool in TOOLS.values()}
        orders, keys = [], []
        stream = permutations(range(num_operands))
        while block := list(islice(stream, BLOCK)):
            orders.append(np.array(block, dtype=np.int8))
            values = [points[:, names] for names in orders[-1].T]
            keys.append(np.stack([value_keys(evaluate(tree, values, apply)) for tree in trees], axis=1))
        self.orders = np.concatenate(orders)
        unsorted = np.concatenate(keys, axis=2).reshape(2, -1)
        by_key = np.argsort(unsorted[0], kind="stable")
        self.keys = unsorted[:, by_key]
        self.tree, self.order = np.divmod(by_key, len(self.orders))
        self._likely = np.zeros(1 << _TABLE_BITS, dtype=bool)
        self._likely[self._prefix(self.keys[0])] = True

    def find(self, keys: Keys) -> list[tuple[int, int]]:
        """(index into `keys`, its first place in this table) for those of `keys` that are targets."""
        rows = np.flatnonzero(self._likely[self._prefix(keys[0])])
        places = np.searchsorted(self.keys[0], keys[0, rows]).clip(max=self.keys.shape[1] - 1)
        hit = (self.keys[:, places] == keys[:, rows]).all(axis=0)
        return list(zip(rows[hit].tolist(), places[hit].tolist(), strict=True))

    def owners(self, place: int) -> dict[int, np.ndarray]:
        """For each tree with the polynomial at `place`: the operand that is called 0 there, the one called 1, ..."""
        end = int(np.searchsorted(self.keys[0], self.keys[0, place], side="right"))
        return {int(self.tree[i]): np.argsort(self.orders[self.order[i]]) for i in range(place, end)}

    @staticmethod
    def _prefix(keys: np.ndarray) -> np.ndarray:
        return (keys >> np.uint64(64 - _TABLE_BITS)).view(np.int64)
