"""Which kinds of task come next. A curriculum sees kinds and the outcomes of finished episodes, and nothing else.

Counts decay, so that the running success follows the policy. No kind's weight is ever 0, except by the published
schedule or a closed gate. Kinds of the test set are never drawn, and have no rate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from inwit.core.errors import UserError
from inwit.core.registry import Entry, Registry
from inwit.core.settings import Settings, setting
from inwit.core.types import Kinds, copy_into


@dataclass(frozen=True)
class CurriculumSettings(Settings):
    memory: float = setting(512.0, "episodes of a kind after which old outcomes have faded to 1/e", at_least=1)


@dataclass(frozen=True)
class ScheduleSettings(CurriculumSettings):
    stages: tuple[int, ...] = setting(
        (0, 0, 0, 1, 1, 2), "the stage of each period, in turn and over again", at_least=0
    )
    period: int = setting(10, "updates in a period", at_least=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.stages:
            raise UserError("stages is empty: name at least one, as in 0,0,1")


@dataclass(frozen=True)
class GatedSettings(CurriculumSettings):
    mastered: float = setting(0.8, "running success at which the next stage opens", at_least=0, at_most=1)


@dataclass(frozen=True)
class LearnabilitySettings(CurriculumSettings):
    floor: float = setting(0.05, "added to p(1-p), so that no kind is starved", at_least=0.000001)


class Outcomes:
    """Decayed trial and success counts per kind.

    `rate` is the running success with a prior worth one trial: the running success of all kinds of the same stage,
    which is 0 at the start. Where kinds are many and each is rarely drawn, that is the best guess.
    """

    def __init__(self, kinds: Kinds, memory: float, device: torch.device | str = "cpu") -> None:
        self.stages = torch.tensor(kinds.stages, device=device)
        self.num_stages = kinds.num_stages
        self.trials = torch.zeros(len(kinds), device=device)
        self.successes = torch.zeros(len(kinds), device=device)
        self.memory = memory

    def observe(self, kind: Int[Tensor, " B"], success: Bool[Tensor, " B"]) -> None:
        trials = torch.zeros_like(self.trials).index_add_(0, kind, torch.ones_like(kind, dtype=torch.float32))
        successes = torch.zeros_like(self.trials).index_add_(0, kind, success.float())
        fade = torch.exp(-trials / self.memory)
        self.trials.mul_(fade).add_(trials)
        self.successes.mul_(fade).add_(successes)

    @property
    def rate(self) -> Float[Tensor, " K"]:
        return (self.successes + self.stage_rate[self.stages]) / (self.trials + 1.0)

    @property
    def stage_rate(self) -> Float[Tensor, " S"]:
        """The running success of each stage, its kinds taken together, with one failed trial as prior."""
        return self._per_stage(self.successes) / (self._per_stage(self.trials) + 1.0)

    def _per_stage(self, counts: Float[Tensor, " K"]) -> Float[Tensor, " S"]:
        return counts.new_zeros(self.num_stages).index_add_(0, self.stages, counts)


class Curriculum:
    """Base: uniform over all kinds. Raises `UserError` if every kind is in the test set."""

    Settings: type[CurriculumSettings] = CurriculumSettings

    def __init__(self, settings: Any, kinds: Kinds, device: torch.device | str = "cpu") -> None:
        if not kinds.trained:
            raise UserError("every kind of task is in the test set: nothing is left to train on")
        self.settings = settings
        self.outcomes = Outcomes(kinds, settings.memory, device)
        self.stages = self.outcomes.stages
        self.may_train = torch.zeros(len(kinds), dtype=torch.bool, device=device)
        self.may_train[kinds.trained] = True

    @property
    def rate(self) -> Float[Tensor, " K"]:
        """The running success of each kind; NaN for the test set."""
        return self.outcomes.rate.masked_fill(~self.may_train, torch.nan)

    @property
    def trials(self) -> Float[Tensor, " K"]:
        """How often each kind was drawn, decayed."""
        return self.outcomes.trials

    def weights(self, update: int) -> Float[Tensor, " K"]:
        """The probability of each kind, up to scale."""
        return torch.ones_like(self.outcomes.trials)

    def observe(self, kind: Int[Tensor, " B"], success: Bool[Tensor, " B"]) -> None:
        self.outcomes.observe(kind, success)

    def state_dict(self) -> dict[str, Tensor]:
        """The tensors that a checkpoint keeps."""
        return {"trials": self.outcomes.trials, "successes": self.outcomes.successes}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        copy_into(self.state_dict(), state)

    def draw(self, update: int, count: int, generator: torch.Generator) -> Int[Tensor, " B"]:
        """The kinds of `count` problems; none of the test set."""
        weights = self.weights(update).where(self.may_train, 0.0)
        return torch.multinomial(weights, count, replacement=True, generator=generator)


class Uniform(Curriculum):
    """Every kind alike."""


class Schedule(Curriculum):
    """A fixed list of stages, blind to outcomes: the published curriculum."""

    Settings = ScheduleSettings

    def __init__(self, settings: ScheduleSettings, kinds: Kinds, device: torch.device | str = "cpu") -> None:
        super().__init__(settings, kinds, device)
        for stage in settings.stages:
            if stage not in kinds.stages:
                valid = ", ".join(map(str, sorted(set(kinds.stages))))
                raise UserError(f"curriculum.stages: stage {stage} does not exist: the world has stages {valid}")
            if not bool(self.may_train[self.stages == stage].any()):
                raise UserError(f"curriculum.stages: stage {stage} is nothing but test set: leave it out")

    def weights(self, update: int) -> Float[Tensor, " K"]:
        stages = self.settings.stages
        return (self.stages == stages[update // self.settings.period % len(stages)]).float()


class Gated(Curriculum):
    """A stage opens when every stage below it is mastered as a whole; kinds of open stages are drawn alike. A stage
    that has no kinds to train on counts as mastered."""

    Settings = GatedSettings

    def __init__(self, settings: GatedSettings, kinds: Kinds, device: torch.device | str = "cpu") -> None:
        super().__init__(settings, kinds, device)
        self.passed_by = torch.ones(kinds.num_stages, dtype=torch.bool, device=device)
        self.passed_by[self.stages[self.may_train]] = False

    def weights(self, update: int) -> Float[Tensor, " K"]:
        mastered = ((self.outcomes.stage_rate >= self.settings.mastered) | self.passed_by).long()
        mastered_below = torch.cat([mastered.new_ones(1), mastered.cumprod(0)])
        return mastered_below[self.stages].float()


class Learnability(Curriculum):
    """In proportion to p(1-p) + floor, p the running success: most to what is neither hopeless nor done."""

    Settings = LearnabilitySettings

    def weights(self, update: int) -> Float[Tensor, " K"]:
        rate = self.outcomes.rate
        return rate * (1 - rate) + self.settings.floor


CURRICULA = Registry(
    "curriculum",
    "inwit.curricula",
    {
        "schedule": Entry(Schedule, "a fixed list of stages: the published curriculum"),
        "uniform": Entry(Uniform, "every kind alike"),
        "gated": Entry(Gated, "a stage opens when the one below is mastered"),
        "learnability": Entry(Learnability, "in proportion to p(1-p), p the running success"),
    },
)
