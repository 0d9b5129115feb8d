"""The exam of calculator-v0 where identity decides: one greedy run of an expression shows its success over all inputs.

Rows are groups: expressions with as many operators that need as many slots. A row's cost counts the program's tokens;
the mean of its ticks, if the world has ticks, stands beside the cost (`extra["ticks"]`). Where letters vary
(`names = any`) a policy sees them, so an expression counts as solved only if it is solved under every set of letters.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import combinations
from math import comb
from typing import TYPE_CHECKING

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from inwit.core.intervals import share_interval
from inwit.core.results import AT_LEAST, EXACT, NONE, NOT_SEARCHED, ConstantSet, Evaluation, Row, Yardstick
from inwit.core.seeding import stream
from inwit.core.types import Papers, Tasks
from inwit.worlds.calculator.rules import PAD, CalculatorSettings
from inwit.worlds.examination import BLOCK, blocks, random_success, result_of
from inwit.worlds.oracle.shortest import ShortestProgram, shortest_table
from inwit.worlds.running import perform

if TYPE_CHECKING:
    from inwit.worlds.calculator.tensors import CalculatorV0

DIGITS = 100  # digit rows per expression, at most, on which success by value is sampled
RANDOM = 200  # random programs per expression, at most
ROWS = 300_000  # of digits, and of random programs, in all
SEARCHED = 4  # operators: larger expressions are searched one by one, for seconds each, and are left out
LETTERINGS = 500_000  # sets of letters, over all expressions, that are tried; more are sampled
_NOT_SEARCHED = ShortestProgram(program=None, length=None, proven=False, searched_to=0, slots_needed=None)


class CalculatorExam:
    """One question for each expression; with `names = any` one for each set of letters that it may have."""

    def __init__(self, world: CalculatorV0) -> None:
        self.world, self.letterings = world, _letterings(world)
        self.proven, under = self.questions <= LETTERINGS, ""
        if not self.proven:
            each = max(1, LETTERINGS // len(world.kinds))
            self.letterings = {operators: _some(sets, each) for operators, sets in self.letterings.items()}
            under = f" under up to {each} sets of letters"
        elif world.settings.names == "any":
            under = " under every set of letters"
        self.method = f"one greedy run of each expression{under}, for all inputs"

    @property
    def questions(self) -> int:
        return sum(len(self.letterings[operators]) for operators in self.world.kinds.stages)

    def tasks(self, kinds: Sequence[int], device: torch.device | str) -> Iterator[Tasks]:
        plain, stages = self.world.greedy_tasks(), self.world.kinds.stages
        asked = torch.tensor([kind for kind in kinds for _ in self.letterings[stages[kind]]], dtype=torch.int64)
        letters = torch.cat([self.letterings[stages[kind]] for kind in kinds])
        digits = plain.data["operands"][asked]
        return blocks(Tasks(asked, {"operands": digits, "letters": letters}), device)

    def grade(self, papers: Papers) -> Evaluation:
        world, settings = self.world, self.world.settings
        solved = torch.ones(len(world.kinds), dtype=torch.bool)
        solved[papers.tasks.kind[~papers.success]] = False
        ticks = _mean(papers, papers.counts["ticks"]) if settings.ticks else None
        members = _Members(
            solved=solved,
            steps=_mean(papers, papers.steps) - (0 if ticks is None else ticks),
            ticks=ticks,
            value=_value_success(world, papers),
            at_first=papers.success[_first(world, papers)],
            random=random_counts(type(world), replace(settings, masks=True, ticks=0, tick_price=0)),
            best=best_of(world),
        )
        rows = [
            _row(*key, kinds, world, members, len(self.letterings[key[0]]))
            for key, kinds in groups_of(world, members.best).items()
        ]
        if not self.proven:  # under letters that were not tried an expression may be wrong: this is the most it can be
            rows = [replace(row, interval=(0.0, row.success)) for row in rows]
        result = result_of(self, world, rows, torch.arange(len(solved)), solved)
        unsolved = [name for name, right in zip(world.kinds.names, solved.tolist(), strict=True) if not right]
        constant = constant_programs_of(world, members.best)
        over, means = _over_shortest(members), ["ticks"] if settings.ticks else []
        return replace(result, unsolved=unsolved, cost_over_best=over, constant_programs=constant, means=means)


@dataclass(frozen=True)
class _Members:
    """What is known of each expression: K of them."""

    solved: Bool[Tensor, " K"]
    steps: Float[Tensor, " K"]  # mean chosen tokens; ticks are no part of a program
    ticks: Float[Tensor, " K"] | None  # mean ticks, where there are any
    value: Int[Tensor, "K 2"]  # digit rows with the right value, of how many, under its first set of letters
    at_first: Bool[Tensor, " K"]  # whether it is solved under that one
    random: Int[Tensor, "K 2"]  # random programs that were right, of how many
    best: list[ShortestProgram]


def _mean(papers: Papers, number: Int[Tensor, " N"]) -> Float[Tensor, " K"]:
    """The mean of a number over the runs of each expression."""
    runs = torch.bincount(papers.tasks.kind)
    return torch.zeros(len(runs), dtype=torch.float64).index_add_(0, papers.tasks.kind, number.double()) / runs


def _letterings(world: CalculatorV0) -> dict[int, Int[Tensor, "S N"]]:
    """By number of operators: the sets of letters that an expression may have, filled up with -1."""
    settings, width = world.settings, world.num_operands
    letterings = {}
    for operators in sorted(set(world.kinds.stages)):
        count = operators + 1
        sets = combinations(range(settings.num_letters), count) if settings.names == "any" else [range(count)]
        letterings[operators] = torch.tensor([[*letters, *[-1] * (width - count)] for letters in sets])
    return letterings


def _some(sets: Int[Tensor, "S N"], count: int) -> Int[Tensor, "C N"]:
    """The first set, and others at random."""
    order = torch.randperm(len(sets) - 1, generator=stream(0, "letterings"))[: count - 1] + 1
    return torch.cat([sets[:1], sets[order]])


def best_of(world: CalculatorV0) -> list[ShortestProgram]:
    """The shortest program of each expression, as far as it was searched."""
    settings = world.settings
    table = shortest_table(min(settings.max_operators, SEARCHED), settings.num_slots, settings.tools, settings.crossed)
    return [table.get(name, _NOT_SEARCHED) for name in world.kinds.names]


def groups_of(world: CalculatorV0, best: list[ShortestProgram]) -> dict[tuple[int, int | None], list[int]]:
    """The expressions by number of operators and slots needed, in order; unknown needs come first."""
    groups: dict[tuple[int, int | None], list[int]] = {}
    for kind, (operators, program) in enumerate(zip(world.kinds.stages, best, strict=True)):
        groups.setdefault((operators, program.slots_needed), []).append(kind)
    return dict(sorted(groups.items(), key=lambda item: (item[0][0], -1 if item[0][1] is None else item[0][1])))


def _row(
    operators: int, slots: int | None, kinds: list[int], world: CalculatorV0, members: _Members, letterings: int
) -> Row:
    right = [kind for kind in kinds if members.solved[kind]]
    best = [members.best[kind] for kind in kinds]
    lengths = [members.best[kind].length for kind in right or kinds]
    value, tries = (int(total) for total in members.value[kinds].sum(0))
    at_first, interval = int(members.at_first[kinds].sum()) / len(kinds), share_interval(value, tries)
    return Row(
        name=name_of(operators, slots),
        stage=operators,
        problems=len(kinds),
        solved=len(right),
        cost=float(members.steps[right].mean()) if right else None,
        best_cost=sum(length or 0 for length in lengths) / len(lengths) if all(lengths) else None,
        yardsticks={
            "oracle": oracle_of(best),
            "shortcut": _shortcut(world, kinds, best, letterings),
            "random": random_success(*(int(total) for total in members.random[kinds].sum(0))),
        },
        labels={"operators": operators, "slots": slots},
        extra={
            "value_success": value / tries,
            "value_success_interval": interval,
            "luck": value / tries - at_first,
            "luck_interval": tuple(end - at_first for end in interval),
            "optimum_proven": sum(program.proven for program in best),
            **({} if members.ticks is None else {"ticks": float(members.ticks[kinds].mean())}),
        },
    )


def name_of(operators: int, slots: int | None) -> str:
    """The name of a group's row."""
    name = f"{operators} operator{'' if operators == 1 else 's'}"
    return name if slots is None else f"{name}, {slots} slot{'' if slots == 1 else 's'}"


