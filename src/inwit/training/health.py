"""The health of a training: lost numbers (infinite or NaN) stop it; three ways of learning nothing are reported.

The check for lost numbers reads two scalars after every update. The others read the lines that a run keeps anyway.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isfinite
from statistics import mean

import torch

from inwit.core.contracts import parameters_of
from inwit.core.errors import UserError
from inwit.core.types import Json, Kinds
from inwit.training.config import Config
from inwit.training.metrics import Update, read_back

CERTAIN = 0.02  # nats: below this mean entropy a policy explores nothing
WELL = 0.9  # mean running success from which on a policy may be certain
PATIENCE = 5  # reports in a row before a collapse or a lack of signal is reported
CLOSED = 0.1  # a closed stage is reported after this share of `training.max_updates`,
CLOSED_UPDATES = 100  # but not before this many updates


class UnhealthyError(UserError):
    """A number of a training is not finite: `what` it is, and what to try."""

    def __init__(self, what: str, advice: str) -> None:
        super().__init__(f"{what}; {advice}")
        self.what, self.advice = what, advice


def check(update: Update, parameters: bool = True) -> None:
    """Raise `UnhealthyError` if loss, gradient or a parameter is not finite, and `UserError` for an update that must
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
    """What is not finite of loss, gradient and, with `parameters`, the largest parameter.

    Checking the parameters costs ten times as much as the loss and the gradient, which are lost one update later at the
    latest. So it is done only before a checkpoint.
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
    """Watches the lines of a run's metrics for ways of learning nothing. Each is reported once in a run."""

    config: Config
    kinds: Kinds
    streaks: dict[str, int] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)

    def state(self) -> Json:
        return {"streaks": dict(self.streaks), "said": list(self.said)}

    def look(self, line: Json, trials: torch.Tensor) -> list[tuple[str, str]]:
        """The events in a line of metrics: names and sentences. `trials` Float[K] counts what was drawn."""
        unsolved = mean(_rates(line).values() or [1.0]) < WELL
        only_rewards_teach = "loss" in line and not any(each.rows for each in self.config.auxiliaries.values())
        entropy, events = line.get("entropy"), []
        if self._lasts("entropy collapse", entropy is not None and entropy < CERTAIN and unsolved):
            events.append(("entropy collapse", self._collapse(line)))
        if self._lasts("no signal", line["signal"] == 0 and unsolved and only_rewards_teach):
            events.append(("no signal", self._no_signal(line)))
        stage = self._closed_stage(line, trials)
        if stage is not None and self._first(f"stage {stage} closed"):
            events.append((f"stage {stage} closed", self._closed(stage, line)))
        return events

    def _lasts(self, name: str, found: bool) -> bool:
        """Whether `name` was found in `PATIENCE` reports in a row, for the first time."""
        self.streaks[name] = self.streaks.get(name, 0) + 1 if found else 0
        return self.streaks[name] == PATIENCE and self._first(name)

    def _first(self, name: str) -> bool:
        if name in self.said:
            return False
        self.said.append(name)
        return True

    def _collapse(self, line: Json) -> str:
        now = getattr(self.config.learner.settings, "entropy", None)
        setting = "the learner's entropy bonus" if now is None else f"learner.entropy (now {now:g})"
        return (
            f"entropy collapse: the policy is all but certain of every token ({line['entropy']:.4f} nats) "
            f"while {100 * mean(_rates(line).values()):.1f} % succeed: it no longer explores; raise {setting}"
        )

    def _no_signal(self, line: Json) -> str:
        group_size = getattr(self.config.learner.settings, "group_size", 1)
        return (
            f"no learning signal: in {PATIENCE} reports in a row all episodes on a problem got the same reward (mean "
            f"{line['reward']:g}), so there is nothing to prefer; raise learner.group_size (now {group_size}) or "
            f"training.episodes (now {self.config.training.episodes}), or start with easier kinds "
            f"(curriculum.id, now {self.config.curriculum.id})"
        )

    def _closed_stage(self, line: Json, trials: torch.Tensor) -> int | None:
        """The lowest stage that has kinds to train on, none of which was drawn; None if there is none so far."""
        if line["update"] <= max(CLOSED * self.config.training.max_updates, CLOSED_UPDATES):
            return None
        stages = self.kinds.stages
        drawn = {stage for stage, count in zip(stages, trials.tolist(), strict=True) if count > 0}
        return min({stages[kind] for kind in self.kinds.trained} - drawn, default=None)

    def _closed(self, stage: int, line: Json) -> str:
        rates = ", ".join(f"{100 * rate:.0f} % in stage {below}" for below, rate in _rates(line).items())
        curriculum = self.config.curriculum
        way_out = {
            "gated": f"lower curriculum.mastered (now {getattr(curriculum.settings, 'mastered', None)})",
            "schedule": f"name it in curriculum.stages (now {getattr(curriculum.settings, 'stages', None)})",
        }.get(curriculum.id, f"see curriculum.id (now {curriculum.id})")
        return f"stage {stage} has not opened in {line['update']} updates (success: {rates}); {way_out}"


def _rates(line: Json) -> dict[str, float]:
    """The running success of the stages that are trained on."""
    return {stage: rate for stage, rate in line["success"].items() if rate is not None}
