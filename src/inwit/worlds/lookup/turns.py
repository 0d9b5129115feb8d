"""One turn of the policy: what it knows, in the names of the query, and what each token that it may write is worth."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import product

from inwit.worlds.lookup.beliefs import Heard
from inwit.worlds.lookup.graph import ONE, ZERO, Node, belief
from inwit.worlds.lookup.queries import STAR, Query
from inwit.worlds.lookup.rules import ANS, FIRST_TOOL, PAD, LookupSettings
from inwit.worlds.lookup.scalar import ScalarLookup
from inwit.worlds.lookup.search import Errors, Outcome
from inwit.worlds.lookup.searches import search_of
from inwit.worlds.lookup.shapes import STAR_TOOL, Cell
from inwit.worlds.lookup.states import WORKS, next_cells, own_names, terms_of


@dataclass(frozen=True)
class Situation:
    """What an agent has seen and done when its next token is due."""

    heard: tuple[Heard, ...] = ()  # the calls that were answered
    steps: int = 0  # tokens chosen so far
    opened: int = PAD  # the token of the tool that waits for its arguments, or ANS; PAD: nothing is pending
    first: int | None = None  # the first argument of `*`, where it is written

    @classmethod
    def of(cls, twin: ScalarLookup) -> Situation:
        """The situation of an episode on the policy's turn."""
        return cls(tuple(twin.heard), twin.steps, *twin.pending)


