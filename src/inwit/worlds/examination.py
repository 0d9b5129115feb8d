"""How a world examines an agent if it has no exam of its own: on all of its tasks, or on a sample of them.

An exam gives out questions (tasks) and grades papers (what the greedy agent wrote). It never sees the agent.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from inwit.core.capabilities import Enumerable, Exam, capable
from inwit.core.contracts import World
from inwit.core.intervals import share_interval
from inwit.core.results import (
    EXACT,
    NONE,
    NOT_SEARCHED,
    SAMPLED,
    ConstantSet,
    Evaluation,
    Json,
    Row,
    Split,
    Yardstick,
)
from inwit.core.seeding import stream
from inwit.core.types import Expectation, Papers, Tasks
from inwit.worlds.oracle.constant import yardstick
from inwit.worlds.oracle.cover import smallest_cover
from inwit.worlds.running import perform

Flags = Bool[Tensor, " N"]

BLOCK = 4096  # tasks at a time: few enough for the cache, enough to hide the cost of a call
CONSTANT = "the shortest program that is right on every problem; one that depends on the problem may be shorter"
RANDOM = "uniformly random legal tokens"
UNSEARCHED = ConstantSet(NOT_SEARCHED, why="this world has no search for constant programs")
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
        rows = [self._row(papers, kind) for kind in range(len(self.world.kinds))]
        unsolved = [row.name for row in rows if row.solved < row.problems]
        result = result_of(self, self.world, rows, papers.tasks.kind, papers.success)
        return followed(replace(result, unsolved=unsolved, constant_programs=self.constant_programs()))

    def constant_programs(self) -> ConstantSet:
        """The fewest constant programs that solve everything, where the world can be searched for them."""
        if not capable(self.world, "constant_programs"):
            return UNSEARCHED
        found = smallest_cover(self.world.id, len(self.world.kinds), self.world.settings)
        if found is None:
            best = [yardstick(self.world.id, kind, self.world.settings) for kind in range(len(self.world.kinds))]
            without = [name for name, each in zip(self.world.kinds.names, best, strict=True) if each.oracle is None]
            bound = f"of all programs of up to {min(each.searched_to for each in best)} tokens"
            return ConstantSet(NONE, why=f"{bound} none is right on every problem of {' or '.join(without)}")
        programs = [self.world.vocabulary.decode(program) for program in found]
        return ConstantSet(EXACT, len(programs), programs)

    def _row(self, papers: Papers, kind: int) -> Row:
        kinds, members = self.world.kinds, papers.tasks.kind == kind
        yardsticks = yardsticks_of(self.world, kind)
        row = graded(kinds.names[kind], kinds.stages[kind], papers, members, yardsticks)
        oracle = yardsticks.get("oracle", not_searched("")["oracle"])
        # A mean over the kind says nothing of the part that was solved, unless one program is best on all of it.
        known = oracle.program is not None or row.solved in (0, row.problems)
        extra = row.extra | (programs_of(self.world, papers, members) if papers.expected is None else {})
        return replace(row, best_cost=oracle.cost if known else None, extra=extra)


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
            row = graded(f"stage {stage}", stage, papers, members, self._yardsticks(papers.tasks[members]))
            rows.append(replace(row, interval=share_interval(row.solved, row.problems)))
        result = result_of(self, self.world, rows, papers.tasks.kind, papers.success)
        return replace(result, constant_programs=UNSEARCHED)

    def _yardsticks(self, tasks: Tasks) -> dict[str, Yardstick]:
        success, _ = perform(self.world, tasks, None, stream(0, "random success"))
        known = not_searched("a world that cannot list its tasks is not searched")
        return known | {"random": random_success(int(success.sum()), len(success))}


def yardsticks_of(world: World, kind: int) -> dict[str, Yardstick]:
    """The yardsticks of one kind: the world's own, and those of the search for constant programs where it applies."""
    own = capable(world, "yardsticks")
    known = own.yardsticks(kind) if own else {}
    if not capable(world, "constant_programs"):
        return known or not_searched("this world has no search for best programs")
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
        "random": Yardstick(EXACT, best.random_success, why=RANDOM),
    }
    return found | known


