"""pass@k: the chance that at least one of k programs *sampled* from the policy is right, as a mean over problems.

It is what the policy could do if its programs could be checked. Where the world draws, a problem has one hidden part:
all programs get the same answers to the same calls, and problems are always a sample. N >= k programs are
sampled for each problem; the unbiased estimate and its interval are in `core.intervals`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Group
from rich.text import Text

from inwit.core.capabilities import capable
from inwit.core.columns import Columns
from inwit.core.contracts import Agent, World
from inwit.core.errors import UserError, short
from inwit.core.intervals import pass_at_k as estimate_pass_at_k
from inwit.core.intervals import pass_at_k_interval
from inwit.core.isolation import on_own_terms
from inwit.core.numbers import given_number
from inwit.core.seeding import stream
from inwit.core.shown import Shown
from inwit.core.text import percent, percents
from inwit.core.types import Json, Tasks
from inwit.evaluation.exact import others_shown, refuse_unfit
from inwit.rollout.collect import collect
from inwit.worlds.examination import exam_of

ROWS = 4096  # episodes at a time
FEW = 2048  # problems: an exam of at most this many is tried whole
PROBLEMS = 768  # of a larger exam about this many problems are sampled, as many of each kind


@dataclass(frozen=True)
class Estimate:
    """The mean of pass@k over some problems, and its 95 % interval."""

    problems: int
    estimate: float
    low: float
    high: float


@dataclass(frozen=True)
class StageEstimate(Estimate):
    """The same for the problems of a stage."""

    stage: int
    held_out: bool  # whether they are the test set


@dataclass(frozen=True)
class PassAtK(Shown):
    k: int
    samples: int  # programs for each problem
    all_problems: bool  # whether every problem was tried, or a fixed sample of them
    overall: Estimate
    stages: list[StageEstimate]

    def to_dict(self) -> Json:
        return asdict(self)

    def __rich__(self) -> Group:
        """A row for each stage, then all together."""
        which = "every problem" if self.all_problems else "a fixed sample of the problems"
        title = f"pass@{self.k}, from {self.samples} sampled programs for each; {which}"
        rows = [(f"{each.stage}{' held out' if each.held_out else ''}", each) for each in self.stages]
        cells = [
            [name, f"{each.problems:,}", percent(each.estimate), percents(each.low, each.high)]
            for name, each in [*rows, ("all", self.overall)]
        ]
        return Group(Text(title), Columns(["stage", "problems", f"pass@{self.k}", "95 % interval"], cells, left=()))


def pass_at_k(agent: Agent, k: int, samples: int | None = None, control: str | None = None) -> PassAtK:
    """pass@k of an agent, with `samples` programs for each problem (by default k, at least 16).

    On every question of the world's exam where they are few, else on a fixed random sample of each kind's problems.
    `control` is that of `evaluate`. The same agent always gives the same result. Raises `UserError` for numbers that do
    not fit.
    """
    refuse_unfit(agent)
    k = _checked("k", k, 1)
    samples = max(k, 16) if samples is None else _checked("samples", samples, k)
    with on_own_terms(agent.threads):
        return _pass_at_k(agent, k, samples, control)


def _pass_at_k(agent: Agent, k: int, samples: int, control: str | None) -> PassAtK:
    world = agent.world
    exam = exam_of(world)
    # Where the world draws, a problem is a query with what is hidden: there are too many to try all.
    all_problems = exam.proven and not capable(world, "chance") and exam.questions <= FEW
    tasks = Tasks.joined(list(exam.tasks(range(len(world.kinds)), "cpu"))) if all_problems else _some_problems(world)
    shown = tasks if control is None else others_shown(world, [tasks], control)[0]
    right = _count_right(agent, tasks, shown, samples)

    def estimate(members: NDArray[np.bool_]) -> Estimate:
        mean = float(estimate_pass_at_k(right[members], samples, k).mean())
        ends = pass_at_k_interval(right[members], samples, k, sampled=not all_problems)
        return Estimate(int(members.sum()), mean, *ends)

    kind = tasks.kind.numpy()
    stages, held_out = np.array(world.kinds.stages)[kind], np.isin(kind, world.kinds.held_out)
    parts = []
    for part in (False, True):
        for stage in np.unique(stages[held_out == part]):
            of_stage = estimate((stages == stage) & (held_out == part))
            parts.append(StageEstimate(**asdict(of_stage), stage=int(stage), held_out=part))
    return PassAtK(k, samples, all_problems, estimate(np.ones(len(kind), dtype=bool)), parts)


def _count_right(agent: Agent, tasks: Tasks, shown: Tasks, samples: int) -> NDArray[np.int64]:
    """How many of `samples` sampled programs are right on each problem, with the prompts of `shown`."""
    generator, counts = stream(0, "pass at k", agent.device), torch.zeros(len(tasks), dtype=torch.int64)
    at_once = min(samples, ROWS)
    rows = max(1, ROWS // at_once)
    for start in range(0, len(tasks), rows):
        part, other = (each[start : start + rows].to(agent.device) for each in (tasks, shown))
        for done in range(0, samples, at_once):
            size = min(at_once, samples - done)
            rollout = collect(agent.world, agent.policy, part, shown=other, group_size=size, generator=generator)
            counts[start : start + rows] += rollout.success.view(-1, size).sum(1).cpu()
    return counts.numpy()


def _some_problems(world: World) -> Tasks:
    """A fixed random sample, with as many problems of each kind."""
    kinds = torch.arange(len(world.kinds)).repeat_interleave(max(1, PROBLEMS // len(world.kinds)))
    return world.sample(kinds, stream(0, "pass at k problems"))


def _checked(name: str, value: object, least: int) -> int:
    number = given_number(name, value)
    if not least <= number <= 100_000:
        limit = f"k = {least}" if name == "samples" else least
        raise UserError(f"{name} = {short(number)} is out of range: it must be at least {limit} and at most 100000")
    return number
