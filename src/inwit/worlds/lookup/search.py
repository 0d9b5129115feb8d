"""Expectimax over belief states in exact fractions: what the best possible agent scores, and what it asks.

All calls that may matter are tried (see `graph.py`), so the optimum is that of all policies. The search goes
twice: roughly, in floating point, and then exactly along those calls alone that are within `SLACK` of the best.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from inwit.worlds.lookup.graph import ONE, ZERO, Graph, Move, Node
from inwit.worlds.lookup.queries import Query
from inwit.worlds.lookup.states import WORKS, terms_of

ANSWER_STEPS = 2
SLACK = 1e-9  # a rough value is less than 2e-10 off, see docs/lookup-oracle.md

Errors = tuple[int, ...]  # of each tool of a node: errors so far, or WORKS


class Outcome(NamedTuple):
    """Expected, from a state on. Greater is better: value first, then fewer calls."""

    value: Fraction
    calls_saved: Fraction  # minus the number of calls
    success: Fraction


NOTHING = Outcome(ZERO, ZERO, ZERO)


@dataclass(frozen=True)
class Rules:
    """What the search needs of the settings, exactly."""

    num_values: int
    price: Fraction
    sure_price: Fraction  # 0: there are no sure calls
    fail: Fraction
    broken: Fraction

    def works(self, errors: int) -> Fraction:
        """The probability that a cheap call is answered, after so many errors of its tool and no answer, or WORKS."""
        if errors == WORKS or not self.broken:
            return 1 - self.fail
        working = (1 - self.broken) * self.fail**errors
        return working / (self.broken + working) * (1 - self.fail)


class TooManyStatesError(Exception):
    """The search over all cells grows too large."""


class Search:
    """Values of states, each computed once. With `full` all cells that may matter are tried, else those that the terms
    need next. Nodes are those of `graph`. While `limit` is set, a search that needs more raises
    `TooManyStatesError`."""

    def __init__(self, rules: Rules, graph: Graph, full: bool = True, limit: int | None = None) -> None:
        self.rules, self.graph, self.full, self.limit = rules, graph, full, limit
        self._choices: dict[tuple[Node, Errors, int], tuple[Outcome, tuple[Move, bool] | None]] = {}
        self._rough: dict[tuple[Node, Errors, int], float] = {}
        self._works: dict[int, tuple[Fraction, float]] = {}
        self._bounds: dict[Node, Fraction] = {}
        self._prices = float(rules.price), float(rules.sure_price)

    @property
    def size(self) -> int:
        """How much was done: states met, and nodes, which take longer."""
        return len(self._rough) + 5 * self.graph.size

    def root(self, query: Query) -> Node:
        """The node of a query of which nothing is known."""
        return self.graph.node(query.operator, terms_of(query), {})[0]

    def outcome(self, node: Node, errors: Errors, steps: int) -> Outcome:
        """The optimum's, with `steps` tokens left and nothing pending."""
        return self.choice(node, errors, steps)[0]

    def choice(self, node: Node, errors: Errors, steps: int) -> tuple[Outcome, tuple[Move, bool] | None]:
        """The optimum's outcome, and its call and whether it is sure; None: it answers. Of equally good ones that with
        fewer calls, then the first in the order of the text."""
        key = node, errors, steps
        found = self._choices.get(key)
        if found is None:
            best, chosen = self.answered(node, steps), None
            bar = self.rough(node, errors, steps) - SLACK
            for move, sure, left in self.calls(node, steps):
                if not move.needed and self._bound(move, left) < best.value:
                    continue
                if self._rough_call(node, errors, move, sure, left) >= bar:
                    outcome = self.called(node, errors, move, sure, left)
                    best, chosen = max((best, chosen), (outcome, (move, sure)), key=lambda each: each[0])
            found = self._choices[key] = best, chosen
        return found

    def answered(self, node: Node, steps: int) -> Outcome:
        """The outcome of the best answer now."""
        return Outcome(node.right, ZERO, node.right) if steps >= ANSWER_STEPS else NOTHING

    def calls(self, node: Node, steps: int) -> Iterator[tuple[Move, bool, int]]:
        """The calls that may be worth their price: the move, whether it is sure, and the tokens that are left after it,
        enough for an answer."""
        for move in node.moves if steps >= 2 * ANSWER_STEPS else ():
            left = steps - move.steps
            if left >= ANSWER_STEPS and (self.full or move.needed):
                yield move, False, left
                if self.rules.sure_price:
                    yield move, True, left

    def called(self, node: Node, errors: Errors, move: Move, sure: bool, left: int) -> Outcome:
        """The outcome of a call now and the optimum after it, with `left` tokens left after the call."""
        return self.expected(self.after(node, errors, move, sure), left, sure)

    def expected(self, after: Iterable[tuple[Fraction, Node, Errors]], left: int, sure: bool) -> Outcome:
        """The outcome of a call that leads to these states with these probabilities."""
        value, saved, success = -(self.rules.sure_price if sure else self.rules.price), -ONE, ZERO
        if left >= ANSWER_STEPS:  # else no answer is possible any more
            for chance, node, errors in after:
                then = self.outcome(node, errors, left)
                value += chance * then.value
                saved += chance * then.calls_saved
                success += chance * then.success
        return Outcome(value, saved, success)

    def after(self, node: Node, errors: Errors, move: Move, sure: bool) -> Iterator[tuple[Fraction, Node, Errors]]:
        """What a call may lead to, with probabilities."""
        works = ONE if sure else self.works(errors[move.tool])[0]
        if works < 1:
            yield 1 - works, node, self.failed(errors, move.tool)
        if works:
            heard = errors if sure else self.answering(errors, move.tool)
            for share, _, child, places in move.results:
                yield works * share, child, tuple(heard[place] for place in places)

    def works(self, errors: int) -> tuple[Fraction, float]:
        """As `Rules.works`, and roughly."""
        found = self._works.get(errors)
        if found is None:
            works = self.rules.works(errors)
            found = self._works[errors] = works, float(works)
        return found

    def failed(self, errors: Errors, tool: int) -> Errors:
        """The errors of all tools after one more of a tool; they are counted where tools may be broken."""
        if not self.rules.broken or errors[tool] == WORKS:
            return errors
        return (*errors[:tool], errors[tool] + 1, *errors[tool + 1 :])

    def answering(self, errors: Errors, tool: int) -> Errors:
        """The errors of all tools once a tool has answered a cheap call."""
        return (*errors[:tool], WORKS, *errors[tool + 1 :]) if self.rules.broken else errors

    def _bound(self, move: Move, left: int) -> Fraction:
        """Not less than what a call is worth. Where calls fail the bound would be too far off to be of use: it is 1."""
        if self.rules.fail or self.rules.broken:
            return ONE
        price = self._least_price()
        if left < 2 * ANSWER_STEPS:
            return 1 - price
        return sum((each.share * self._bound_after(each.node) for each in move.results), -price)

    def _bound_after(self, node: Node) -> Fraction:
        """Not less than a node's value: that of one call after which one more call, at the most, tells the answer."""
        found = self._bounds.get(node)
        if found is None:
            price = self._least_price()
            found = node.right
            for move in node.moves:
                rights = ((each.share, each.node.right) for each in move.results)
                after = sum((share * (ONE if right == 1 else max(right, 1 - price)) for share, right in rights), -price)
                found = max(found, after)
            self._bounds[node] = found
        return found

    def _least_price(self) -> Fraction:
        return min(self.rules.price, self.rules.sure_price) if self.rules.sure_price else self.rules.price

    def rough(self, node: Node, errors: Errors, steps: int) -> float:
        """The optimum's value in floating point."""
        key = node, errors, steps
        found = self._rough.get(key)
        if found is None:
            if self.limit is not None and self.size > self.limit:
                raise TooManyStatesError
            found = node.rough_right if steps >= ANSWER_STEPS else 0.0
            for move, sure, left in self.calls(node, steps):
                if move.needed or self._bound(move, left) > found + SLACK / 1000:
                    found = max(found, self._rough_call(node, errors, move, sure, left))
            self._rough[key] = found
        return found

    def _rough_call(self, node: Node, errors: Errors, move: Move, sure: bool, left: int) -> float:
        works = 1.0 if sure else self.works(errors[move.tool])[1]
        total = 0.0
        if works < 1:
            total = (1 - works) * self.rough(node, self.failed(errors, move.tool), left)
        if works > 0:
            heard = errors if sure else self.answering(errors, move.tool)
            for _, share, child, places in move.results:
                total += works * share * self.rough(child, tuple([heard[place] for place in places]), left)
        return total - self._prices[sure]
