"""lookup-v0 with answers that may be wrong, by brute force: every hidden table, stale tool and drift is written down,
and every adaptive strategy over every cell is tried. Written from the rules alone; unary tools only."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np

from inwit.worlds.lookup.queries import Query
from lookup_brute_force import value_in

ANSWER = CALL = 2  # tokens


class WithDeceit:
    """A weight, a whole number, for every table with every set of broken and of stale tools and every drift."""

    def __init__(self, n: int, k: int, **chances: Fraction) -> None:
        self.n, self.k = n, k
        self.lie, self.fail = chances.get("lie", Fraction(0)), chances.get("fail", Fraction(0))
        worlds = [self._tools(chances.get("stale", Fraction(0)), chances.get("broken", Fraction(0))) for _ in range(k)]
        rows = [
            (sum((each[0] for each in world), ()), sum((each[1] for each in world), ()), world)
            for world in product(*worlds)
        ]
        self.tables = [truth for truth, _, _ in rows]
        self._truth, self._said = (np.array([row[place] for row in rows]).T for place in (0, 1))
        self._broken = np.array([[each[2] for each in world] for _, _, world in rows]).T
        weights = [np.prod([each[3] for each in world], dtype=np.int64) for _, _, world in rows]
        self.start = self._normal(np.array(weights, np.int64))
        self._after: dict[bytes, dict[tuple[int, bool], list[tuple[int | None, Fraction, bytes]]]] = {}

    def _tools(self, stale: Fraction, broken: Fraction) -> list[tuple[tuple[int, ...], tuple[int, ...], bool, int]]:
        """What one tool may be: its table, what it says, whether it is broken, and a weight."""
        n, found = self.n, []
        for truth, is_broken in product(product(range(n), repeat=n), (False, True)):
            share = broken if is_broken else 1 - broken
            for drift in product(range(1, n), repeat=n) if stale else ():
                said = tuple((value + each) % n for value, each in zip(truth, drift, strict=True))
                found.append((truth, said, is_broken, share * stale / (n - 1) ** n))
            found.append((truth, truth, is_broken, share * (1 - stale)))
        scale = np.lcm.reduce([each[3].denominator for each in found])
        return [(*each[:3], int(each[3] * int(scale))) for each in found if each[3]]

    def values(self, query: Query) -> np.ndarray:
        return np.array([value_in(query, table, self.n, self.k) for table in self.tables])

    def after(self, belief: bytes, cell: int, sure: bool) -> list[tuple[int | None, Fraction, bytes]]:
        """The answers to a call (None: ERR), with probabilities and what is then believed."""
        found = self._after.setdefault(belief, {})
        if (cell, sure) not in found:
            weights = np.frombuffer(belief, np.int64)
            parts: list[tuple[int | None, np.ndarray]] = []
            if sure:
                total = int(weights.sum())
                parts = [(value, weights * (self._truth[cell] == value)) for value in range(self.n)]
            else:
                lies, scale = self.lie / (self.n - 1), self.fail.denominator * self.lie.denominator * (self.n - 1)
                total = int(weights.sum()) * scale
                answers = np.where(self._broken[cell // self.n], 0, 1)
                for value in range(self.n):
                    chances = [int((1 - self.fail) * each * scale) for each in (lies, 1 - self.lie)]
                    parts.append(
                        (value, weights * answers * np.where(self._said[cell] == value, chances[1], chances[0]))
                    )
                parts.append((None, weights * np.where(answers, int(self.fail * scale), scale)))
            found[cell, sure] = [
                (value, Fraction(int(part.sum()), total), self._normal(part)) for value, part in parts if part.any()
            ]
        return found[cell, sure]

    def called(
        self,
        values: np.ndarray,
        prices: tuple[Fraction, Fraction],
        left: int,
        memo: dict,
        belief: bytes,
        cell: int,
        sure: bool,
    ) -> Fraction:
        """What a call is worth, with `left` tokens left after it."""
        after = self.after(belief, cell, sure)
        return sum((share * self.best(values, prices, left, memo, then) for _, share, then in after), -prices[sure])

    def best(
        self, values: np.ndarray, prices: tuple[Fraction, Fraction], steps: int, memo: dict, belief: bytes
    ) -> Fraction:
        """The greatest value of any strategy with so many tokens left. `prices`: of a call, of a sure one (0: none)."""
        key = belief, steps
        if key not in memo:
            weights = np.frombuffer(belief, np.int64)
            shares = [int(weights[values == value].sum()) for value in range(self.n)]
            best = Fraction(max(shares), sum(shares)) if steps >= ANSWER else Fraction(0)
            calls = product(range(self.n * self.k), (False, True) if prices[1] else (False,))
            for cell, sure in calls if steps >= CALL + ANSWER else ():
                best = max(best, self.called(values, prices, steps - CALL, memo, belief, cell, sure))
            memo[key] = best
        return memo[key]

    @staticmethod
    def _normal(weights: np.ndarray) -> bytes:
        return (weights // max(1, int(np.gcd.reduce(weights)))).tobytes()
