"""The numbers of an update, and the fuller line that a run keeps of it.

Numbers stay on the device until a report needs them; then all are read back at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isfinite

import torch
from jaxtyping import Float
from torch import Tensor

from inwit.core.contracts import Agent, Metrics
from inwit.core.errors import UserError
from inwit.core.types import Json, Rollout
from inwit.learners.returns import masked_mean, returns_to_go
from inwit.rollout.collect import refuse_faulty

# The loop and the lines below write these themselves: no learner or auxiliary may report a metric of that name.
OWN_NAMES = {
    *("update", "time", "seconds", "episodes", "tokens", "positions", "confirmations", "solved", "success"),
    *("loss", "grad_norm", "reward", "value_error", "signal"),
    *("mean_steps", "tokens_used", "counts", "used", "episodes_of_stage"),
}


@dataclass(frozen=True)
class Totals:
    """What a training has cost since its start. Tensors stay on the device until they are read."""

    episodes: int
    tokens: Tensor  # chosen by the policy before their episode's end
    positions: Tensor  # read or written by the policy: prompts, and live tokens
    seconds: float  # without imports, with confirmations; over all resumptions
    confirmations: int


@dataclass(frozen=True)
class Update:
    """One turn of the loop."""

    index: int
    agent: Agent
    rollout: Rollout
    metrics: Metrics  # the learner's, the auxiliaries', loss and grad_norm; nothing where nothing is optimised
    success: Float[Tensor, " K"]  # running success of each kind, as sampled; NaN for the test set
    totals: Totals
    solved: bool | None  # what a confirmation found in this update; None if there was none

    def summary(self) -> Json:
        """Plain numbers, read back from the device; the success of a stage that is nothing but test set is None."""
        return self._read({})

    def refuse_faulty(self) -> None:
        """Raise `UserError` for an update that must not have been made. On the CPU the loop checks that at once.
        Elsewhere the check waits for the device, so it is made here, where the numbers are waited for anyway."""
        if self.agent.device.type != "cpu":
            refuse_faulty(self.agent.world, self.rollout)

    def line(self) -> Json:
        """The summary, and what a run's metrics keep besides: see docs/runs.md."""
        time = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = self._read(_of_rollout(self.rollout, "value_loss" in self.metrics) | self._by_stage())
        names, used, episodes = self.agent.world.vocabulary.names, line.pop("used"), line.pop("episodes_of_stage")
        counted = {name: line.pop(f"counts/{name}") for name in self.rollout.counts}
        drawn = {stage: count for stage, count in enumerate(episodes) if count}
        line["mean_steps"], line["tokens_used"] = {}, {}
        for stage, count in drawn.items():
            row = used[stage * len(names) : (stage + 1) * len(names)]
            line["mean_steps"][str(stage)] = sum(row) / count
            line["tokens_used"][str(stage)] = {name: int(n) for name, n in zip(names, row, strict=True) if n}
        if counted:
            means = {name: {str(s): sums[s] / count for s, count in drawn.items()} for name, sums in counted.items()}
            line["counts"] = means
        return {"update": line.pop("update"), "time": time} | line

    def _read(self, more: dict[str, Tensor]) -> Json:
        self.refuse_faulty()
        stages = sorted(set(self.agent.world.kinds.stages))
        totals = {"tokens": self.totals.tokens, "positions": self.totals.positions}
        read = read_back(totals | {"success": self._success_of(stages)} | self.metrics | more)
        rates = [round(rate, 4) if isfinite(rate) else None for rate in read.pop("success")]
        return {
            "update": self.index + 1,
            "seconds": round(self.totals.seconds, 3),
            "episodes": self.totals.episodes,
            "tokens": int(read.pop("tokens")),
            "positions": int(read.pop("positions")),
            "confirmations": self.totals.confirmations,
            "solved": self.solved,
            "success": dict(zip(map(str, stages), rates, strict=True)),
            # JSON has no infinity. Training stops before a loss or a gradient that is not finite gets here.
            **{name: value if isinstance(value, list) or isfinite(value) else None for name, value in read.items()},
        }

    def _success_of(self, stages: Sequence[int]) -> Float[Tensor, " S"]:
        """Of each stage the mean over its kinds that have a rate; NaN where none has."""
        stage_of = torch.tensor(self.agent.world.kinds.stages, device=self.success.device)
        stage_of = stage_of.masked_fill(self.success.isnan(), -1)
        return torch.stack([self.success[stage_of == stage].mean() for stage in stages])

    def _by_stage(self) -> dict[str, Tensor]:
        """Of this update: how many episodes each stage had, Int[S], how often each token was chosen, Int[S * V], and
        the sum of each of the rollout's counts, Int[S]."""
        kinds, rollout, size = self.agent.world.kinds, self.rollout, len(self.agent.world.vocabulary)
        stage = torch.tensor(kinds.stages, device=rollout.tokens.device)[rollout.tasks.kind]
        place = (stage[:, None] * size + rollout.tokens).flatten()
        taken = (rollout.live & rollout.chosen).flatten().long()
        none = stage.new_zeros(kinds.num_stages)
        counts = {f"counts/{name}": none.scatter_add(0, stage, count) for name, count in rollout.counts.items()}
        return {
            "used": stage.new_zeros(kinds.num_stages * size).scatter_add_(0, place, taken),
            "episodes_of_stage": none.scatter_add(0, stage, torch.ones_like(stage)),
            **counts,
        }


