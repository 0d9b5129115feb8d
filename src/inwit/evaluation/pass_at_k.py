"""pass@k: the chance that at least one of k programs *sampled* from the policy is right.

The greedy agent says what a policy does; pass@k says what it could do with a checker beside it. N >= k programs are
sampled for each problem; with c of them right, 1 - C(N-c, k) / C(N, k) is an unbiased estimate (Chen et al. 2021),
where 1 - (1 - c/N)**k would be biased. Reported is its mean over problems.

**The interval** is a 95 % cluster bootstrap: problems are drawn again, each with all of its samples, because samples of
one problem are no independent trials of the mean. So it counts the luck of sampling *and* which problems there are;
where every expression of a world is among them, that is wider than sampling alone would need. Where all problems came
out at 0, or all at 1, drawing again shows no spread, and the interval is Clopper and Pearson's for all of so many.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from inwit.core.contracts import Agent
from inwit.core.errors import UserError
from inwit.core.seeding import stream, stream_seed
from inwit.core.types import Tasks
from inwit.rollout.collect import collect

ROWS = 4096  # episodes at a time
PROBLEMS = 768  # where there are too many to try them all: about as many, alike for each kind
RESAMPLES = 2000
LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """The mean of pass@k over some problems, and its 95 % interval."""

    problems: int
    estimate: float
    low: float
    high: float


@dataclass(frozen=True)
class StageEstimate(Estimate):
    """The same for the problems of a stage (in the calculator: number of operators)."""

    stage: int
    held_out: bool  # whether they are the test set


@dataclass(frozen=True)
class PassAtK:
    k: int
    samples: int  # programs for each problem
    all_problems: bool  # whether every problem was tried, or a fixed sample of them
    overall: Estimate
    stages: list[StageEstimate]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def pass_at_k(agent: Agent, k: int, samples: int | None = None) -> PassAtK:
    """pass@k of an agent, with `samples` programs for each problem (by default k, at least 16).

    Where identity decides success: on every expression. Elsewhere: on a fixed random sample of each kind's problems.
    The same agent gives the same result always. Raises `UserError` for numbers that do not fit.
    """
    samples = max(k, 16) if samples is None else samples
    _check("pass-at", k, 1)
    _check("samples", samples, k)
    world: Any = agent.world
    all_problems = "identity" in world.capabilities
    tasks = world.greedy_tasks() if all_problems else _some_problems(world)
    estimates = unbiased(_count_right(agent, tasks, samples), samples, k)
    stages, held_out = np.array(world.kinds.stages), np.isin(np.arange(len(world.kinds)), world.kinds.held_out)
    parts = []
    for part in (False, True):
        for stage in np.unique(stages):
            members = estimates[((stages == stage) & (held_out == part))[tasks.kind.numpy()]]
            if len(members):
                parts.append(StageEstimate(**asdict(mean_estimate(members)), stage=int(stage), held_out=part))
    return PassAtK(k, samples, all_problems, mean_estimate(estimates), parts)


def unbiased(right: NDArray[np.int64], samples: int, k: int) -> NDArray[np.float64]:
    """1 - C(samples - right, k) / C(samples, k) for each problem, as a product that cannot overflow."""
    factors = (samples - right[:, None] - np.arange(k)) / (samples - np.arange(k))
    return 1 - np.prod(factors.clip(min=0), axis=1)


def mean_estimate(estimates: NDArray[np.float64]) -> Estimate:
    """The mean over problems with its interval (see above)."""
    count, mean, tail = len(estimates), float(estimates.mean()), (1 - LEVEL) / 2
    if (estimates == estimates[0]).all() and mean in (0.0, 1.0):
        bound = tail ** (1 / count)
        low, high = (bound, 1.0) if mean else (0.0, 1 - bound)
    else:
        generator = np.random.default_rng(stream_seed(0, "pass at k bootstrap"))
        values, counts = np.unique(estimates, return_counts=True)  # drawing problems again is drawing these again
        means = generator.multinomial(count, counts / count, size=RESAMPLES) @ values / count
        low, high = np.quantile(means, [tail, 1 - tail])
    return Estimate(count, mean, float(low), float(high))


def _count_right(agent: Agent, tasks: Tasks, samples: int) -> NDArray[np.int64]:
    """How many of `samples` sampled programs are right on each problem."""
    device = agent.device
    generator, counts = stream(0, "pass at k", device), torch.zeros(len(tasks), dtype=torch.int64)
    at_once = min(samples, ROWS)
    rows = max(1, ROWS // at_once)
    for start in range(0, len(tasks), rows):
        part = tasks[start : start + rows].to(device)
        for done in range(0, samples, at_once):
            size = min(at_once, samples - done)
            rollout = collect(agent.world, agent.policy, part, group_size=size, generator=generator)
            counts[start : start + rows] += rollout.success.view(-1, size).sum(1).cpu()
    return counts.numpy()


def _some_problems(world: Any) -> Tasks:
    """A fixed random sample, as many problems of each kind."""
    each = max(1, PROBLEMS // len(world.kinds))
    kinds = torch.arange(len(world.kinds)).repeat_interleave(each)
    return world.sample(kinds, stream(0, "pass at k problems"))


def _check(name: str, value: int, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise UserError(f"{name} = {value!r} is not a whole number")
    if not least <= value <= 100_000:
        limit = f"pass-at = {least}" if name == "samples" else least
        raise UserError(f"{name} = {value} is out of range: it must be at least {limit} and at most 100000")