class Turn:
    """The policy's turn in one situation, with any number of tokens left. One search values all tokens: their values
    are the optimum's where `search.full`, else those of going on by asking what the terms need next."""

    def __init__(self, settings: LookupSettings, query: Query, situation: Situation) -> None:
        self.settings, self.query, self.situation = settings, query, situation
        self.search = search_of(settings, query)
        self.known, self.errors = learnt(settings, situation.heard)
        self.node, self.tools_errors = self._node(self.known, self.errors)
        named = {term.value for term in query.terms} | {situation.first or 0} | set(self.known.values())
        self.named = named.union(*(arguments for _, arguments in self.known))
        self._values: dict[tuple[Cell, bool, int], Fraction] = {}

    def legal(self, left: int) -> dict[int, Fraction]:
        """The value of each legal token, with `left` tokens left, this one included; ids ascending."""
        settings, opened = self.settings, self.situation.opened
        if opened == PAD:
            last = settings.first_value if settings.sure_price > 0 else settings.first_sure
            return {token: self._opened(token, left - 1) for token in range(ANS, last)}
        return {settings.first_value + value: each for value, each in enumerate(self._arguments(opened, left - 1))}

    def wasted(self, left: int) -> Fraction:
        """The value of a token without effect, with `left` tokens left, this one included."""
        opened = self.situation.opened
        if opened == PAD:
            return self._going_on(self.node, self.tools_errors, left - 1)
        return self._opened(opened, left - 1) if opened == ANS else self._pending(opened, self._first(), left - 1)

    def _first(self) -> tuple[int, ...]:
        return () if self.situation.first is None else (self.situation.first,)

    def plan(self, left: int) -> list[int]:
        """The tokens that the optimum writes until the world answers, or the answer; nothing is pending."""
        settings, n = self.settings, self.settings.num_values
        best, call = self.search.choice(self.node, self.tools_errors, left)
        if call is None:
            shares = self._belief()
            return [ANS, settings.first_value + min(shares, key=lambda value: (-shares[value], value))]
        move, sure = call
        if move.needed:  # the order of the text is the same in all names
            place = next_cells(self.node.state).index(move.cell)
            return self._tokens(next_cells(own_names(self.query, self.known, n))[place], sure)
        tools = [STAR_TOOL] if len(move.cell[1]) == 2 else range(settings.num_tools)
        cells = ((tool, each) for tool in tools for each in product(self._some(move.steps - 1), repeat=move.steps - 1))
        found = (cell for cell in cells if self._outcome(cell, sure, left - move.steps) == best)
        return self._tokens(next(found), sure)

    def _tokens(self, cell: Cell, sure: bool) -> list[int]:
        settings, (tool, arguments) = self.settings, cell
        number = settings.num_tools if tool == STAR_TOOL else tool
        first = settings.first_sure if sure else FIRST_TOOL
        return [first + number, *(settings.first_value + each for each in arguments)]

    def _outcome(self, cell: Cell, sure: bool, left: int) -> Outcome:
        return self.search.expected(self._after(cell, sure), left, sure)

    def _opened(self, token: int, left: int) -> Fraction:
        """The value once a tool or the answer is opened, with `left` tokens left then."""
        if token == ANS:
            return self.node.right if left > 0 else ZERO
        return self._pending(token, (), left)

    def _arguments(self, opened: int, left: int) -> list[Fraction]:
        """The value of each value as the next token, with `left` tokens left after it."""
        values = range(self.settings.num_values)
        if opened == ANS:
            found = self._belief()
            return [found.get(value, ZERO) for value in values]
        return [self._pending(opened, (*self._first(), value), left) for value in values]

    def _pending(self, opened: int, given: tuple[int, ...], left: int) -> Fraction:
        """The value once a tool is opened and these arguments are given: perhaps all, and the call is made."""
        tool, sure, count = self._tool(opened)
        missing = count - len(given)
        if missing == 0:
            return self._called((tool, given), sure, left)
        if left < missing:
            return ZERO
        rests = product(self._some(missing), repeat=missing)
        found = max(self._called((tool, (*given, *rest)), sure, left - missing) for rest in rests)
        # Without masks an open call may be left open for good; tokens without effect before it gain nothing.
        return found if self.settings.masks else max(found, ZERO)

    def _tool(self, token: int) -> tuple[int, bool, int]:
        """A tool token's tool as states number it, whether it is sure, and how many arguments it takes."""
        sure = token >= self.settings.first_sure
        tool = token - (self.settings.first_sure if sure else FIRST_TOOL)
        return (STAR_TOOL, sure, 2) if tool == self.settings.num_tools else (tool, sure, 1)

    def _called(self, cell: Cell, sure: bool, left: int) -> Fraction:
        key = cell, sure, left
        if key not in self._values:
            price = self.search.rules.sure_price if sure else self.search.rules.price
            after = ((chance, self._going_on(node, errors, left)) for chance, node, errors in self._after(cell, sure))
            self._values[key] = sum((chance * value for chance, value in after), -price)
        return self._values[key]

    def _going_on(self, node: Node, errors: Errors, left: int) -> Fraction:
        # Where all calls that may matter take two tokens, an odd one is of no use: so fewer states are met.
        return self.search.outcome(node, errors, left if self.query.operator == STAR else left - left % 2).value

    def _after(self, cell: Cell, sure: bool) -> Iterator[tuple[Fraction, Node, Errors]]:
        """What any call may lead to, also one of a cell that is known or does not matter."""
        rules, tool, errors = self.search.rules, cell[0], self.errors
        before = errors.get(tool, 0)
        works = ONE if sure else rules.works(before)
        if works < 1:
            failed = errors | {tool: before if before == WORKS or not rules.broken else before + 1}
            yield 1 - works, *self._node(self.known, failed)
        heard = errors if sure or not rules.broken else errors | {tool: WORKS}
        if works and cell in self.known:
            yield works, *self._node(self.known, heard)
        elif works:
            for value, count in self._classes(self.named.union(cell[1])):
                share = works * Fraction(count, rules.num_values)
                yield share, *self._node(self.known | {cell: value}, heard)

    def _node(self, known: dict[Cell, int], errors: dict[int, int]) -> tuple[Node, Errors]:
        node, tools = self.search.graph.node(self.query.operator, terms_of(self.query), known)
        return node, tuple(errors.get(tool, 0) for tool in tools)

    def _some(self, count: int) -> list[int]:
        """Values that stand for all as arguments of a call: the named ones, and of the others as many as differ."""
        named = set(self.named)
        for _ in range(count):
            named |= {value for value, _ in self._classes(named)}
        return sorted(named)

    def _classes(self, named: set[int]) -> Iterable[tuple[int, int]]:
        """Values up to names: each named one, and one odd and one even other one, with how many there are of each."""
        values = range(self.settings.num_values)
        if self.query.operator in ("+", "&"):
            return [(value, 1) for value in values]
        groups = ([value for value in values if value not in named and value % 2 == parity] for parity in (0, 1))
        return [*((value, 1) for value in sorted(named)), *((group[0], len(group)) for group in groups if group)]

    def _belief(self) -> dict[int, Fraction]:
        """The distribution of the query's value in its own names."""
        return belief(own_names(self.query, self.known, self.settings.num_values), self.settings.num_values)


def learnt(settings: LookupSettings, heard: Iterable[Heard]) -> tuple[dict[Cell, int], dict[int, int]]:
    """What was heard, for states: the known cells, and each tool's errors, or WORKS once a cheap call answered."""
    known: dict[Cell, int] = {}
    errors: dict[int, int] = {}
    for each in heard:
        cell = cell_of(settings, each.cell)
        if each.value is not None:
            known[cell] = each.value
        if not each.sure and settings.broken:
            before = errors.get(cell[0], 0)
            errors[cell[0]] = WORKS if each.value is not None or before == WORKS else before + 1
    return known, errors


def cell_of(settings: LookupSettings, cell: int) -> Cell:
    """A cell's number as the rules have it, as tool and arguments."""
    tool, values = settings.tool_of(cell), settings.num_values
    if tool < settings.num_tools:
        return tool, (cell % values,)
    return STAR_TOOL, divmod(cell - tool * values, values)


def number_of(settings: LookupSettings, cell: Cell) -> int:
    """A tool and its arguments as the cell's number: the opposite of `cell_of`."""
    (tool, arguments), values = cell, settings.num_values
    if tool == STAR_TOOL:
        return values * (settings.num_tools + arguments[0]) + arguments[1]
    return values * tool + arguments[0]
