"""Infix expressions over operands a..j: enumerating, writing, parsing, evaluating, and their polynomials.

A tree is an operand's index (an int) or `(symbol, left, right)`. An expression uses its operands once each, in
increasing order of letters; it is written fully parenthesised but for the outermost pair, as in `(a*b)-(c*d)`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from inwit.core.errors import UserError

LETTERS = "abcdefghij"

Tree = int | tuple[str, "Tree", "Tree"]
Polynomial = dict[tuple[int, ...], int]  # exponents of each operand -> coefficient, none of them 0


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
        self.text = text
        self.symbols = symbols
        self.place = 0
        self.letters = ""

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
            self.place += 1
            tree = self._operation(outermost=False)
            if self._peek() != ")":
                raise self._error("a closing parenthesis should stand here")
            self.place += 1
            return tree
        if not sign or sign not in LETTERS:
            raise self._error(f"an operand ({LETTERS[0]}..{LETTERS[-1]}) or an opening parenthesis should stand here")
        if self.letters and sign <= self.letters[-1]:
            raise self._error(f"operand {sign} stands after {self.letters[-1]}: operands stand once each, in order")
        self.letters += sign
        self.place += 1
        return len(self.letters) - 1

    def _peek(self) -> str:
        """The next character that is not a space, "" at the end."""
        while self.place < len(self.text) and self.text[self.place] == " ":
            self.place += 1
        return self.text[self.place : self.place + 1]

    def _error(self, message: str) -> UserError:
        return UserError(f"expression {self.text!r}, column {self.place + 1}: {message}")


def evaluate(tree: Tree, values: Sequence[Any], apply: Mapping[str, Callable[[Any, Any], Any]]) -> Any:
    """The value of a tree: `apply[symbol](left, right)` on whatever `values` holds (integers, columns, polynomials)."""
    if isinstance(tree, int):
        return values[tree]
    return apply[tree[0]](evaluate(tree[1], values, apply), evaluate(tree[2], values, apply))


def variable(index: int, count: int) -> Polynomial:
    """Operand `index` of `count` as a polynomial."""
    return {tuple(int(i == index) for i in range(count)): 1}


def add(left: Polynomial, right: Polynomial, sign: int = 1) -> Polynomial:
    total = dict(left)
    for exponents, coefficient in right.items():
        total[exponents] = total.get(exponents, 0) + sign * coefficient
    return {exponents: coefficient for exponents, coefficient in total.items() if coefficient}


def multiply(left: Polynomial, right: Polynomial) -> Polynomial:
    total: Polynomial = {}
    for a, x in left.items():
        for b, y in right.items():
            exponents = tuple(i + j for i, j in zip(a, b, strict=True))
            total[exponents] = total.get(exponents, 0) + x * y
    return {exponents: coefficient for exponents, coefficient in total.items() if coefficient}