def oracle_of(best: list[ShortestProgram]) -> Yardstick:
    found = [program for program in best if program.length]
    if not found:
        known = NONE if best[0].searched_to else NOT_SEARCHED
        bound = f"of all programs of up to {best[0].searched_to} tokens none computes any of these expressions"
        return Yardstick(known, why=bound if known == NONE else f"more than {SEARCHED} operators: searched one by one")
    proven = sum(program.proven for program in best)
    cost = sum(program.length or 0 for program in found) / len(found)
    why = f"shortest programs; {proven} of {len(best)} are proven shortest"
    return Yardstick(EXACT, len(found) / len(best), cost, why=why)


def _shortcut(world: CalculatorV0, kinds: list[int], best: list[ShortestProgram], letterings: int) -> Yardstick:
    """A constant program computes one polynomial: at best that of the largest class. What was searched and has no
    program cannot be solved by a constant one either. It names letters, and so it is right under one set of them."""
    if letterings > 1:
        return Yardstick(EXACT, 0.0, why="one program is right under one set of letters alone")
    return most_of(world, kinds, best)


def most_of(world: CalculatorV0, kinds: list[int], best: list[ShortestProgram]) -> Yardstick:
    """The share of some expressions, under one set of letters, that the best constant program solves."""
    pairs = zip(kinds, best, strict=True)
    possible = [world.kinds.classes[kind] for kind, program in pairs if program.program or not program.searched_to]
    share = max(Counter(possible).values(), default=0) / len(kinds)
    return Yardstick(EXACT, share, why="the one program that solves most of these expressions")


