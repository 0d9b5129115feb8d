"""Lessons for worlds whose tools answer: imitating whole episodes that the world made of calls of its own.

Where a tool answers, what a program computes is not known before it is run, so that no store of programs helps
(`hindsight`, `rehearsal`). The world makes fresh lessons in every update instead (the capability `teaches`): calls, the
answers, and the answer to a query that they decide. The loss is the negative log-likelihood of the tokens that the
policy is to choose, illegal tokens competing. Kinds are drawn in proportion to their running surprise, so that the
kinds that are not learnt yet get most lessons. No oracle is read; what lessons tell is said by the world.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
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
        0.1, "share of the lessons that go to all kinds alike; the rest goes by surprise", at_least=0.000001, at_most=1
    )
    memory: float = setting(512.0, "lessons of a kind after which old surprise has faded to 1/e", at_least=1)


class ClosedLoopLessons:
    """`surprise` Float[K]: the running mean of the negative log-likelihood of a kind's lessons.

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
        self.surprise = torch.ones(len(world.kinds), device=device)

    def state_dict(self) -> dict[str, Tensor]:
        """The tensors that a checkpoint keeps."""
        return {"surprise": self.surprise}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        copy_into(self.state_dict(), state)

    @property
    def shares(self) -> Float[Tensor, " K"]:
        """How many lessons each trained kind gets."""
        surprise = self.surprise[self.trained]
        even = torch.full_like(surprise, 1 / len(surprise))
        return (1 - self.settings.floor) * surprise / surprise.sum() + self.settings.floor * even

    def observe(self, rollout: Rollout, draws: Mapping[str, torch.Generator]) -> None:
        """Nothing: lessons are made of what the world does, not of what the policy did."""

    def loss(self, policy: Trainable, draws: Mapping[str, torch.Generator]) -> tuple[Tensor, Metrics]:
        """The negative log-likelihood, per token, of fresh lessons."""
        world, generator = self.world, draws["lessons"]
        place = torch.multinomial(self.shares, self.settings.rows, replacement=True, generator=generator)
        with torch.no_grad():
            taught = world.teach(self.trained[place], generator)
        tasks, tokens, chosen = taught.tasks, taught.tokens, taught.chosen
        logits = policy.replay(*world.prompt(tasks), world.stage(tasks), tokens).logits
        log_probs = torch.log_softmax(logits, -1).gather(-1, tokens[..., None])[..., 0]
        surprise = -(log_probs * chosen).sum(1)
        loss = surprise.sum() / chosen.sum().clamp_min(1)
        self._remember(tasks.kind, surprise.detach())
        right = ((logits.detach().argmax(-1) == tokens) | ~chosen).all(1)
        return self.settings.weight * loss, {"lessons": loss.detach(), "lessons_right": right.double().mean()}

    def _remember(self, kind: Int[Tensor, " B"], surprise: Float[Tensor, " B"]) -> None:
        """A running mean of each kind's surprise, over the last lessons of the kind."""
        count = torch.zeros_like(self.surprise).index_add_(0, kind, torch.ones_like(surprise))
        total = torch.zeros_like(self.surprise).index_add_(0, kind, surprise)
        fade = torch.exp(-count / self.settings.memory)
        self.surprise.copy_(fade * self.surprise + (1 - fade) * total / count.clamp_min(1))
