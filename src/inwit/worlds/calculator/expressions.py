"""Infix expressions over operands a..j: enumerating, writing, parsing, evaluating, and what they are as polynomials.

A tree is an operand's index or `(symbol, left, right)`. An expression uses its operands once each, in increasing order
of letters; it is written fully parenthesised but for the outermost pair, as in `(a*b)-(c*d)`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from operator import add
from typing import TypeVar

from inwit.core.errors import UserError, short
from inwit.worlds.calculator.tools import Tool

LETTERS = "abcdefghij"

Tree = int | tuple[str, "Tree", "Tree"]
V = TypeVar("V")  # integers, columns of them, or polynomials


@cache
def enumerate_trees(num_operators: int, symbols: tuple[str, ...]) -> tuple[Tree, ...]:
    """Every expression with that many operators, operands 0, 1, 2, ... in order: shapes of the tree times operators."""
    return tuple(_trees(0, num_operators + 1, symbols))


def _trees(first: int, count: int, symbols: tuple[str, ...]) -> list[Tree]:
    if count == 1:
        return [first]
    return [
        (symbol, left, right)
        for split in range(1, count)
        for symbol in symbols
        for left in _trees(first, split, symbols)
        for right in _trees(first + split, count - split, symbols)
    ]


def num_operands(tree: Tree) -> int:
    return 1 if isinstance(tree, int) else num_operands(tree[1]) + num_operands(tree[2])


def write(tree: Tree, letters: Sequence[str] = LETTERS) -> str:
    """The infix text; `letters[i]` is the name of operand i."""

    def inner(node: Tree) -> str:
        return letters[node] if isinstance(node, int) else f"({inner(node[1])}{node[0]}{inner(node[2])})"

    text = inner(tree)
    return text[1:-1] if text.startswith("(") else text


def parse(text: str, symbols: Sequence[str]) -> tuple[Tree, str]:
    """The tree of an expression and the letters of its operands, in order: `(b*c)-e` gives a tree over 0, 1, 2 and
    "bce".

    Spaces are allowed. Raises `UserError`, pointing at the column (from 1), for anything that is not a fully
    parenthesised expression in which each letter stands once and letters increase from left to right.
    """
    return _Parser(text, symbols).parse()


class _Parser:
    def __init__(self, text: str, symbols: Sequence[str]) -> None:
        self.text, self.symbols = text, symbols
        self.place, self.letters, self.depth = 0, "", 0

    def parse(self) -> tuple[Tree, str]:
        tree = self._operation(outermost=True)
        if self._peek():
            raise self._error("the expression should end here: parenthesise all but the outermost operation")
        return tree, self.letters

    def _operation(self, *, outermost: bool) -> Tree:
        left = self._operand()
        symbol = self._peek()
        if outermost and not symbol and not isinstance(left, int):
            return left
        if symbol not in self.symbols or not symbol:
            raise self._error(f"an operator should stand here: {' '.join(self.symbols)}")
        self.place += 1
        return (symbol, left, self._operand())

    def _operand(self) -> Tree:
        sign = self._peek()
        if sign == "(":
            if self.depth == len(LETTERS):  # each pair has an operator of its own
                raise self._error(f"no expression over {len(LETTERS)} operands has so many parentheses in each other")
            self.place, self.depth = self.place + 1, self.depth + 1
            tree = self._operation(outermost=False)
            if self._peek() != ")":
                raise self._error("a closing parenthesis should stand here")
            self.place, self.depth = self.place + 1, self.depth - 1
            return tree
        if not sign or sign not in LETTERS:
            raise self._error(f"an operand ({LETTERS[0]}..{LETTERS[-1]}) or an opening parenthesis should stand here")
        if self.letters and sign <= self.letters[-1]:
            raise self._error(f"operand {sign} stands after {self.letters[-1]}: operands stand once each, in order")
        self.letters += sign
        self.place += 1
        return len(self.letters) - 1

    def _peek(self) -> str:
        """The next character that is not white space, "" at the end."""
        while self.place < len(self.text) and self.text[self.place].isspace():
            self.place += 1
        return self.text[self.place : self.place + 1]

    def _error(self, message: str) -> UserError:
        return UserError(f"expression {short(self.text)}, column {self.place + 1}: {message}")


def evaluate(tree: Tree, values: Sequence[V], apply: Mapping[str, Callable[[V, V], V]]) -> V:
    """The value of a tree whose operands have these values; `apply[symbol](left, right)` combines two."""
    if isinstance(tree, int):
        return values[tree]
    return apply[tree[0]](evaluate(tree[1], values, apply), evaluate(tree[2], values, apply))


class Exact:
    """A polynomial with integer coefficients, to which tools can be applied. Whole numbers count as constants.

    `terms` are pairs: the exponents of the `count` operands, and a coefficient that is not 0. Polynomials are equal,
    and have equal hashes, where their terms are.
    """

    __slots__ = ("count", "terms")

    def __init__(self, terms: Iterable[tuple[tuple[int, ...], int]], count: int) -> None:
        total: dict[tuple[int, ...], int] = {}
        for exponents, coefficient in terms:
            total[exponents] = total.get(exponents, 0) + coefficient
        self.terms = frozenset((exponents, total[exponents]) for exponents in total if total[exponents])
        self.count = count

    @staticmethod
    def variable(index: int, count: int) -> Exact:
        """Operand `index` of `count`."""
        return Exact([(tuple(int(i == index) for i in range(count)), 1)], count)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Exact) and self.terms == other.terms

    def __hash__(self) -> int:
        return hash(self.terms)

    def __add__(self, other: Exact | int) -> Exact:
        return Exact([*self.terms, *self._terms(other)], self.count)

    def __mul__(self, other: Exact | int) -> Exact:
        pairs = [(left, right) for left in self.terms for right in self._terms(other)]
        return Exact(((tuple(map(add, a, b)), x * y) for (a, x), (b, y) in pairs), self.count)

    def __sub__(self, other: Exact | int) -> Exact:
        return self + -other

    def __rsub__(self, other: int) -> Exact:
        return -self + other

    def __neg__(self) -> Exact:
        return self * -1

    __radd__ = __add__
    __rmul__ = __mul__

    def _terms(self, other: Exact | int) -> Iterable[tuple[tuple[int, ...], int]]:
        return other.terms if isinstance(other, Exact) else [((0,) * self.count, other)]


@cache
def polynomial_of(tree: Tree, tools: tuple[Tool, ...], count: int) -> Exact | None:
    """The polynomial of an expression in `count` operands; None if it uses a tool that is not polynomial.

    Sub-expressions are kept, so that a whole enumeration costs one operation an expression.
    """
    if isinstance(tree, int):
        return Exact.variable(tree, count)
    tool = tool_of(tree[0], tools)
    left, right = polynomial_of(tree[1], tools, count), polynomial_of(tree[2], tools, count)
    return tool.apply(left, right) if left and right and tool.polynomial else None


def tool_of(symbol: str, tools: Sequence[Tool]) -> Tool:
    """The tool whose infix sign is `symbol`."""
    return next(tool for tool in tools if tool.symbol == symbol)