def _of_rollout(rollout: Rollout, critic: bool) -> dict[str, Tensor]:
    """The mean return; how wrong the values were; the share of problems that teach something.

    A problem teaches nothing if all its episodes got the same return. With a `critic`, or with one episode on each
    problem, episodes are compared across problems, so the share is 0 or 1.
    """
    mask, returns = rollout.live & rollout.chosen, rollout.returns
    error = masked_mean((rollout.values - returns_to_go(rollout.reward)).square(), mask).sqrt()
    together = critic or rollout.group_size == 1
    groups = returns.view(-1, len(returns) if together else rollout.group_size)
    differ = groups.amax(1) != groups.amin(1)
    return {"reward": returns.mean(), "value_error": error, "signal": differ.double().mean()}


def checked(part: str, metrics: object) -> Metrics:
    """The metrics that a learner or an auxiliary (`part`, in messages) reported. Raises `UserError` for a name that is
    empty or the loop's own, and for a value that is not a tensor with one number."""
    if not isinstance(metrics, dict):
        raise UserError(f"{part} reports {type(metrics).__name__} as its metrics: they are a dict of tensors by name")
    for name, value in metrics.items():
        if not isinstance(name, str) or not name or name.lower() in OWN_NAMES:
            why = "the loop writes that itself" if isinstance(name, str) and name else "a name is text, and not empty"
            raise UserError(f"{part} reports a metric called {name!r}: {why}; choose another name")
        if not isinstance(value, Tensor) or value.ndim or value.is_complex():
            shape = f"a tensor of the shape {list(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
            raise UserError(f"{part} reports {name} as {shape}: a metric is a tensor with one real number and no axis")
    return metrics


def mean_of(steps: Sequence[Metrics]) -> Metrics:
    """The mean of each metric over the optimiser steps of an update that report it. One step's are returned as they
    are."""
    if len(steps) == 1:
        return steps[0]
    names = dict.fromkeys(name for step in steps for name in step)
    return {name: torch.stack([step[name] for step in steps if name in step]).double().mean() for name in names}


def read_back(tensors: dict[str, Tensor]) -> Json:
    """Floats, and lists of them, from tensors with and without an axis: one wait for the device in all."""
    flat = torch.cat([tensor.detach().reshape(-1).double() for tensor in tensors.values()]).tolist()
    values, start = {}, 0
    for name, tensor in tensors.items():
        part = flat[start : start + tensor.numel()]
        values[name] = part if tensor.ndim else part[0]
        start += tensor.numel()
    return values
