"""The calculator's tools, as data: a tool is one entry of a table, and everything else follows from the table.

Vocabulary, legality, prompts, the enumeration of expressions and the oracle's search are all made from it. A world uses
the tools that its settings name. To add a tool, add an entry here: RSB and MAX were added like that.

`apply` gets balanced residues (see `balanced`) as Python integers, NumPy arrays or tensors. The caller reduces its
result.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, TypeVar

T = TypeVar("T")  # an integer, a NumPy array or a tensor
P = 2**31 - 1  # arithmetic is modulo this prime: products of balanced residues fit in 64 bits, nothing overflows
HALF = (P - 1) // 2


@dataclass(frozen=True)
class Tool:
    """`name` is the token that calls it, `symbol` its infix sign in expressions; `apply(acc, value)` is vectorised.

    A tool that is not `polynomial` leaves identity undefined: success is then by value on sampled operands.
    """

    name: str
    symbol: str
    apply: Callable[[Any, Any], Any]
    polynomial: bool = True
    crossed: bool = False  # computes (value op) accumulator

    def __reduce__(self) -> tuple[Callable[[str, bool], Tool], tuple[str, bool]]:
        """Pickled by its name, as functions are: `apply` may be a lambda, and environments go to other processes."""
        return called, (self.name, self.crossed)


def called(name: str, crossed: bool = False) -> Tool:
    """The tool as the machine calls it; `crossed`: with accumulator and value exchanged."""
    return _crossed(TOOLS[name]) if crossed else TOOLS[name]


@cache
def _crossed(tool: Tool) -> Tool:
    return replace(tool, apply=lambda acc, value: tool.apply(value, acc), crossed=True)


def symmetric(name: str) -> bool:
    """Whether a tool computes the same when accumulator and value are exchanged."""
    return all(TOOLS[name].apply(a, b) == TOOLS[name].apply(b, a) for a, b in ((3, 5), (7, 2)))


TOOLS = {
    tool.name: tool
    for tool in (
        Tool("ADD", "+", lambda acc, value: acc + value),
        Tool("SUB", "-", lambda acc, value: acc - value),
        Tool("MUL", "*", lambda acc, value: acc * value),
        Tool("RSB", "~", lambda acc, value: value - acc),
        Tool("MAX", "^", lambda acc, value: acc * (acc > value) + value * (acc <= value), polynomial=False),
    )
}
DEFAULT_TOOLS = ("ADD", "SUB", "MUL")


def balanced(value: T) -> T:
    """The residue of `value` modulo P in -(P-1)/2 .. (P-1)/2, for integers, arrays and tensors alike."""
    return (value + HALF) % P - HALF  # pyright: ignore[reportReturnType, reportOperatorIssue]
