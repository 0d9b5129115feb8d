"""What the policies share: a base class, and the last token of a padded prompt."""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from inwit.core.types import Memory, Output
from inwit.policies.replay import Prompt, PromptMask, Stage, replay_by_stepping


class StageAware(Protocol):
    """Settings of a policy with an embedding for each stage."""

    @property
    def stage_aware(self) -> bool: ...


S = TypeVar("S", bound=StageAware)


class TokenPolicy(nn.Module, Generic[S]):
    """It embeds the stage and answers through one linear head. Each policy makes the parameters."""

    taps: tuple[str, ...] = ("hidden",)
    stage_embedding: nn.Parameter  # [stages, H]
    head_weight: nn.Parameter  # [V + 1, H]: the logits, then the value
    head_bias: nn.Parameter

    def __init__(self, settings: S) -> None:
        super().__init__()
        self.settings = settings

    replay = replay_by_stepping

    def _stage(self, stage: Stage) -> Float[Tensor, "N H"]:
        return F.embedding(stage if self.settings.stage_aware else torch.zeros_like(stage), self.stage_embedding)

    def read(self, memory: Memory) -> Output:
        """The answer that a memory gives at once."""
        return self._head(memory["hidden"])

    def _head(self, hidden: Float[Tensor, "*B H"], taps: dict[str, Tensor] | None = None) -> Output:
        head = F.linear(hidden, self.head_weight, self.head_bias)
        return Output(head[..., :-1], head[..., -1], taps or {})


def last_token(prompt: Prompt, prompt_mask: PromptMask) -> Int[Tensor, " N"]:
    """The last token of each prompt that is not padding. The padding may be on either side."""
    place = torch.arange(prompt.shape[1], device=prompt.device)
    return prompt.gather(1, (place * prompt_mask).argmax(1, keepdim=True))[:, 0]
