"""The optimum at play in lookup-v0, in batches: for a learner that imitates it, and says so in its name.

What the optimum writes depends on the query and on what was heard. Each such moment is looked up once in the oracle and
kept: its plan (the tokens until the world answers), and which moment each answer leads to. So the first batches are
slow, and later ones are look-ups.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from inwit.core.contracts import World
from inwit.core.types import Tasks, Taught
from inwit.core.vocabulary import CHOICE
from inwit.worlds.lookup.beliefs import Heard
from inwit.worlds.lookup.oracle import best_plan
from inwit.worlds.lookup.queries import Query
from inwit.worlds.lookup.rules import ERR, FIRST_TOOL, PAD, LookupSettings
from inwit.worlds.lookup.searches import check_claimed
from inwit.worlds.lookup.turns import learnt

LONGEST = 3  # tokens of a plan: `*` and its arguments
UNSEEN = -1

Row = Int[Tensor, " B"]
Flag = Bool[Tensor, " B"]


class Moment(NamedTuple):
    """The policy's turn with nothing pending."""

    query: Query
    heard: tuple[Heard, ...]
    steps: int


class Expert:
    """The moments that were met, numbered: `plans` Int[M, 3], filled up with PAD, and `after` Int[M, n + 1], the moment
    that follows on each answer (ERR first, then the values), UNSEEN where it was not met. On the CPU.

    Raises `UserError` where the optimum is not claimed.
    """

    def __init__(self, world: World, settings: LookupSettings) -> None:
        check_claimed(settings)
        self.world, self.settings = world, settings
        self.moments: list[Moment] = []
        self.numbers: dict[object, int] = {}
        self.plans = torch.full((1, LONGEST), PAD)
        self.after = torch.full((1, settings.num_values + 1), UNSEEN)

    @torch.no_grad()
    def play(self, tasks: Tasks, queries: list[Query]) -> Taught:
        """The optimum's episodes on drawn tasks, with the query of each."""
        world, drawn = self.world, tasks.to("cpu")
        state, ended = world.reset(drawn), torch.zeros(len(drawn), dtype=torch.bool)
        moment = torch.tensor([self._number(Moment(query, (), 0)) for query in queries])
        place, columns = torch.zeros_like(moment), []
        for _ in range(world.num_columns):
            forced = world.forced(state)
            chosen = ~ended & (forced == CHOICE)
            token = torch.where(chosen, self.plans[moment, place], forced)
            columns.append((token, chosen))
            moment = self._follow(moment, token, ~ended & ~chosen)
            place = torch.where(chosen, place + 1, 0).clamp(max=LONGEST - 1)
            state, step = world.step(state, token)
            ended = ended | step.terminated | step.truncated
            if bool(ended.all()):
                break
        tokens, choices = (torch.stack(each, 1).to(tasks.kind.device) for each in zip(*columns, strict=True))
        return Taught(tasks, tokens, choices)

    def _follow(self, moment: Row, token: Row, hears: Flag) -> Row:
        """The moments after the world's tokens; in rows that hear none, the same as before."""
        answer = torch.where(token == ERR, 0, (token - self.settings.first_value + 1).clamp_min(0))
        unseen = hears & (self.after[moment, answer] == UNSEEN)
        if bool(unseen.any()):
            for before, heard in torch.stack([moment[unseen], answer[unseen]], 1).unique(dim=0).tolist():
                number = self._number(self._next(before, heard))
                self.after[before, heard] = number
        return torch.where(hears, self.after[moment, answer], moment)

    def _next(self, number: int, answer: int) -> Moment:
        settings, (query, heard, steps) = self.settings, self.moments[number]
        tool, *arguments = (token for token in self.plans[number].tolist() if token != PAD)
        sure, n = tool >= settings.first_sure, settings.num_values
        cell = n * (tool - (settings.first_sure if sure else FIRST_TOOL))
        for place, argument in enumerate(reversed(arguments)):
            cell += (argument - settings.first_value) * n**place
        call = Heard(cell, sure, answer - 1 if answer else None, len(heard))
        return Moment(query, (*heard, call), steps + 1 + len(arguments))

    def _number(self, moment: Moment) -> int:
        """The number of a moment: one for all in which the same is known."""
        known, errors = learnt(self.settings, moment.heard)
        key = moment.query, frozenset(known.items()), frozenset(errors.items()), moment.steps
        number = self.numbers.setdefault(key, len(self.moments))
        if number == len(self.moments):
            self.moments.append(moment)
            if number == len(self.plans):
                self.plans = torch.cat([self.plans, torch.full_like(self.plans, PAD)])
                self.after = torch.cat([self.after, torch.full_like(self.after, UNSEEN)])
            tokens = best_plan(self.settings, *moment)
            self.plans[number, : len(tokens)] = torch.tensor(tokens)
        return number
