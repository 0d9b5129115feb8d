"""How a world examines an agent, where it has no examination of its own: by listing its tasks, or by sampling them.

A world asks questions (tasks) and grades papers (what the greedy agent did with them); it never sees the agent.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from inwit.core.contracts import Enumerable, Exam, World, capable
from inwit.core.intervals import share_interval
from inwit.core.results import EXACT, NONE, NOT_SEARCHED, SAMPLED, Evaluation, Row, Split, Yardstick
from inwit.core.seeding import stream
from inwit.core.types import Kinds, Papers, Tasks
from inwit.worlds.oracle.constant import yardstick
from inwit.worlds.running import perform

BLOCK = 4096  # tasks at a time: few enough for the cache, enough to hide the cost of a call
CONSTANT = "the shortest program that is right on every problem; one that depends on the problem may be shorter"
SAMPLE = 2048  # problems of each stage, at least, where a world cannot list them: alike for each kind


def exam_of(world: World) -> Exam:
    """The world's own exam; else one that lists all tasks, if the world can; else one that samples them."""
    if own := capable(world, "exam"):
        return own.exam()
    listing = capable(world, "all_tasks")
    return Listing(listing) if listing else Sampling(world)


def blocks(tasks: Tasks, device: torch.device | str) -> Iterator[Tasks]:
    """The tasks in blocks of `BLOCK` rows."""
    for start in range(0, len(tasks), BLOCK):
        yield tasks[start : start + BLOCK].to(device)


class Listing:
    """Every task of every kind; a row a kind."""

    method = "greedy, on every problem"
    proven = True

    def __init__(self, world: Enumerable) -> None:
        self.world = world

    @property
    def questions(self) -> int:
        return len(self.world.all_tasks(list(range(len(self.world.kinds)))))

    def tasks(self, kinds: Sequence[int], device: torch.device | str) -> Iterator[Tasks]:
        for kind in kinds:
            yield from blocks(self.world.all_tasks([kind]), device)

    def grade(self, papers: Papers) -> Evaluation:
        kinds = self.world.kinds
        rows = [self._row(papers, kind) for kind in range(len(kinds))]
        solved = torch.tensor([row.solved == row.problems for row in rows])
        return Evaluation(
            world=self.world.id,
            rows=rows,
            proven=True,
            method=self.method,
            known_limit=self.world.known_limit,
            split=split_of(self.world, papers.tasks.kind, papers.success),
            unsolved=[name for name, right in zip(kinds.names, solved.tolist(), strict=True) if not right],
        )

    def _row(self, papers: Papers, kind: int) -> Row:
        yardsticks, members = yardsticks_of(self.world, kind), papers.tasks.kind == kind
        row = graded(self.world.kinds.names[kind], self.world.kinds.stages[kind], papers, members)
        oracle = yardsticks.get("oracle")
        extra = row.extra | programs_of(self.world, papers, members)
        return replace(row, best_cost=oracle.cost if oracle else None, yardsticks=yardsticks, extra=extra)


