"""What each token of an episode cost against the optimum, in a world that does not draw."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import torch

from inwit.core.capabilities import FAR, capable
from inwit.core.contracts import World, answers
from inwit.core.types import Rollout, Tasks
from inwit.evaluation.explained import Choice
from inwit.worlds.oracle.from_state import MOST, Limits, search
from inwit.worlds.oracle.rows import with_others

SEARCHED = 12  # tokens to a right end that are searched where the world itself knows how far that is


class Left(NamedTuple):
    """What is left at a moment of an episode: tokens to a right end, and these, where they are known."""

    to_go: int | None
    program: tuple[int, ...] = ()
    lost: bool = False
    within: int | None = None  # tokens that were searched, where no right end is within them


LOST = Left(None, lost=True)


@torch.no_grad()
def priced(
    world: World, row: Tasks, rollout: Rollout, choices: Sequence[Choice], oracle: Sequence[int] | None, seconds: float
) -> list[Choice]:
    """The choices of an episode on the task of `row`, with what each cost and how many tokens were to go after it.

    `oracle` is a shortest program, if it is known. What is not found within `seconds` is None. In a world that writes
    tokens itself nothing is searched.
    """
    if answers(world) or capable(world, "chance") or seconds <= 0:
        return list(choices)
    search, found = _Searches(world, row.to("cpu"), seconds), list[Choice]()
    known = oracle is not None and len(oracle) <= world.max_steps
    here = Left(len(oracle), tuple(oracle)) if oracle and known else search.from_here(1)
    for choice, token in zip(choices, rollout.tokens[0].tolist(), strict=False):
        ended, right = search.write(token)
        if right:
            there = Left(0)
        elif ended or here.lost:
            there = LOST
        elif here.program[:1] == (token,):
            there = Left(len(here.program) - 1, here.program[1:])
        else:
            there = search.from_here(max(1, (here.to_go or 0) - 1))
        cost = None if here.to_go is None or there.to_go is None else 1 + there.to_go - here.to_go
        found.append(replace(choice, cost=cost, to_go=there.to_go, within=there.within, lost=there.lost))
        here = there
    return found


@torch.no_grad()
def right_end(world: World, row: Tasks, tokens: Sequence[int], seconds: float) -> list[int] | None:
    """A shortest right end after these tokens; None where none is left or found, and where nothing is searched."""
    if answers(world) or capable(world, "chance") or seconds <= 0:
        return None
    search, ended, right = _Searches(world, row.to("cpu"), seconds), False, False
    for token in tokens:
        ended, right = search.write(token)
    if ended:
        return [] if right else None
    left = search.from_here(1)
    return list(left.program) or None


class _Searches:
    """From each state of one episode to a right end: on the task and others of its kind, until the time is up."""

    def __init__(self, world: World, row: Tasks, seconds: float) -> None:
        self.world, self.ends, self.causal = world, time.monotonic() + seconds, capable(world, "causal")
        self.tasks = row if self.causal else with_others(world, row)
        self.state, self.steps = world.reset(self.tasks), 0

    def write(self, token: int) -> tuple[bool, bool]:
        """Go on by a token: whether an episode has ended, and whether all are right."""
        self.state, step = self.world.step(self.state, torch.full_like(self.tasks.kind, token))
        self.steps += 1
        return bool((step.terminated | step.truncated).any()), bool(step.success.all())

    def from_here(self, least: int) -> Left:
        """What is left; `least` tokens are to go, or more."""
        if self.causal is None:
            limits = Limits(MOST, max(0.0, self.ends - time.monotonic()))
            found = search(self.world, self.state, limits)
            return Left(found.length, found.program or (), found.lost)
        budget, within = self.world.max_steps - self.steps, 0
        for near in range(least, min(SEARCHED, budget) + 1):  # deeper and deeper: a near end is found soon
            if time.monotonic() >= self.ends:
                break
            to_go = int(self.causal.to_go(self.tasks, self.state, near))
            if to_go < FAR:
                return Left(to_go)
            within = near
        return LOST if within == budget else Left(None, within=within or None)
