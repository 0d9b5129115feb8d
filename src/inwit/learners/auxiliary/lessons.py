"""Lessons for worlds whose tools answer: imitating whole episodes that the world made of calls of its own.

Where a tool answers, what a program computes is not known before it is run, so that no store of programs helps
(`hindsight`, `rehearsal`). The world makes fresh lessons in every update instead (the capability `teaches`): calls, the
answers, and the answer to a query that they decide. The loss is the negative log-likelihood of the tokens that the
policy is to choose, illegal tokens competing. The kinds that are not learnt yet get most lessons: by their running
surprise, or, where rewards teach something else than lessons do, by how often the policy's own episodes fail. No oracle
is read; what lessons tell is said by the world.
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
        0.1, "share of the lessons that go to all kinds alike; the rest goes by `by`", at_least=0.000001, at_most=1
    )
    memory: float = setting(512.0, "lessons or episodes of a kind after which old ones have faded to 1/e", at_least=1)
    by: str = setting(
        "surprise",
        "what brings a kind lessons: the surprise of its lessons, or the failures of own episodes",
        choices=("surprise", "failures"),
    )


class ClosedLoopLessons:
    """Running means: `surprise` Float[K], the negative log-likelihood of a kind's lessons; `failures` Float[K], the
    share of the policy's own episodes that fail.

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
        self.failures = torch.ones(len(world.kinds), device=device)

    def state_dict(self) -> dict[str, Tensor]:
        """The tensors that a checkpoint keeps."""
        return {"surprise": self.surprise, "failures": self.failures}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        copy_into(self.state_dict(), state)

    @property
    def shares(self) -> Float[Tensor, " K"]:
        """How many lessons each trained kind gets."""
        needs = (self.surprise if self.settings.by == "surprise" else self.failures)[self.trained]
        even = torch.full_like(needs, 1 / len(needs))
        return (1 - self.settings.floor) * needs / needs.sum().clamp_min(1e-6) + self.settings.floor * even

    def observe(self, rollout: Rollout, draws: Mapping[str, torch.Generator]) -> None:
        """Note how often each kind fails."""
        self._remember(self.failures, rollout.tasks.kind, (~rollout.success).to(self.failures.dtype))

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
        self._remember(self.surprise, tasks.kind, surprise.detach())
        right = ((logits.detach().argmax(-1) == tokens) | ~chosen).all(1)
        return self.settings.weight * loss, {"lessons": loss.detach(), "lessons_right": right.double().mean()}

    def _remember(self, store: Float[Tensor, " K"], kind: Int[Tensor, " B"], value: Float[Tensor, " B"]) -> None:
        """Write into `store` the running mean of each kind's values, over its last ones."""
        count = torch.zeros_like(store).index_add_(0, kind, torch.ones_like(value))
        total = torch.zeros_like(store).index_add_(0, kind, value)
        fade = torch.exp(-count / self.settings.memory)
        store.copy_(fade * store + (1 - fade) * total / count.clamp_min(1))
