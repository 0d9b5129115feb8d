"""One turn of the policy where answers may be wrong: what each token that it may write is worth, exactly."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

from inwit.worlds.lookup.beliefs import Heard, cell_belief, next_answer
from inwit.worlds.lookup.deceived import believed, search_of
from inwit.worlds.lookup.graph import ONE, ZERO
from inwit.worlds.lookup.queries import Query
from inwit.worlds.lookup.rules import ANS, FIRST_TOOL, PAD, LookupSettings, Problem
from inwit.worlds.lookup.scalar import ScalarLookup
from inwit.worlds.lookup.turns import Situation


class DeceivedTurn:
    """As `turns.Turn`, for the kinds that `deceived` fits. What comes next is taken from the world's own beliefs."""

    def __init__(self, settings: LookupSettings, query: Query, situation: Situation) -> None:
        self.settings, self.query, self.situation = settings, query, situation
        self.search = search_of(settings, query)
        self.hidden = ScalarLookup(settings, Problem(query, 0, None)).hidden
        for each in situation.heard:
            if each.sure and each.value is not None:
                self.hidden["table"][each.cell] = each.value
        self._values: dict[tuple[int, bool, int], Fraction] = {}

    def legal(self, left: int) -> dict[int, Fraction]:
        """The value of each legal token, with `left` tokens left, this one included; ids ascending."""
        settings, opened = self.settings, self.situation.opened
        if opened == PAD:
            last = settings.first_value if settings.sure_price > 0 else settings.first_sure
            return {token: self._opened(token, left - 1) for token in range(ANS, last)}
        values = range(settings.num_values)
        if opened == ANS:
            return {settings.first_value + value: share for value, share in enumerate(self._answers())}
        first = self._first()
        return {settings.first_value + value: self._pending(opened, (*first, value), left - 1) for value in values}

    def wasted(self, left: int) -> Fraction:
        """The value of a token without effect, with `left` tokens left, this one included."""
        opened = self.situation.opened
        if opened == PAD:
            return self._going_on(self.situation.heard, left - 1)
        return self._opened(opened, left - 1) if opened == ANS else self._pending(opened, self._first(), left - 1)

    def _first(self) -> tuple[int, ...]:
        return () if self.situation.first is None else (self.situation.first,)

    def _answers(self) -> list[Fraction]:
        """The probability that each value is the query's."""
        term, n = self.query.terms[0], self.settings.num_values
        cell = term.tools[0] * n + term.value
        belief = cell_belief(self.settings, self.hidden, self.situation.heard, cell)
        shares = [belief.get(value, ZERO) for value in range(n)]
        if self.query.operator == "?":
            odd, (if_odd, if_even) = sum(shares[1::2]), (each.value for each in self.query.terms[1:])
            return [odd * (value == if_odd) + (ONE - odd) * (value == if_even) for value in range(n)]
        return shares

    def _opened(self, token: int, left: int) -> Fraction:
        """The value once a tool or the answer is opened, with `left` tokens left then."""
        if token == ANS:
            return max(self._answers()) if left > 0 else ZERO
        return self._pending(token, (), left)

    def _pending(self, opened: int, given: tuple[int, ...], left: int) -> Fraction:
        """The value once a tool is opened and these arguments are given: perhaps all, and the call is made."""
        settings, n = self.settings, self.settings.num_values
        sure = opened >= settings.first_sure
        tool = opened - (settings.first_sure if sure else FIRST_TOOL)
        missing = 1 + (tool == settings.num_tools) - len(given)
        if missing == 0:
            return self._called(
                n * tool + sum(each * n**place for place, each in enumerate(reversed(given))), sure, left
            )
        if left < missing:
            return ZERO
        rests = product(range(n), repeat=missing) if tool < settings.num_tools else [(0,) * missing]  # cells of * alike
        found = max(self._pending(opened, (*given, *rest), left - missing) for rest in rests)
        # Without masks an open call may be left open for good; tokens without effect before it gain nothing.
        return found if settings.masks else max(found, ZERO)

    def _called(self, cell: int, sure: bool, left: int) -> Fraction:
        key = cell, sure, left
        if key not in self._values:
            heard, rules = self.situation.heard, self.search.rules
            value = -(rules.sure_price if sure else rules.price)
            if left <= 0 or self.settings.tool_of(cell) != self.query.terms[0].tools[0]:
                value += self._going_on(heard, left)  # other tools tell nothing
            else:
                call = len(heard)
                for answer, chance in next_answer(self.settings, self.hidden, heard, cell, sure, call).items():
                    value += chance * self._going_on((*heard, Heard(cell, sure, answer, call)), left)
            self._values[key] = value
        return self._values[key]

    def _going_on(self, heard: tuple[Heard, ...], left: int) -> Fraction:
        return self.search.outcome(believed(self.settings, self.query, heard), left).value
