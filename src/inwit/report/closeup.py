"""A closer look at one run's agent: the programs it writes now, and some problems explained."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from inwit.core.contracts import Agent, World, capable
from inwit.core.errors import UserError
from inwit.core.types import Papers
from inwit.evaluation.exact import sit
from inwit.evaluation.explanation import Explanation, explain
from inwit.report.select import Run
from inwit.runs import checkpoint
from inwit.runs.folder import COMPLETE
from inwit.runs.loading import load
from inwit.training.loop import threads
from inwit.worlds.examination import Sampling, exam_of

ROWS = 512  # problems of each stage that stand for all of them
LISTED = 20_000  # questions of a world's own exam that are asked, at most; where it has more, `ROWS` of each stage are


@dataclass(frozen=True)
class KindResult:
    """One kind: whether the greedy agent solves all of its questions, in how many tokens, and how few would do."""

    name: str
    stage: int
    solved: bool
    cost: float  # mean chosen tokens
    shortest: int | None  # None where it is not known
    held_out: bool = False


@dataclass(frozen=True)
class CloseUp:
    """What could be read from an agent; empty, and `problem` says why, where there is none."""

    tools: dict[str, dict[str, float]] = field(default_factory=dict)  # stage -> token -> mean uses in an episode
    kinds: list[KindResult] = field(default_factory=list)  # empty where the world has no exam that decides by kind
    episodes: list[Explanation] = field(default_factory=list)
    problem: str = ""
    source: str = ""  # the checkpoint that it was read from, below the runs' folder, where the run has not ended


def close_up(run: Run, *, each: int) -> CloseUp:
    """Look at the run's agent, with at most `each` explained problems of a stage."""
    try:
        source = _source(run)
        agent = load(source)
        with threads(1):
            look = _look(agent, run, each)
        below = "" if source == run.record.path else f"{run.record.name}/checkpoints/{source.name}"
        return replace(look, source=below)
    except UserError as error:
        return CloseUp(problem=str(error).replace(str(run.record.path), run.record.name))


def _source(run: Run) -> Path:
    """Where the agent is read from: the run, or its newest checkpoint if it has not ended."""
    kept = checkpoint.listed(run.record.path)
    return run.record.path if run.record.status in COMPLETE or not kept else kept[0]


def _look(agent: Agent, run: Run, each: int) -> CloseUp:
    world = agent.world
    exam = exam_of(world)
    listed = bool(capable(world, "exam")) and exam.questions <= LISTED
    papers = sit(agent, exam if listed else _Few(world), range(len(world.kinds)))
    kinds = _kinds(world, papers) if listed and exam.proven else []
    return CloseUp(_tools(world, papers), kinds, _explained(agent, run, papers, each))


class _Few(Sampling):
    """`ROWS` problems of each stage, spread over its kinds: enough to look at."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        stages, seen = world.kinds.stages, dict.fromkeys(world.kinds.stages, 0)
        for kind, stage in enumerate(stages):
            place, count = seen[stage], stages.count(stage)
            self.each[kind] = (place + 1) * ROWS // count - place * ROWS // count
            seen[stage] += 1
        self.questions = sum(self.each)


def _tools(world: World, papers: Papers) -> dict[str, dict[str, float]]:
    """How often an episode chooses each token, by stage."""
    stages, tools = torch.tensor(world.kinds.stages)[papers.tasks.kind], {}
    for stage in sorted(set(world.kinds.stages)):
        tokens = papers.tokens[stages == stage]
        counts = torch.bincount(tokens[tokens >= 0].long(), minlength=len(world.vocabulary)).tolist()
        pairs = zip(world.vocabulary.names, counts, strict=True)
        tools[str(stage)] = {name: count / max(1, len(tokens)) for name, count in pairs if count}
    return tools


def _kinds(world: World, papers: Papers) -> list[KindResult]:
    kind, found = papers.tasks.kind, []
    for index, (name, stage) in enumerate(zip(world.kinds.names, world.kinds.stages, strict=True)):
        members = kind == index
        solved, cost = bool(papers.success[members].all()), float(papers.steps[members].double().mean())
        held_out = index in world.kinds.held_out
        found.append(KindResult(name, stage, solved, cost, _shortest(world, index), held_out))
    return found


def _shortest(world: World, kind: int) -> int | None:
    """The length of a kind's shortest program; None where it is not known, or takes too long to search."""
    knows = capable(world, "best_programs")
    try:
        program = knows.best_program(kind) if knows else None
    except UserError:
        return None
    return len(program) if program else None


def _explained(agent: Agent, run: Run, papers: Papers, each: int) -> list[Explanation]:
    stages = torch.tensor(agent.world.kinds.stages)[papers.tasks.kind].tolist()
    rows = _chosen(stages, papers.success.tolist(), each)
    tasks = agent.world.describe(papers.tasks[torch.tensor(rows, dtype=torch.int64)])
    known = _oracle_programs(run)
    return [explain(agent, task, known.get(stages[row])) for row, task in zip(rows, tasks, strict=True)]


def _chosen(stages: list[int], success: list[bool], each: int) -> list[int]:
    """Rows to explain: of each stage one that failed, if any did, then its last and its middle solved one."""
    chosen = []
    for stage in sorted(set(stages)):
        rows = [row for row, other in enumerate(stages) if other == stage]
        failed = [row for row in rows if not success[row]][:1]
        solved = [row for row in rows if success[row]]
        last = [solved[-1], solved[len(solved) // 2]] if solved else rows[1:2]
        chosen += list(dict.fromkeys(failed + last))[:each]
    return chosen


def _oracle_programs(run: Run) -> dict[int, list[str]]:
    """By stage, from the evaluation, to save a search. A stage with several rows has no program for all of it."""
    rows = run.evaluation.rows if run.evaluation else []
    stages = [row.stage for row in rows]
    known = [row for row in rows if "oracle" in row.yardsticks and stages.count(row.stage) == 1]
    return {row.stage: program for row in known if (program := row.yardsticks["oracle"].program)}
