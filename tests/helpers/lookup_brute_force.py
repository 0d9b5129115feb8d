"""lookup-v0 by brute force: every hidden table is written down, and every adaptive strategy over every cell is tried.

Written from the rules alone, without the oracle's states: only the classes `Query` and `Term` are shared.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cached_property
from itertools import product

import numpy as np

from inwit.worlds.lookup.queries import Query, Term

ANSWER = 2  # tokens


def value_in(query: Query, table: tuple[int, ...], n: int, k: int) -> int:
    """The query's value in one world: cells of F, G, ... and then of *, flat."""

    def of(term: Term) -> int:
        value = term.value
        for tool in term.tools:
            value = table[tool * n + value]
        return value

    values = [of(term) for term in query.terms]
    if query.operator == "?":
        return values[1] if values[0] % 2 else values[2]
    if query.operator == "*":
        return table[(k + values[0]) * n + values[1]]
    if query.operator == "+":
        return sum(values) % n
    return min(values)  # of one value, or the lesser of two


Known = tuple[int | None, ...]  # of each cell its value, or None


class WithoutFailures:
    """The query's value in every table is one array with an axis for each cell: what is known is a part of it.

    Totals over all tables of a part are whole numbers, so nothing is divided before the end.
    """

    def __init__(self, query: Query, n: int, k: int) -> None:
        self.n, self.k = n, k
        cells = n * k + n * n * (query.operator == "*")
        worlds = product(range(n), repeat=cells)
        self.values = np.fromiter((value_in(query, table, n, k) for table in worlds), np.uint8).reshape((n,) * cells)
        self.nothing: Known = (None,) * cells
        self._counts: dict[Known, tuple[int, int]] = {}

    def best_value(self, price: Fraction, steps: int) -> Fraction:
        """The greatest value of any strategy with so many tokens."""
        memo: dict[tuple[Known, int], int] = {}
        return Fraction(self._best(self.nothing, price, steps, memo), self.values.size * price.denominator)

    def least_calls(self, most: int) -> Fraction:
        """The least expected number of calls of a strategy that is always right after at most `most` calls."""
        found = self._least(self.nothing, most, {})
        assert found is not None
        return Fraction(found, self.values.size)

    def _count(self, known: Known) -> tuple[int, int]:
        """In how many of the tables that are left the best answer is right, and how many these are."""
        found = self._counts.get(known)
        if found is None:
            part = self.values[tuple(slice(None) if value is None else value for value in known)]
            found = self._counts[known] = int(np.bincount(part.ravel()).max()), part.size
        return found

    def _after(self, known: Known, cell: int) -> list[Known]:
        return [(*known[:cell], value, *known[cell + 1 :]) for value in range(self.n)]

    def _best(self, known: Known, price: Fraction, steps: int, memo: dict[tuple[Known, int], int]) -> int:
        key = known, steps
        if key not in memo:
            right, size = self._count(known)
            best = right * price.denominator if steps >= ANSWER else 0
            for cell, value in enumerate(known):
                left = steps - (2 if cell < self.n * self.k else 3)
                if value is None and left >= ANSWER and right < size:
                    total = sum(self._best(each, price, left, memo) for each in self._after(known, cell))
                    best = max(best, total - price.numerator * size)
            memo[key] = best
        return memo[key]

    def _least(self, known: Known, most: int, memo: dict[Known, int | None]) -> int | None:
        """None where there is none. How many calls are left follows from what is known."""
        right, size = self._count(known)
        if right == size or most == 0:
            return 0 if right == size else None
        if known not in memo:
            found = []
            for cell, value in enumerate(known):
                if value is None:
                    parts = [self._least(each, most - 1, memo) for each in self._after(known, cell)]
                    found += [size + sum(part for part in parts if part is not None)] if None not in parts else []
            memo[known] = min(found, default=None)
        return memo[known]


class WithFailures:
    """A weight, a whole number, for every table with every set of broken tools. Unary tools only."""

    def __init__(self, n: int, k: int, fail: Fraction, broken: Fraction) -> None:
        self.n, self.k, self.fail, self.broken = n, k, fail, broken
        self.tables = list(product(range(n), repeat=n * k))
        self.patterns = list(product((0, 1), repeat=k))
        self._after: dict[bytes, dict[tuple[int, bool], list[tuple[Fraction, bytes]]]] = {}

    @cached_property
    def start(self) -> bytes:
        top, bottom = self.broken.numerator, self.broken.denominator
        weights = [top ** sum(each) * (bottom - top) ** (self.k - sum(each)) for each in self.patterns]
        return self._normal(np.repeat(np.array(weights, np.int64), len(self.tables)))

    @cached_property
    def _cells(self) -> np.ndarray:
        return np.tile(np.array(self.tables), (len(self.patterns), 1)).T

    @cached_property
    def _broken(self) -> np.ndarray:
        return np.repeat(np.array(self.patterns), len(self.tables), axis=0).T

    def values(self, query: Query) -> np.ndarray:
        values = [value_in(query, table, self.n, self.k) for table in self.tables]
        return np.tile(np.array(values), len(self.patterns))

    def right(self, belief: bytes, values: np.ndarray) -> Fraction:
        weights = np.frombuffer(belief, np.int64)
        shares = [int(weights[values == value].sum()) for value in range(self.n)]
        return Fraction(max(shares), sum(shares))

    def after(self, belief: bytes, cell: int, sure: bool) -> list[tuple[Fraction, bytes]]:
        """What may be believed after a call, with probabilities."""
        found = self._after.setdefault(belief, {})
        if (cell, sure) not in found:
            weights, holds = np.frombuffer(belief, np.int64), self._cells[cell]
            top, bottom = self.fail.numerator, self.fail.denominator
            broken = self._broken[cell // self.n]
            answers = np.full_like(weights, bottom) if sure else np.where(broken, 0, bottom - top)
            parts = [weights * answers * (holds == value) for value in range(self.n)]
            parts.append(weights * (bottom - answers))  # ERR
            total = int(weights.sum()) * bottom
            found[cell, sure] = [(Fraction(int(part.sum()), total), self._normal(part)) for part in parts if part.any()]
        return found[cell, sure]

    def best(
        self, values: np.ndarray, price: Fraction, sure_price: Fraction, steps: int, memo: dict, belief: bytes
    ) -> Fraction:
        """The greatest value of any strategy with so many tokens left."""
        key = belief, steps
        if key not in memo:
            best = self.right(belief, values) if steps >= ANSWER else Fraction(0)
            for cell, sure in product(range(self.n * self.k), (False, True)) if steps >= 2 + ANSWER else ():
                expected = -(sure_price if sure else price)
                for chance, then in self.after(belief, cell, sure):
                    expected += chance * self.best(values, price, sure_price, steps - 2, memo, then)
                best = max(best, expected)
            memo[key] = best
        return memo[key]

    @staticmethod
    def _normal(weights: np.ndarray) -> bytes:
        return (weights // max(1, int(np.gcd.reduce(weights)))).tobytes()