def constant_programs_of(world: CalculatorV0, best: list[ShortestProgram]) -> ConstantSet:
    """A constant program computes one polynomial in the letters that it names: so it takes one for each class, under
    each set of letters. Where illegal tokens may be written it may compute another one where a letter is absent, but
    still only one for expressions of one size."""
    settings, programs = world.settings, dict[tuple[int, int], ShortestProgram]()
    for operators, number, program in zip(world.kinds.stages, world.kinds.classes, best, strict=True):
        programs[operators, number] = program
    budgets = [(settings.budget(operators + 1), program) for (operators, _), program in programs.items()]
    without = sum(
        program.searched_to >= budget or (program.proven and (program.length or 0) > budget)
        for budget, program in budgets
        if program.length is None or program.length > budget
    )
    if without:
        return ConstantSet(NONE, why=f"{without:,} polynomials have no program within the budget")
    classes = Counter(operators for operators, _ in programs)
    why = "one for each polynomial"
    if settings.names == "any":
        why += " under each set of letters"
    if not settings.masks:
        return ConstantSet(AT_LEAST, max(classes.values()), why="one for each polynomial of one size")
    total = sum(
        many * (comb(settings.num_letters, operators + 1) if settings.names == "any" else 1)
        for operators, many in classes.items()
    )
    unknown = sum(program.length is None or program.length > budget for budget, program in budgets)
    if unknown:
        return ConstantSet(AT_LEAST, total, why=f"{why}; for {unknown:,} polynomials no program is known")
    return ConstantSet(EXACT, total, why=why)


def _over_shortest(members: _Members) -> float | None:
    """Tokens over tokens, all expressions together; None where nothing is solved whose shortest length is proven."""
    each = zip(members.solved.tolist(), members.steps.tolist(), members.best, strict=True)
    pairs = [(taken, best.length) for right, taken, best in each if right and best.proven and best.length]
    return sum(taken for taken, _ in pairs) / sum(length for _, length in pairs) if pairs else None


def _first(world: CalculatorV0, papers: Papers) -> Int[Tensor, " K"]:
    """Where each expression is asked under its first set of letters."""
    questions = len(papers.success)
    places = torch.full((len(world.kinds),), questions)
    return places.scatter_reduce_(0, papers.tasks.kind, torch.arange(questions), "amin")


def _value_success(world: CalculatorV0, papers: Papers) -> Int[Tensor, "K 2"]:
    """On how many digit rows each expression's program gives the right value, under its first set of letters."""
    kinds, first = len(world.kinds), _first(world, papers)
    each = max(8, min(DIGITS, ROWS // kinds))
    rows = torch.arange(kinds).repeat_interleave(each)
    digits = world.sample(rows, stream(0, "value success")).data["operands"]
    tasks = Tasks(rows, {"operands": digits, "letters": papers.tasks.data["letters"][first][rows]})
    tokens = papers.tokens[first].masked_fill(papers.tokens[first] < 0, PAD)
    right = []
    for start in range(0, kinds * each, 16 * BLOCK):
        part = slice(start, start + 16 * BLOCK)
        right.append(perform(world, tasks[part], tokens[rows[part]].long())[1]["value_success"])
    return _counted(right, each)


@cache
def random_counts(world_class: type[CalculatorV0], settings: CalculatorSettings) -> Int[Tensor, "K 2"]:
    """How many of so many uniformly random legal programs are right, for each expression. No agent changes it."""
    world, generator = world_class(settings), stream(0, "random success")
    each = max(8, min(RANDOM, ROWS // len(world.kinds)))
    kinds = torch.arange(len(world.kinds)).repeat_interleave(each)
    right = []
    for start in range(0, len(kinds), 16 * BLOCK):
        tasks = world.sample(kinds[start : start + 16 * BLOCK], generator)
        right.append(perform(world, tasks, None, generator)[0])
    return _counted(right, each)


def _counted(right: list[Bool[Tensor, " N"]], each: int) -> Int[Tensor, "K 2"]:
    """How many of `each` consecutive rows are right, and `each`."""
    counts = torch.cat(right).view(-1, each).sum(1)
    return torch.stack([counts, torch.full_like(counts, each)], 1)
