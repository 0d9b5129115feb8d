"""The oracle of lookup-v0: what the best possible agent scores, and what it writes next, in exact fractions.

It asks, of all cells, those that the terms of the query need next (the *frontier*); `docs/lookup-oracle.md` says for
which settings this is proven to lose nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import product

from inwit.core.errors import UserError
from inwit.worlds.lookup.beliefs import Heard, exact
from inwit.worlds.lookup.queries import Query
from inwit.worlds.lookup.rules import ANS, FIRST_TOOL, PAD, LookupSettings
from inwit.worlds.lookup.scalar import ScalarLookup
from inwit.worlds.lookup.search import ZERO, Call, Outcome, Rules, Search
from inwit.worlds.lookup.shapes import STAR_TOOL, Cell
from inwit.worlds.lookup.states import WORKS, State, next_cells, own_names, state_of

LEAST_VALUES = 3


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


def least_calls(settings: LookupSettings, query: Query) -> Fraction:
    """The least expected number of calls of an agent that is always right, where nothing fails and tokens are free."""
    rules = Rules(_enough(settings).num_values, ZERO, ZERO, ZERO, ZERO)
    return _searched(rules).least_calls(state_of(query, {}, {}, rules.num_values))


def best_value(settings: LookupSettings, query: Query) -> Fraction:
    """Expected success minus prices of the Bayes-optimal agent under price, failures and budget."""
    return optimum(settings, query).value


def optimum(settings: LookupSettings, query: Query) -> Outcome:
    """What the Bayes-optimal agent scores under price, failures and budget; of equal values the fewest calls."""
    return search_of(settings).outcome(state_of(query, {}, {}, settings.num_values), settings.max_steps)


def value_of(settings: LookupSettings, query: Query, situation: Situation) -> Fraction:
    """Expected success minus prices of the optimum from a situation on; what was paid before does not count."""
    return max(token_values(settings, query, situation).values())


def token_values(settings: LookupSettings, query: Query, situation: Situation) -> dict[int, Fraction]:
    """Of each token that the policy may write next, the value of writing it and going on as the optimum; ids ascending.

    Without masks these are all tokens. The regret of a token is the greatest of these values minus its own.
    """
    turn, left = _Turn(settings, query, situation), settings.max_steps - situation.steps
    values = turn.legal(left)
    if not settings.masks:
        wasted = turn.wasted(left)
        values |= {token: wasted for token in range(len(settings.vocabulary)) if token not in values}
    return dict(sorted(values.items()))


def optimal_tokens(settings: LookupSettings, query: Query, situation: Situation) -> list[int]:
    """All tokens that are best in a situation, ids ascending. Tokens without effect are left out, unless each token
    with an effect is worse (an opened call whose answer would come too late, without masks)."""
    turn, left = _Turn(settings, query, situation), settings.max_steps - situation.steps
    values = turn.legal(left)
    best = max(values.values())
    if best < (wasted := turn.wasted(left)) and not settings.masks:
        return [token for token in range(len(settings.vocabulary)) if token not in values and wasted > best]
    return [token for token, value in values.items() if value == best]


def patience(settings: LookupSettings, query: Query) -> int:
    """After how many errors in a row the optimum gives up the cheap call of the tool that the text needs first, for a
    sure call or for an answer; 0: it never makes that call."""
    search, steps, errors = search_of(settings), settings.max_steps, 0
    tool = query.terms[0].tools[0]
    while True:
        state = state_of(query, {}, {tool: errors}, settings.num_values)
        cells = next_cells(state)
        if not cells:  # known without a call
            return errors
        call = Call(cells[0], sure=False)
        if search.called(state, steps - 2, call).value < search.outcome(state, steps).value or steps < 4:
            return errors
        errors, steps = errors + 1, steps - 2


def search_of(settings: LookupSettings, full: bool = False) -> Search:
    """The search under these settings; what it finds is kept. Raises `UserError` where the oracle claims nothing."""
    _enough(settings)
    if settings.deceives:
        raise UserError(
            f"lie = {settings.lie}, stale = {settings.stale}: the optimum is not claimed where answers may be wrong; "
            "set both to 0"
        )
    prices = (settings.price, settings.sure_price, settings.fail, settings.broken)
    return _searched(Rules(settings.num_values, *map(exact, prices)), full)


@lru_cache(maxsize=8)
def _searched(rules: Rules, full: bool = False) -> Search:
    return Search(rules, full)


def _enough(settings: LookupSettings) -> LookupSettings:
    if settings.num_values < LEAST_VALUES:
        raise UserError(
            f"num_values = {settings.num_values}: the oracle needs at least {LEAST_VALUES} values, for with 2 "
            "a cell that no term needs next may be the best to ask; set num_values to 3 or more"
        )
    return settings


class _Turn:
    """The policy's turn in one situation, with any number of tokens left."""

    def __init__(self, settings: LookupSettings, query: Query, situation: Situation) -> None:
        self.settings, self.query, self.situation = settings, query, situation
        self.search = search_of(settings)
        self.known, self.errors = learnt(settings, situation.heard)
        self.state = self._state(self.known, self.errors)
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
            return self.search.outcome(self.state, left - 1).value
        return self._opened(opened, left - 1) if opened == ANS else self._pending(opened, self._first(), left - 1)

    def _first(self) -> tuple[int, ...]:
        return () if self.situation.first is None else (self.situation.first,)

    def _opened(self, token: int, left: int) -> Fraction:
        """The value once a tool or the answer is opened, with `left` tokens left then."""
        if token == ANS:
            return self.search.right(self.state) if left > 0 else ZERO
        return self._pending(token, (), left)

    def _arguments(self, opened: int, left: int) -> list[Fraction]:
        """The value of each value as the next token, with `left` tokens left after it."""
        values = range(self.settings.num_values)
        if opened == ANS:
            belief = self._belief()
            return [belief.get(value, ZERO) for value in values]
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
            self._values[key] = self.search.expected(self._children(cell, sure), left, sure).value
        return self._values[key]

    def _children(self, cell: Cell, sure: bool) -> list[tuple[State, Fraction]]:
        """The states after any call, also of a cell that is known or does not matter."""
        rules, tool, errors = self.search.rules, cell[0], self.errors
        before = errors.get(tool, 0)
        works = Fraction(1) if sure else (1 - rules.broken_after(before)) * (1 - rules.fail)
        failed = errors | {tool: before if before == WORKS or not rules.broken else before + 1}
        children = [(self._state(self.known, failed), 1 - works)] if works < 1 else []
        heard = errors if sure or not rules.broken else errors | {tool: WORKS}
        if works and cell in self.known:
            children.append((self._state(self.known, heard), works))
        elif works:
            for value, count in self._classes(self.named.union(cell[1])):
                share = works * Fraction(count, rules.num_values)
                children.append((self._state(self.known | {cell: value}, heard), share))
        return children

    def _state(self, known: dict[Cell, int], errors: dict[int, int]) -> State:
        return state_of(self.query, known, errors, self.settings.num_values)

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
        return self.search.belief(own_names(self.query, self.known, self.settings.num_values))


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
