"""Expectimax over belief states in exact fractions: what the best possible agent scores, and what it asks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

from inwit.worlds.lookup.shapes import Cell, shape_of
from inwit.worlds.lookup.states import (
    WORKS,
    State,
    canonical,
    cells_that_matter,
    classes,
    next_cells,
    values_of,
    with_answer,
)

ANSWER_STEPS = 2
ZERO, ONE = Fraction(0), Fraction(1)


class Outcome(NamedTuple):
    """Expected, from a state on. Greater is better: value first, then fewer calls."""

    value: Fraction
    calls_saved: Fraction  # minus the number of calls
    success: Fraction


NOTHING = Outcome(ZERO, ZERO, ZERO)


class Call(NamedTuple):
    cell: Cell
    sure: bool


@dataclass(frozen=True)
class Rules:
    """What the search needs of the settings, exactly."""

    num_values: int
    price: Fraction
    sure_price: Fraction  # 0: there are no sure calls
    fail: Fraction
    broken: Fraction

    def broken_after(self, errors: int) -> Fraction:
        """The probability that a tool is broken after so many errors and no answer; WORKS: after an answer."""
        if errors == WORKS or not self.broken:
            return ZERO
        return self.broken / (self.broken + (1 - self.broken) * self.fail**errors)


@dataclass
class Search:
    """Values of states, each computed once. `full` tries every cell that may matter, up to names; else the frontier."""

    rules: Rules
    full: bool = False
    _outcomes: dict[tuple[State, int], Outcome] = field(default_factory=dict)
    _least: dict[State, Fraction] = field(default_factory=dict)
    _guesses: dict[State, Fraction] = field(default_factory=dict)

    def outcome(self, state: State, steps: int) -> Outcome:
        """The optimum's, with `steps` tokens left and nothing pending."""
        key = state, steps
        found = self._outcomes.get(key)
        if found is None:
            calls = (self.called(state, left, call) for call, left in self.calls(state, steps))
            found = self._outcomes[key] = max([self.answered(state, steps), *calls])
        return found

    def answered(self, state: State, steps: int) -> Outcome:
        """The outcome of the best answer now."""
        if steps < ANSWER_STEPS:
            return NOTHING
        right = self.right(state)
        return Outcome(right, ZERO, right)

    def called(self, state: State, left: int, call: Call) -> Outcome:
        """The outcome of a call now and the optimum after it, with `left` tokens left after the call."""
        return self.expected(self.answers(state, call), left, call.sure)

    def expected(self, children: Iterable[tuple[State, Fraction]], left: int, sure: bool) -> Outcome:
        """The outcome of a call that leads to these states with these probabilities."""
        value, saved, success = -(self.rules.sure_price if sure else self.rules.price), -ONE, ZERO
        if left >= ANSWER_STEPS:  # else no answer is possible any more
            for child, chance in children:
                after = self.outcome(child, left)
                value += chance * after.value
                saved += chance * after.calls_saved
                success += chance * after.success
        return Outcome(value, saved, success)

    def calls(self, state: State, steps: int) -> Iterator[tuple[Call, int]]:
        """The calls that may be worth their price, with the tokens that are left after each."""
        if self.right(state) == 1:
            return
        for cell in self.cells(state):
            left = steps - 1 - len(cell[1])
            if left >= ANSWER_STEPS:
                yield Call(cell, sure=False), left
                if self.rules.sure_price:
                    yield Call(cell, sure=True), left

    def cells(self, state: State) -> list[Cell]:
        """The cells that the search tries, in the order of the text."""
        return cells_that_matter(state, self.rules.num_values) if self.full else next_cells(state)

    def answers(self, state: State, call: Call) -> list[tuple[State, Fraction]]:
        """The states after a call of a cell that is not known, with their probabilities."""
        rules, (tool, _) = self.rules, call.cell
        errors = dict(state.errors)
        works, after = ONE, dict(errors)
        found: list[tuple[State, Fraction]] = []
        if not call.sure:
            works = (1 - self.rules.broken_after(errors.get(tool, 0))) * (1 - rules.fail)
            if works < 1:
                failed = errors | ({tool: errors[tool] + 1} if self._counts(errors.get(tool)) else {})
                found.append((self._with(state, dict(state.known), failed), 1 - works))
            if rules.broken and tool in after:
                after[tool] = WORKS
        if works:
            for value, share in self._values(state, call.cell):
                found.append((self._with(state, dict(state.known) | {call.cell: value}, after), works * share))
        return found

    def _counts(self, errors: int | None) -> bool:
        return self.rules.broken > 0 and errors is not None and errors != WORKS

    def _with(self, state: State, known: dict[Cell, int], errors: dict[int, int]) -> State:
        return canonical(state.operator, state.terms, known, errors, self.rules.num_values)

    def _values(self, state: State, cell: Cell) -> Iterator[tuple[int, Fraction]]:
        """What a cell may hold, up to names, with probabilities."""
        shape, values = shape_of(state.operator, state.terms), values_of(state)
        kind = shape.answers[cell[0]]
        for argument_kind, argument in zip(shape.arguments[cell[0]], cell[1], strict=True):
            values[argument_kind].add(argument)
        for value, count in classes(state, kind, values[kind], self.rules.num_values):
            yield value, Fraction(count, self.rules.num_values)

    def right(self, state: State) -> Fraction:
        """The probability that the best answer is right."""
        found = self._guesses.get(state)
        if found is None:
            found = self._guesses[state] = max(self.belief(state).values())
        return found

    def belief(self, state: State) -> dict[int, Fraction]:
        """The distribution of the query's value (in the state's own names)."""
        n = self.rules.num_values
        if state.answer is not None:
            return {state.answer: ONE}
        cell = next_cells(state)[0]
        shape = shape_of(state.operator, state.terms)
        kind = shape.answers[cell[0]]
        if kind == shape.final:  # the answer may be the query's value, so its name matters
            shares: Iterable[tuple[int, Fraction]] = ((value, Fraction(1, n)) for value in range(n))
        else:
            shares = self._values(state, cell)
        belief: dict[int, Fraction] = {}
        for value, share in shares:
            child = with_answer(state, cell, value, n)
            for answer, chance in self.belief(child).items():
                belief[answer] = belief.get(answer, ZERO) + share * chance
        return belief

    def least_calls(self, state: State) -> Fraction:
        """The least expected number of calls of an agent that is always right; nothing fails."""
        found = self._least.get(state)
        if found is None:
            found = ZERO
            if self.right(state) != 1:
                found = 1 + min(
                    sum(
                        (share * self.least_calls(child) for child, share in self.answers(state, Call(cell, True))),
                        ZERO,
                    )
                    for cell in self.cells(state)
                )
            self._least[state] = found
        return found
