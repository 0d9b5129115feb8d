"""Lessons for worlds whose tools answer: imitating whole episodes that the world made of calls of its own.

Where a tool answers, what a program computes is not known before it is run, so that no store of programs helps
(`hindsight`, `rehearsal`). The world makes fresh lessons in every update instead (the capability `teaches`): calls, the
answers, and the answer to a query that they decide. The loss is the negative log-likelihood of the tokens that the
policy is to choose, illegal tokens competing. A kind that fails gets the most lessons: its share is 1 + `floor` less
its running success. No oracle is read; what lessons tell is said by the world (`worlds.lookup.lessons`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from inwit.core.capabilities import capable
from inwit.core.contracts import Metrics, Trainable, World
from inwit.core.errors import UserError
from inwit.core.settings import setting
from inwit.core.types import Rollout, copy_into
from inwit.learners.auxiliary import AuxiliarySettings


@dataclass(frozen=True)
class LessonsSettings(AuxiliarySettings):
    floor: float = setting(
        0.1, "share of lessons of a kind that never fails, beside 1 of one that always does", at_least=0.000001
    )
    memory: float = setting(512.0, "episodes of a kind after which old outcomes have faded to 1/e", at_least=1)


class ClosedLoopLessons:
    """Running outcomes of the policy's own episodes: `trials` and `successes`, Float[K], decayed.

    Raises `UserError` for a world without the capability `teaches`.
    """

    Settings = LessonsSettings
    streams = ("lessons",)
    reads_achieved = False

    def __init__(self, settings: LessonsSettings, world: World, device: torch.device | str = "cpu") -> None:
        teacher = capable(world, "teaches")
        if teacher is None:
            raise UserError(f"lessons.rows = {settings.rows}: {world.id} makes no lessons; use 0")
        self.settings = settings
        self.world = teacher
        self.trained = torch.tensor(world.kinds.trained, device=device)
        self.trials = torch.zeros(len(world.kinds), device=device)
        self.successes = torch.zeros(len(world.kinds), device=device)

    def state_dict(self) -> dict[str, Tensor]:
        """The tensors that a checkpoint keeps."""
        return {"trials": self.trials, "successes": self.successes}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        copy_into(self.state_dict(), state)

    @property
    def shares(self) -> Float[Tensor, " K"]:
        """How many lessons each kind gets, up to scale."""
        return 1 + self.settings.floor - self.successes / (self.trials + 1)

    def observe(self, rollout: Rollout, draws: Mapping[str, torch.Generator]) -> None:
        """Note which kinds succeed."""
        kind, one = rollout.tasks.kind, torch.ones_like(rollout.success, dtype=self.trials.dtype)
        trials = torch.zeros_like(self.trials).index_add_(0, kind, one)
        successes = torch.zeros_like(self.trials).index_add_(0, kind, one * rollout.success)
        fade = torch.exp(-trials / self.settings.memory)
        self.trials.mul_(fade).add_(trials)
        self.successes.mul_(fade).add_(successes)

    def loss(self, policy: Trainable, draws: Mapping[str, torch.Generator]) -> tuple[Tensor, Metrics]:
        """The negative log-likelihood, per token, of fresh lessons."""
        world, generator = self.world, draws["lessons"]
        place = torch.multinomial(self.shares[self.trained], self.settings.rows, replacement=True, generator=generator)
        with torch.no_grad():
            taught = world.teach(self.trained[place], generator)
        tasks, tokens, chosen = taught.tasks, taught.tokens, taught.chosen
        logits = policy.replay(*world.prompt(tasks), world.stage(tasks), tokens).logits
        log_probs = torch.log_softmax(logits, -1).gather(-1, tokens[..., None])[..., 0]
        loss = -(log_probs * chosen).sum() / chosen.sum().clamp_min(1)
        right = ((logits.detach().argmax(-1) == tokens) | ~chosen).all(1)
        return self.settings.weight * loss, {"lessons": loss.detach(), "lessons_right": right.double().mean()}
