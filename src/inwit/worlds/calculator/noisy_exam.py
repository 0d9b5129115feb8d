"""The exam of calculator-v0 where prompts hold noise: many prompts of each expression, drawn once and for all.

A prompt's noise follows from the digits of its task. A policy may be right among some irrelevant tokens and wrong among
others, and there are too many prompts to ask all: so this exam proves nothing, and its rows have intervals. Rows are
groups as in the exam without noise, but problems are prompts, and each expression of a row weighs the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import comb
from typing import TYPE_CHECKING

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from inwit.core.intervals import pass_at_k_interval
from inwit.core.results import EXACT, NOT_SEARCHED, Evaluation, Row, Yardstick
from inwit.core.seeding import stream
from inwit.core.types import Papers, Tasks
from inwit.worlds.calculator.exam import (
    best_of,
    constant_programs_of,
    groups_of,
    most_of,
    name_of,
    oracle_of,
    random_counts,
)
from inwit.worlds.examination import blocks, random_success, result_of
from inwit.worlds.oracle.shortest import ShortestProgram

if TYPE_CHECKING:
    from inwit.worlds.calculator.tensors import CalculatorV0

MOST, FEWEST = 256, 8  # prompts of an expression; as many of each
PROMPTS = 20_000  # of all expressions, if `FEWEST` of each are not more


class NoisyExam:
    """One greedy run of each of a fixed random sample of prompts, as many of each expression."""

    proven = False

    def __init__(self, world: CalculatorV0) -> None:
        self.world = world
        self.each = max(FEWEST, min(MOST, PROMPTS // len(world.kinds)))
        self.questions = self.each * len(world.kinds)
        self.method = f"greedy, on a sample of {self.each} prompts of each expression, with other noise in each"

    def tasks(self, kinds: Sequence[int], device: torch.device | str) -> Iterator[Tasks]:
        every = torch.arange(len(self.world.kinds)).repeat_interleave(self.each)
        drawn = self.world.sample(every, stream(0, "noisy exam"))  # a kind's are the same, whatever others are asked
        places = torch.tensor(list(kinds), dtype=torch.int64)[:, None] * self.each + torch.arange(self.each)
        return blocks(drawn[places.flatten()], device)

    def grade(self, papers: Papers) -> Evaluation:
        world, settings = self.world, self.world.settings
        graded = _Graded(world, papers, self.each, best_of(world))
        rows = [graded.row(*key, kinds) for key, kinds in groups_of(world, graded.best).items()]
        right = graded.counted(papers.success)
        names = zip(world.kinds.names, right.tolist(), strict=True)
        return replace(
            result_of(self, world, rows, papers.tasks.kind, papers.success),
            unsolved=[name for name, count in names if count < self.each],
            cost_over_best=graded.over_shortest(),
            constant_programs=constant_programs_of(world, graded.best),
            means=["ticks"] if settings.ticks else [],
        )


@dataclass(frozen=True)
class _Graded:
    """What was written under `each` prompts of each of K expressions, and their shortest programs."""

    world: CalculatorV0
    papers: Papers
    each: int
    best: list[ShortestProgram]

    def counted(self, number: Tensor) -> Float[Tensor, " K"]:
        """The sum of a number of each paper over the papers of each expression."""
        total = torch.zeros(len(self.best), dtype=torch.float64)
        return total.index_add_(0, self.papers.tasks.kind, number.double())

    def share(self, flags: Bool[Tensor, " N"], kinds: list[int]) -> tuple[float, tuple[float, float]]:
        """The share of some expressions' prompts and its interval. The expressions are all that there are, only their
        prompts were drawn: prompts of one expression are alike, and so each expression has a spread of its own."""
        counts = self.counted(flags)[kinds].long().numpy()
        return float(counts.mean()) / self.each, pass_at_k_interval(counts, self.each, 1, sampled=False)

    def costs(self) -> Float[Tensor, " K"]:
        """The chosen tokens of right programs, by expression; ticks are no part of a program."""
        ticks = self.papers.counts["ticks"] if self.world.settings.ticks else torch.zeros_like(self.papers.steps)
        return self.counted((self.papers.steps - ticks) * self.papers.success)

    def row(self, operators: int, slots: int | None, kinds: list[int]) -> Row:
        papers, best = self.papers, [self.best[kind] for kind in kinds]
        right = self.counted(papers.success)[kinds]
        solved, (_, interval) = int(right.sum()), self.share(papers.success, kinds)
        value, value_interval = self.share(papers.extra["value_success"], kinds)
        luck, luck_interval = self.share(papers.extra["value_success"] & ~papers.success, kinds)
        weight = right if solved else torch.ones_like(right)
        lengths = [program.length for program, count in zip(best, weight.tolist(), strict=True) if count]
        best_cost = None
        if all(lengths):
            length = torch.tensor([program.length or 0 for program in best], dtype=torch.float64)
            best_cost = float((length * weight).sum() / weight.sum())
        extra = {
            "value_success": value,
            "value_success_interval": value_interval,
            "luck": luck,
            "luck_interval": luck_interval,
            "optimum_proven": self.each * sum(program.proven for program in best),
        }
        if self.world.settings.ticks:
            extra["ticks"] = float(self.counted(papers.counts["ticks"])[kinds].mean()) / self.each
        return Row(
            name=name_of(operators, slots),
            stage=operators,
            problems=len(kinds) * self.each,
            solved=solved,
            cost=float(self.costs()[kinds].sum()) / solved if solved else None,
            best_cost=best_cost,
            yardsticks=self._yardsticks(operators, kinds, best),
            labels={"operators": operators, "slots": slots},
            extra=extra,
            interval=interval,
        )

    def _yardsticks(self, operators: int, kinds: list[int], best: list[ShortestProgram]) -> dict[str, Yardstick]:
        settings = replace(self.world.settings, masks=True, ticks=0, tick_price=0)
        right, tries = (int(total) for total in random_counts(type(self.world), settings)[kinds].sum(0))
        return {
            "oracle": oracle_of(best),
            "shortcut": self._shortcut(operators, kinds, best),
            "random": random_success(right, tries),
        }

    def _shortcut(self, operators: int, kinds: list[int], best: list[ShortestProgram]) -> Yardstick:
        """A constant program reads no noise. It names letters: it is right under one set of them, and all sets are
        drawn alike. Where illegal tokens may be written, letters that are absent do nothing, and it may be right under
        several."""
        settings, one = self.world.settings, most_of(self.world, kinds, best)
        letterings = comb(settings.num_letters, operators + 1) if settings.names == "any" else 1
        if letterings == 1:
            return one
        if not settings.masks:
            return Yardstick(NOT_SEARCHED, why="without masks one program may be right under several sets of letters")
        return Yardstick(EXACT, (one.success or 0.0) / letterings, why=f"{one.why}, under one set of letters")

    def over_shortest(self) -> float | None:
        """Tokens over tokens, all prompts together; None where nothing is solved whose shortest length is proven."""
        right, costs = self.counted(self.papers.success).tolist(), self.costs().tolist()
        each = zip(right, costs, self.best, strict=True)
        pairs = [(cost, count * best.length) for count, cost, best in each if count and best.proven and best.length]
        return sum(cost for cost, _ in pairs) / sum(length for _, length in pairs) if pairs else None
