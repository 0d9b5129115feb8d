"""What an update tells: the numbers of the loop, and the fuller line that a run keeps of it.

Numbers stay on the device until a report asks for them; then all are read back at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isfinite
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from inwit.core.contracts import Agent, Metrics
from inwit.core.errors import UserError
from inwit.core.types import Rollout
from inwit.learners.returns import masked_mean, returns_to_go
from inwit.rollout.collect import refuse_faulty

# What the loop and the lines below write themselves: no learner and no auxiliary may report a metric of that name.
OWN_NAMES = {
    *("update", "time", "seconds", "episodes", "tokens", "positions", "confirmations", "solved", "success"),
    *("loss", "grad_norm", "reward", "value_error", "signal"),
    *("mean_steps", "tokens_used", "used", "episodes_of_stage"),
}


@dataclass(frozen=True)
class Totals:
    """What a training has cost since its start. Tensors stay on the device until somebody reads them."""

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

    def summary(self) -> dict[str, Any]:
        """Plain numbers, read back from the device; the success of a stage that is nothing but test set is None."""
        return self._tell({})

    def refuse_faulty(self) -> None:
        """Raise `UserError` for an update that must not have been made. On the CPU the loop asks at once; elsewhere
        asking is a wait, and is left to those who wait for the numbers anyway."""
        if self.agent.device.type != "cpu":
            refuse_faulty(self.agent.world, self.rollout)

    def line(self) -> dict[str, Any]:
        """The summary, and what a run's metrics keep besides: see docs/runs.md."""
        time = datetime.now(UTC).isoformat(timespec="milliseconds")
        told = self._tell(_of_rollout(self.rollout, "value_loss" in self.metrics) | self._by_stage())
        names, used, episodes = self.agent.world.vocabulary.names, told.pop("used"), told.pop("episodes_of_stage")
        seen = [stage for stage, count in enumerate(episodes) if count]
        rows = {stage: used[stage * len(names) : (stage + 1) * len(names)] for stage in seen}
        told["mean_steps"] = {str(stage): sum(row) / episodes[stage] for stage, row in rows.items()}
        told["tokens_used"] = {
            str(stage): {name: int(count) for name, count in zip(names, row, strict=True) if count}
            for stage, row in rows.items()
        }
        return {"update": told.pop("update"), "time": time} | told

    def _tell(self, more: dict[str, Tensor]) -> dict[str, Any]:
        self.refuse_faulty()
        stages, rates = self._success_per_stage()
        totals = {"tokens": self.totals.tokens, "positions": self.totals.positions}
        read = read_back(totals | {"success": rates} | self.metrics | more)
        return {
            "update": self.index + 1,
            "seconds": round(self.totals.seconds, 3),
            "episodes": self.totals.episodes,
            "tokens": int(read.pop("tokens")),
            "positions": int(read.pop("positions")),
            "confirmations": self.totals.confirmations,
            "solved": self.solved,
            "success": {
                str(stage): round(rate, 4) if isfinite(rate) else None
                for stage, rate in zip(stages, read.pop("success"), strict=True)
            },
            # JSON has no word for infinity; a loss or gradient that is not finite never gets here
            **{
                name: None if isinstance(value, float) and not isfinite(value) else value
                for name, value in read.items()
            },
        }

    def _success_per_stage(self) -> tuple[list[int], Float[Tensor, " S"]]:
        """The stages that the world has, and the mean over those kinds of each that have a rate; else NaN."""
        stages = torch.tensor(self.agent.world.kinds.stages, device=self.success.device)
        stages = stages.masked_fill(self.success.isnan(), -1)
        present = sorted(set(self.agent.world.kinds.stages))
        return present, torch.stack([self.success[stages == stage].mean() for stage in present])

    def _by_stage(self) -> dict[str, Tensor]:
        """Of this update: how many episodes each stage had, Int[S], and how often each token was chosen, Int[S * V]."""
        kinds, rollout, names = self.agent.world.kinds, self.rollout, self.agent.world.vocabulary.names
        stage = torch.tensor(kinds.stages, device=rollout.tokens.device)[rollout.tasks.kind]
        place = (stage[:, None] * len(names) + rollout.tokens).flatten()
        used = torch.zeros(kinds.num_stages * len(names), dtype=torch.int64, device=place.device)
        used.scatter_add_(0, place, (rollout.live & rollout.chosen).flatten().long())
        episodes = torch.zeros(kinds.num_stages, dtype=torch.int64, device=place.device)
        return {"used": used, "episodes_of_stage": episodes.scatter_add_(0, stage, torch.ones_like(stage))}


def _of_rollout(rollout: Rollout, critic: bool) -> dict[str, Tensor]:
    """The reward of a mean episode; how wrong the values were; the share of problems that teach something.

    A problem teaches nothing if all its episodes got the same return. Where there is a `critic`, or one episode on each
    problem, episodes are compared across problems: then it is all or nothing.
    """
    mask, returns = rollout.live & rollout.chosen, rollout.returns
    error = masked_mean((rollout.values - returns_to_go(rollout.reward)).square(), mask).sqrt()
    together = critic or rollout.group_size == 1
    groups = returns.view(-1, len(returns) if together else rollout.group_size)
    differ = groups.amax(1) != groups.amin(1)
    return {
        "reward": returns.mean(),
        "value_error": error,
        "signal": differ.double().mean(),
    }


def checked(part: str, metrics: Any) -> Metrics:
    """The metrics that a learner or an auxiliary reported, called `part` in messages. Raises `UserError` if they cannot
    be kept in a line: a name that is empty or the loop's own, a value that is not a tensor with one number."""
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
    """The mean of each metric over those optimiser steps of an update that report it; of one step as it is."""
    if len(steps) == 1:
        return steps[0]
    names = dict.fromkeys(name for step in steps for name in step)
    return {name: torch.stack([step[name] for step in steps if name in step]).double().mean() for name in names}


def read_back(tensors: dict[str, Tensor]) -> dict[str, Any]:
    """Floats, and lists of them, from tensors with and without an axis: one wait for the device in all."""
    flat = torch.cat([tensor.detach().reshape(-1).double() for tensor in tensors.values()]).tolist()
    told, start = {}, 0
    for name, tensor in tensors.items():
        part = flat[start : start + tensor.numel()]
        told[name] = part if tensor.ndim else part[0]
        start += tensor.numel()
    return told
