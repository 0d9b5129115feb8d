"""Types of the values in a query, for the oracle: which values may be renamed without changing anything.

The arguments of a tool are of one type, its answers of another, and a chain joins the answers of one tool with the
arguments of the next. Tables are uniform and independent, so the values of a type may be renamed, each type for itself:
but where a value decides a branch its parity must stay, and where it is added or compared it must stay as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from itertools import pairwise
from typing import NamedTuple

from inwit.worlds.lookup.queries import STAR

STAR_TOOL = 99  # the number of `*` in a state: after all unary tools
FREE, PARITY, RIGID = 0, 1, 2  # how values of a type may be renamed

Cell = tuple[int, tuple[int, ...]]  # a tool and its arguments
Known = Mapping[Cell, int]
Terms = tuple[tuple[tuple[int, ...], int], ...]  # of each term the tools that are left to call, and the value reached


class Shape(NamedTuple):
    """What a query's form says of its values: types are numbered from 0."""

    terms: tuple[int, ...]  # the type of each term's value
    arguments: dict[int, tuple[int, ...]]  # of each tool in play
    answers: dict[int, int]
    renaming: tuple[int, ...]  # of each type: FREE, PARITY or RIGID
    later: frozenset[int]  # unary tools that are called on a value which is not known yet
    final: int  # the type of the query's value


def shape_of(operator: str, terms: Terms) -> Shape:
    """The types of a form: an operator, and of each term the tools that are left."""
    return _shape(operator, tuple(tools for tools, _ in terms))


@cache
def _shape(operator: str, chains: tuple[tuple[int, ...], ...]) -> Shape:
    parent: dict[object, object] = {}

    def find(node: object) -> object:
        while parent.setdefault(node, node) != node:
            node = parent[node]
        return node

    sinks = _sinks(operator, len(chains))
    for chain, sink in zip(chains, sinks, strict=True):
        for tool, following in pairwise(chain):
            parent[find((tool, "answers"))] = find((following, "arguments"))
        if chain:
            parent[find((chain[-1], "answers"))] = find(sink)
    numbers: dict[object, int] = {}

    def number(node: object) -> int:
        return numbers.setdefault(find(node), len(numbers))

    tools = sorted({tool for chain in chains for tool in chain})
    arguments: dict[int, tuple[int, ...]] = {tool: (number((tool, "arguments")),) for tool in tools}
    answers = {tool: number((tool, "answers")) for tool in tools}
    heads = tuple(number((chain[0], "arguments") if chain else sink) for chain, sink in zip(chains, sinks, strict=True))
    final = number("final")
    if operator == STAR:
        arguments[STAR_TOOL], answers[STAR_TOOL] = (number("sink 0"), number("sink 1")), final
    special: dict[int, int] = {}
    if operator == "?":
        special = {number("sink 0"): PARITY}
    elif operator in ("+", "&"):
        special = {number(sink): RIGID for sink in sinks}
    renaming = tuple(special.get(each, FREE) for each in range(len(numbers)))
    later = frozenset(tool for chain in chains for tool in chain[1:])
    return Shape(heads, arguments, answers, renaming, later, final)


def _sinks(operator: str, terms: int) -> list[str]:
    """What becomes of each term's value: the query's value, or a place of the operator."""
    places = {STAR: 2, "+": 2, "&": 2, "?": 1}.get(operator, 0)
    return [f"sink {place}" if place < places else "final" for place in range(terms)]