def not_searched(why: str) -> dict[str, Yardstick]:
    return {name: Yardstick(NOT_SEARCHED, why=why) for name in ("oracle", "shortcut", "random")}


def random_success(right: int, tries: int) -> Yardstick:
    """The yardstick of the uniformly random legal policy, from independent tries."""
    return Yardstick(SAMPLED, right / tries, interval=share_interval(right, tries), why=RANDOM)


def result_of(exam: Exam, world: World, rows: list[Row], kind: Int[Tensor, " N"], success: Flags) -> Evaluation:
    """The exam's result: its rows, and by `split_of` the success on N problems of these kinds."""
    split = split_of(world, kind, success)
    return Evaluation(world.id, rows, exam.proven, exam.method, known_limit=world.known_limit, split=split)


def followed(result: Evaluation) -> Evaluation:
    """The result of an exam that lists all problems: not proven where a row says that some ends were not followed."""
    left_out = max((row.interval[1] - row.interval[0] for row in result.rows if row.interval), default=0.0)
    if not left_out:
        return result
    more = f"; up to {100 * left_out:.2g} % of a kind was too much to follow, and may be right or wrong"
    return replace(result, proven=False, method=result.method + more)


def interval_of(success: float, expected: Expectation) -> tuple[float, float] | None:
    """The least and the most that `success` may be where not all ends were followed; else None."""
    left_out = float(expected.unexpanded.mean())
    return (success, min(1.0, success + left_out)) if left_out else None


def graded(name: str, stage: int, papers: Papers, members: Flags, yardsticks: dict[str, Yardstick]) -> Row:
    """A row over some problems."""
    success, steps = papers.success[members], papers.steps[members]
    problems, solved = len(success), int(success.sum())
    cost, expected, interval = float(steps[success].double().mean()) if solved else None, None, None
    if papers.expected is not None:
        found = papers.expected[members]
        cost, expected = float(found.steps.mean()), float(found.success.mean())
        interval = interval_of(expected, found)
    return Row(
        expected=expected,
        interval=interval,
        name=name,
        stage=stage,
        problems=problems,
        solved=solved,
        cost=cost,
        best_cost=None,
        yardsticks=yardsticks,
        extra={name: int(flags[members].sum()) / problems for name, flags in papers.extra.items()},
    )


def programs_of(world: World, papers: Papers, members: Flags) -> Json:
    """How many distinct programs the agent wrote, and the one that it wrote most."""
    programs, counts = torch.unique(papers.tokens[members], dim=0, return_counts=True)
    most = programs[counts.argmax()]
    return {"programs": len(programs), "program": world.vocabulary.decode(most[most >= 0].tolist())}


def split_of(world: World, kind: Int[Tensor, " N"], success: Flags) -> Split | None:
    """The trained problems and the test set apart, by stage; None where nothing is held out."""
    kinds = world.kinds
    if not kinds.held_out:
        return None
    held_out = torch.zeros(len(kinds), dtype=torch.bool)
    held_out[list(kinds.held_out)] = True
    parts = []
    for part in (~held_out, held_out):
        by_stage = {}
        for stage in sorted(set(kinds.stages)):
            right = success[((torch.tensor(kinds.stages) == stage) & part)[kind]]
            if len(right):
                by_stage[str(stage)] = int(right.sum()), len(right)
        parts.append(by_stage)
    name = str(world.settings.to_dict().get("split", "its own rule"))
    taught = {number for kind, number in enumerate(kinds.classes) if not held_out[kind]}
    return Split(name, *parts, twins=sum(kinds.classes[kind] in taught for kind in kinds.held_out))
