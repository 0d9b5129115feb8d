"""Whether a training is well: numbers that are lost stop it, three ways of learning nothing are said in words.

The check for lost numbers reads two scalars after every update. The others look at the lines that a run keeps anyway.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isfinite
from statistics import mean
from typing import Any

import torch

from inwit.core.contracts import parameters_of
from inwit.core.errors import UserError
from inwit.core.types import Kinds
from inwit.training.config import Config
from inwit.training.metrics import Update, read_back

CERTAIN = 0.02  # nats: below this mean entropy a policy explores nothing
WELL = 0.9  # mean running success from which on being certain is no trouble
PATIENCE = 5  # reports in a row before something is called a collapse, or a lack of signal
CLOSED = 0.1  # a stage is missed after this share of `training.max_updates`, and
CLOSED_UPDATES = 100  # this many updates at least


class UnhealthyError(UserError):
    """The numbers of a training are lost: `what` is lost, and what to try."""

    def __init__(self, what: str, advice: str) -> None:
        super().__init__(f"{what}; {advice}")
        self.what, self.advice = what, advice


def check(update: Update, parameters: bool = True) -> None:
    """Raises `UnhealthyError` if loss, gradient or a parameter is not finite, and `UserError` for an update that must
    not have been made (`Update.refuse_faulty`)."""
    update.refuse_faulty()
    found = lost(update, parameters)
    if not found:
        return
    name, value = next(iter(found.items()))
    training = update.agent.config.training
    raise UnhealthyError(
        f"{_PHRASES[name]} is {value} at update {update.index + 1}",
        f"try a smaller training.learning_rate (now {training.learning_rate:g}) "
        f"or training.max_grad_norm (now {training.max_grad_norm:g})",
    )


def lost(update: Update, parameters: bool) -> dict[str, float]:
    """What is not finite of loss, gradient and, if asked for, parameters.

    Looking at all parameters costs ten times as much as at the loss and the gradient, which are lost in the next update
    at the latest: it is for updates that a checkpoint is made of.
    """
    if not update.metrics:  # nothing is optimised
        return {}
    watched = {"loss": update.metrics["loss"], "gradient": update.metrics["grad_norm"]}
    if parameters:
        everything = [parameter.detach() for parameter in parameters_of(update.agent.policy)]
        watched["parameter"] = torch.nn.utils.get_total_norm(everything, torch.inf)
    return {name: value for name, value in read_back(watched).items() if not isfinite(value)}


_PHRASES = {"loss": "the loss", "gradient": "the gradient's norm", "parameter": "a parameter of the policy"}


@dataclass
class Watch:
    """What the last reports had in common. Each thing is said once in a run."""

    config: Config
    kinds: Kinds
    streaks: dict[str, int] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)

    def state(self) -> dict[str, Any]:
        return {"streaks": dict(self.streaks), "said": list(self.said)}

    def look(self, line: dict[str, Any], trials: torch.Tensor) -> list[tuple[str, str]]:
        """The events in a line of metrics: names and sentences. `trials` Float[K] counts what was drawn."""
        success = mean(_rates(line).values() or [1.0])  # over the stages that are trained on
        events = []
        entropy = line.get("entropy")
        entropy = float("inf") if entropy is None else entropy
        if self._lasts("entropy collapse", entropy < CERTAIN and success < WELL):
            events.append(("entropy collapse", self._collapse(entropy, success)))
        if self._lasts("no signal", line["signal"] == 0 and success < WELL and self._only_rewards_teach(line)):
            events.append(("no signal", self._no_signal(line)))
        return events + self._closed_stages(line, trials)

    def _only_rewards_teach(self, line: dict[str, Any]) -> bool:
        """Whether something is optimised and no auxiliary is on."""
        return "loss" in line and not any(settings.rows for settings in self.config.auxiliaries.values())

    def _lasts(self, name: str, so: bool) -> bool:
        """Whether it has been so for long enough, for the first time."""
        self.streaks[name] = self.streaks.get(name, 0) + 1 if so else 0
        return self.streaks[name] == PATIENCE and self._first(name)

    def _first(self, name: str) -> bool:
        if name in self.said:
            return False
        self.said.append(name)
        return True

    def _collapse(self, entropy: float, success: float) -> str:
        now = getattr(self.config.learner.settings, "entropy", None)
        setting = "the learner's entropy bonus" if now is None else f"learner.entropy (now {now:g})"
        return (
            f"entropy collapse: the policy is all but certain of every token ({entropy:.4f} nats) "
            f"while {100 * success:.1f} % succeed: it no longer explores; raise {setting}"
        )

    def _no_signal(self, line: dict[str, Any]) -> str:
        group_size = getattr(self.config.learner.settings, "group_size", 1)
        return (
            f"no learning signal: in {PATIENCE} reports in a row all episodes on a problem got the same reward (mean "
            f"{line['reward']:g}), so there is nothing to prefer; raise learner.group_size (now {group_size}) or "
            f"training.episodes (now {self.config.training.episodes}), or start with easier kinds "
            f"(curriculum.id, now {self.config.curriculum.id})"
        )

    def _closed_stages(self, line: dict[str, Any], trials: torch.Tensor) -> list[tuple[str, str]]:
        if line["update"] <= max(CLOSED * self.config.training.max_updates, CLOSED_UPDATES):
            return []
        drawn = trials.tolist()
        open_stages = {stage for stage, count in zip(self.kinds.stages, drawn, strict=True) if count > 0}
        held_out = set(self.kinds.held_out)
        wanted = {stage for kind, stage in enumerate(self.kinds.stages) if kind not in held_out}
        closed = sorted(wanted - open_stages)
        events = []
        if closed and self._first(f"stage {closed[0]} closed"):
            events.append((f"stage {closed[0]} closed", self._closed(closed[0], line)))
        return events

    def _closed(self, stage: int, line: dict[str, Any]) -> str:
        rates = ", ".join(f"{100 * rate:.0f} % in stage {below}" for below, rate in _rates(line).items())
        curriculum = self.config.curriculum
        way_out = {
            "gated": f"lower curriculum.mastered (now {getattr(curriculum.settings, 'mastered', None)})",
            "schedule": f"name it in curriculum.stages (now {getattr(curriculum.settings, 'stages', None)})",
        }.get(curriculum.id, f"see curriculum.id (now {curriculum.id})")
        return f"stage {stage} has not opened in {line['update']} updates (success: {rates}); {way_out}"


def _rates(line: dict[str, Any]) -> dict[str, float]:
    """The running success of the stages that are trained on; those that are nothing but test set have none."""
    return {stage: rate for stage, rate in line["success"].items() if rate is not None}
