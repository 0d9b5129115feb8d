"""The optimum at play in lookup-v0, as a script: an exact control, which reads the oracle. Nothing is trained with it.

Answers that were heard in another order tell the same, so moments are few, and each is looked up once."""

from __future__ import annotations

from operator import attrgetter
from typing import NamedTuple

from inwit.scripts.lookup_terms import query_of
from inwit.worlds.lookup.beliefs import Heard
from inwit.worlds.lookup.oracle import best_plan, check_claimed, optimal_tokens
from inwit.worlds.lookup.queries import Query
from inwit.worlds.lookup.rules import ANS, ERR, FIRST_TOOL, PAD, LookupSettings
from inwit.worlds.lookup.turns import Situation


class Moment(NamedTuple):
    """`heard` is sorted, and its calls are numbered in that order. `opened` are the tokens of the open call."""

    query: Query
    heard: tuple[Heard, ...] = ()
    steps: int = 0  # tokens chosen so far
    opened: tuple[int, ...] = ()


class BestAsking:
    """Writes what is best, of several the call that the query names first, else the lowest token. It knows what is best
    after its own tokens alone. Raises `UserError` where the oracle claims nothing."""

    def __init__(self, settings: LookupSettings) -> None:
        for template in settings.queries:
            check_claimed(settings, template)
        self.settings = settings

    def begin(self, prompt: tuple[int, ...], stage: int) -> Moment:
        return Moment(query_of(self.settings, prompt))

    def write(self, state: Moment) -> int:
        query, heard, steps, opened = state
        if self._complete(opened):
            return PAD  # the world's turn, or the end
        if self.settings.deceives:
            first = opened[1] - self.settings.first_value if len(opened) > 1 else None
            situation = Situation(heard, steps, opened[0] if opened else PAD, first)
            return min(optimal_tokens(self.settings, query, situation))
        return best_plan(self.settings, query, heard, steps - len(opened))[len(opened)]

    def read(self, state: Moment, token: int) -> Moment:
        query, heard, steps, opened = state
        if not self._complete(opened):
            return Moment(query, heard, steps + 1, (*opened, token))
        return state if opened[0] == ANS else Moment(query, self._with(heard, opened, token), steps)

    def _complete(self, opened: tuple[int, ...]) -> bool:
        stars = (FIRST_TOOL + self.settings.num_tools, self.settings.first_sure + self.settings.num_tools)
        return len(opened) == (3 if opened[:1] and opened[0] in stars else 2)

    def _with(self, heard: tuple[Heard, ...], call: tuple[int, ...], answer: int) -> tuple[Heard, ...]:
        """What was heard, and the answer to a call."""
        settings, n = self.settings, self.settings.num_values
        sure = call[0] >= settings.first_sure
        cell = n * (call[0] - (settings.first_sure if sure else FIRST_TOOL))
        for place, argument in enumerate(reversed(call[1:])):
            cell += (argument - settings.first_value) * n**place
        value = None if answer == ERR else answer - settings.first_value
        every = sorted(
            [*map(attrgetter("cell", "sure", "value"), heard), (cell, sure, value)],
            key=lambda each: (*each[:2], -1 if each[2] is None else each[2]),
        )
        return tuple(Heard(*each, number) for number, each in enumerate(every))
