"""What a call may lead to, whatever tools cost and however often they fail: states as nodes, calls as moves.

Moves are of every cell that may lie on the way to the query's value, up to names, and of no other. A call of another
cell tells nothing of the value, and what it tells of its tool, whether it works, a call of a cell that may matter tells
as well. If the tool has no cell that may matter, it does not matter whether it works. So nothing is lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import NamedTuple

from inwit.worlds.lookup.shapes import PARITY, STAR_TOOL, Cell, Known, Terms, shape_of
from inwit.worlds.lookup.states import (
    State,
    canonical,
    cells_that_matter,
    classes,
    next_cells,
    values_of,
    with_answer,
)

ZERO, ONE = Fraction(0), Fraction(1)


class Result(NamedTuple):
    """What a call that is answered may lead to: a node, and where each of its tools stood among the node's before."""

    share: Fraction
    rough_share: float
    node: Node
    places: tuple[int, ...]


class Move:
    """A call of a cell."""

    def __init__(self, node: Node, cell: Cell, needed: bool) -> None:
        self.node, self.cell = node, cell
        self.needed = needed  # whether a term needs the cell next
        self.tool = node.tools.index(cell[0])  # its place among the node's tools
        self.steps = 1 + len(cell[1])  # tokens of the call

    @cached_property
    def results(self) -> tuple[Result, ...]:
        graph, state, tools = self.node.graph, self.node.state, self.node.tools
        known = dict(state.known)
        shares: dict[tuple[Node, tuple[int, ...]], Fraction] = {}
        for value, share in values_at(state, self.cell, graph.num_values):
            node, names = graph.node(state.operator, state.terms, known | {self.cell: value})
            key = node, tuple(tools.index(name) for name in names)
            shares[key] = shares.get(key, ZERO) + share
        return tuple(Result(share, float(share), *key) for key, share in shares.items())


class Node:
    """A state without its errors: those of the tools, in the order of `tools`, go beside it."""

    def __init__(self, graph: Graph, state: State, tools: tuple[int, ...]) -> None:
        self.graph, self.state, self.tools = graph, state, tools

    @cached_property
    def right(self) -> Fraction:
        """The probability that the best answer is right."""
        return max(belief(self.state, self.graph.num_values).values())

    @cached_property
    def rough_right(self) -> float:
        return float(self.right)

    @cached_property
    def moves(self) -> tuple[Move, ...]:
        """In the order of the text those that the terms need next, then the others. None where the value is known."""
        if self.right == 1:
            return ()
        needed = next_cells(self.state)
        cells = cells_that_matter(self.state, self.graph.num_values)
        return tuple(Move(self, cell, cell in needed) for cell in cells)

    @cached_property
    def fewest(self) -> Fraction:
        """A bound: of all policies that are always right none makes fewer calls, on average."""
        if self.right == 1:
            return ZERO
        return 1 + min(sum((each.share for each in move.results if each.node.right < 1), ZERO) for move in self.moves)

    @cached_property
    def least(self) -> Fraction:
        """The least expected number of calls of a policy that is always right, where nothing fails."""
        if self.right == 1:
            return ZERO
        best: Fraction | None = None
        for move in self.moves:
            bound = 1 + sum((each.share * each.node.fewest for each in move.results), ZERO)
            if best is None or bound < best:
                calls = 1 + sum((each.share * each.node.least for each in move.results), ZERO)
                best = calls if best is None else min(best, calls)
        assert best is not None
        return best


class Graph:
    """All nodes met so far, for one number of values."""

    def __init__(self, num_values: int) -> None:
        self.num_values = num_values
        self._nodes: dict[State, Node] = {}

    @property
    def size(self) -> int:
        return len(self._nodes)

    def node(self, operator: str, terms: Terms, known: Known) -> tuple[Node, tuple[int, ...]]:
        """The node of a query with known cells; and what the node's tools are called in the query."""
        names = {tool: tool for tools, _ in terms for tool in tools} | {STAR_TOOL: STAR_TOOL}
        state = canonical(operator, terms, known, names, self.num_values)
        key = state._replace(errors=())
        node = self._nodes.get(key)
        if node is None:
            node = self._nodes[key] = Node(self, key, tuple(new for new, _ in state.errors))
        return node, tuple(old for _, old in state.errors)


@lru_cache(maxsize=8)
def graph_of(num_values: int) -> Graph:
    return Graph(num_values)


def values_at(state: State, cell: Cell, num_values: int) -> Iterator[tuple[int, Fraction]]:
    """What a cell may hold, up to names, with probabilities."""
    shape, values = shape_of(state.operator, state.terms), values_of(state)
    kind = shape.answers[cell[0]]
    for argument_kind, argument in zip(shape.arguments[cell[0]], cell[1], strict=True):
        values[argument_kind].add(argument)
    for value, count in classes(state, kind, values[kind], num_values):
        yield value, Fraction(count, num_values)


def belief(state: State, num_values: int) -> dict[int, Fraction]:
    """The distribution of the query's value, in the state's own names."""
    if state.answer is not None:
        return {state.answer: ONE}
    cell = next_cells(state)[0]
    found = dict.fromkeys(range(num_values), ZERO)
    for value, share in values_at(state, cell, num_values):
        after = belief(with_answer(state, cell, value, num_values), num_values)
        alike = _alike(state, cell, value, num_values)
        for answer, chance in after.items():
            if answer not in alike:
                found[answer] += share * chance
        # The value stands for all that are alike, and the answer may be one of them: itself, or any of the others.
        among = sum((after.get(answer, ZERO) for answer in alike), ZERO) / len(alike)
        for answer in alike:
            found[answer] += share * among
    return {answer: chance for answer, chance in found.items() if chance}


def _alike(state: State, cell: Cell, value: int, num_values: int) -> list[int]:
    """The values that a value stands for, if the query's value is of the same type; else the value alone."""
    shape, named = shape_of(state.operator, state.terms), values_of(state)
    kind = shape.answers[cell[0]]
    for argument_kind, argument in zip(shape.arguments[cell[0]], cell[1], strict=True):
        named[argument_kind].add(argument)
    if kind != shape.final or value in named[kind]:
        return [value]
    parities = shape.renaming[kind] == PARITY
    others = (each for each in range(num_values) if each not in named[kind])
    return [each for each in others if not parities or each % 2 == value % 2]
