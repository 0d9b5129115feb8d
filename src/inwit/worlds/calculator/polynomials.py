"""Exact polynomials in the operands that tools can be applied to as they are: what an expression *is*.

The arithmetic on coefficients is in `expressions` (`add`, `multiply`); `Exact` gives it the signs `+ - *`, in which
`Tool.apply` is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from inwit.worlds.calculator.expressions import Polynomial, Tree, add, multiply, variable
from inwit.worlds.calculator.tools import Tool


class Exact:
    """A polynomial with integer coefficients; equal and hashed by its terms. Whole numbers count as constants."""

    __slots__ = ("count", "terms")

    def __init__(self, terms: Polynomial, count: int) -> None:
        self.terms = terms
        self.count = count  # of operands: the length of each term's exponents

    @property
    def key(self) -> frozenset[tuple[tuple[int, ...], int]]:
        return frozenset(self.terms.items())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Exact) and self.terms == other.terms

    def __hash__(self) -> int:
        return hash(self.key)

    def __add__(self, other: Exact | int) -> Exact:
        return Exact(add(self.terms, self._terms(other)), self.count)

    def __sub__(self, other: Exact | int) -> Exact:
        return Exact(add(self.terms, self._terms(other), -1), self.count)

    def __rsub__(self, other: int) -> Exact:
        return Exact(add(self._terms(other), self.terms, -1), self.count)

    def __mul__(self, other: Exact | int) -> Exact:
        return Exact(multiply(self.terms, self._terms(other)), self.count)

    __radd__ = __add__
    __rmul__ = __mul__

    def __neg__(self) -> Exact:
        return self * -1

    def _terms(self, other: Exact | int) -> Polynomial:
        if isinstance(other, Exact):
            return other.terms
        return {(0,) * self.count: other} if other else {}


@cache
def polynomial_of(tree: Tree, tools: tuple[Tool, ...], count: int) -> Exact | None:
    """The polynomial of an expression in `count` operands; None if it uses a tool that is not polynomial.

    Sub-expressions are kept, so that a whole enumeration costs one operation an expression.
    """
    if isinstance(tree, int):
        return Exact(variable(tree, count), count)
    tool = tool_of(tree[0], tools)
    left, right = polynomial_of(tree[1], tools, count), polynomial_of(tree[2], tools, count)
    if left is None or right is None or not tool.polynomial:
        return None
    return tool.apply(left, right)


def tool_of(symbol: str, tools: Sequence[Tool]) -> Tool:
    """The tool whose infix sign is `symbol`."""
    return next(tool for tool in tools if tool.symbol == symbol)