class Sampling:
    """One greedy run of each of a fixed random sample of problems; a row a stage, with intervals."""

    proven = False

    def __init__(self, world: World) -> None:
        self.world = world
        stages = world.kinds.stages
        self.each = [-(-SAMPLE // stages.count(stage)) for stage in stages]
        self.questions = sum(self.each)
        self.method = f"greedy, on a sample of {self.questions:,} problems"

    def tasks(self, kinds: Sequence[int], device: torch.device | str) -> Iterator[Tasks]:
        drawn = torch.tensor([kind for kind in kinds for _ in range(self.each[kind])], dtype=torch.int64)
        for start in range(0, len(drawn), BLOCK):
            yield self.world.sample(drawn[start : start + BLOCK], stream(start, "exam")).to(device)

    def grade(self, papers: Papers) -> Evaluation:
        stages = torch.tensor(self.world.kinds.stages)[papers.tasks.kind]
        rows = []
        for stage in sorted(set(self.world.kinds.stages)):
            members = stages == stage
            row = graded(f"stage {stage}", stage, papers, members)
            interval = share_interval(row.solved, row.problems)
            rows.append(replace(row, interval=interval, yardsticks=self._yardsticks(papers.tasks[members])))
        return Evaluation(
            world=self.world.id,
            rows=rows,
            proven=False,
            method=self.method,
            known_limit=self.world.known_limit,
            split=split_of(self.world, papers.tasks.kind, papers.success),
        )

    def _yardsticks(self, tasks: Tasks) -> dict[str, Yardstick]:
        success, _ = perform(self.world, tasks, None, stream(0, "random success"))
        return not_searched("a world that cannot list its tasks is not searched") | {
            "random": sampled_success(success, "uniformly random legal tokens")
        }


def yardsticks_of(world: World, kind: int) -> dict[str, Yardstick]:
    """What to hold an agent against on one kind: the world's own yardsticks, and those of the search for constant
    programs where it applies."""
    own = capable(world, "yardsticks")
    known = own.yardsticks(kind) if own else {}
    if not capable(world, "constant_programs"):
        return not_searched("this world has no search for best programs") | known
    best, names = yardstick(world.id, kind, world.settings), world.vocabulary.decode
    bound = f"of all programs of up to {best.searched_to} tokens"
    none = Yardstick(NONE, why=f"{bound} none is right on every problem")
    oracle, shortcut = best.oracle, best.shortcut
    found = {
        "oracle": none
        if oracle is None
        else Yardstick(EXACT, 1.0, len(oracle.tokens), names(oracle.tokens), why=CONSTANT),
        "shortcut": Yardstick(NONE, why=f"{bound} none is shorter than the oracle's")
        if shortcut is None
        else Yardstick(EXACT, shortcut.success, len(shortcut.tokens), names(shortcut.tokens)),
        "random": Yardstick(EXACT, best.random_success, why="uniformly random legal tokens"),
    }
    return found | known


def not_searched(why: str) -> dict[str, Yardstick]:
    return {name: Yardstick(NOT_SEARCHED, why=why) for name in ("oracle", "shortcut", "random")}


def sampled_success(success: Bool[Tensor, " N"], why: str) -> Yardstick:
    """A yardstick from independent tries."""
    right, tries = int(success.sum()), len(success)
    return Yardstick(SAMPLED, right / tries, interval=share_interval(right, tries), why=why)


def graded(name: str, stage: int, papers: Papers, members: Bool[Tensor, " N"]) -> Row:
    """A row over some problems, without yardsticks yet."""
    success, steps = papers.success[members], papers.steps[members]
    problems, solved = len(success), int(success.sum())
    return Row(
        name=name,
        stage=stage,
        problems=problems,
        solved=solved,
        cost=float(steps[success].double().mean()) if solved else None,
        best_cost=None,
        yardsticks={},
        extra={name: int(flags[members].sum()) / problems for name, flags in papers.extra.items()},
    )


def programs_of(world: World, papers: Papers, members: Bool[Tensor, " N"]) -> dict[str, Any]:
    """How many distinct programs the agent wrote, and the one that it wrote most."""
    programs, counts = torch.unique(papers.tokens[members], dim=0, return_counts=True)
    most = programs[counts.argmax()]
    return {"programs": len(programs), "program": world.vocabulary.decode(most[most >= 0].tolist())}


def split_of(world: World, kind: Int[Tensor, " N"], success: Bool[Tensor, " N"]) -> Split | None:
    """The trained problems and the test set apart, by stage; None where nothing is held out."""
    kinds = world.kinds
    if not kinds.held_out:
        return None
    held_out, stages = torch.zeros(len(kinds), dtype=torch.bool), torch.tensor(kinds.stages)
    held_out[list(kinds.held_out)] = True
    parts = []
    for part in (~held_out, held_out):
        rows = {stage: (stages == stage) & part for stage in sorted(set(kinds.stages))}
        by_stage = {stage: success[asked[kind]] for stage, asked in rows.items()}
        parts.append({str(stage): (int(right.sum()), len(right)) for stage, right in by_stage.items() if len(right)})
    name = str(world.settings.to_dict().get("split", "its own rule"))
    return Split(name, *parts, twins=_twins(kinds))


def _twins(kinds: Kinds) -> int:
    """Held-out kinds of the same class as a trained one: a program for them was there to be learnt."""
    held_out = set(kinds.held_out)
    taught = {number for kind, number in enumerate(kinds.classes) if kind not in held_out}
    return sum(kinds.classes[kind] in taught for kind in held_out)
