"""A control without recurrence: every choice is a function of the prompt, the stage and the last token alone.

It cannot know how far its program has come. But with legal masks the world's state shows in what may be chosen.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Generator, Tensor
from torch.nn import functional as F

from inwit.core.errors import UserError
from inwit.core.settings import Settings, setting
from inwit.core.taps import NO_EDITS, Edits, Taps
from inwit.core.types import Memory, Output
from inwit.policies import init
from inwit.policies.base import TokenPolicy, last_token
from inwit.policies.replay import Prompt, PromptMask, Stage

MAX_PROMPT = 64  # positions that have an embedding


@dataclass(frozen=True)
class MemorylessSettings(Settings):
    width: int = setting(96, "units of the hidden layer", at_least=1, at_most=4096)
    stage_aware: bool = setting(True, "add the stage's embedding to the context")


class Memoryless(TokenPolicy[MemorylessSettings]):
    """Memory: `context`, Float[B, width], made from prompt and stage and never changed; `hidden`, Float[B, width], what
    the next token is chosen by: it is made of `context` and the last token alone.

    The prompt is read as a sum over positions of a token's embedding times its position's, so that order counts.
    """

    Settings = MemorylessSettings

    def __init__(
        self, settings: MemorylessSettings, *, vocabulary_size: int, num_stages: int, generator: Generator
    ) -> None:
        super().__init__(settings)
        width, scale = settings.width, settings.width**-0.5
        stages = num_stages if settings.stage_aware else 1
        self.embedding = init.normal(vocabulary_size, width, scale=1.0, generator=generator)
        self.position_embedding = init.normal(MAX_PROMPT, width, scale=1.0, generator=generator)
        self.stage_embedding = init.normal(stages, width, scale=1.0, generator=generator)
        self.token_table = init.normal(vocabulary_size, width, scale=1.0, generator=generator)
        self.head_weight = init.uniform(vocabulary_size + 1, width, scale=scale, generator=generator)
        self.head_bias = init.zeros(vocabulary_size + 1, generator=generator)

    def begin(
        self,
        prompt: Prompt,
        prompt_mask: PromptMask,
        stage: Stage,
        *,
        capture: Iterable[str] = (),
        edit: Edits = NO_EDITS,
    ) -> tuple[Output, Memory]:
        if prompt.shape[1] > MAX_PROMPT:
            raise UserError(
                f"policy.id = memoryless reads prompts of up to {MAX_PROMPT} positions: this world's have "
                f"{prompt.shape[1]}; choose another policy"
            )
        mask = prompt_mask[:, :, None].to(self.embedding.dtype)
        placed = F.embedding(prompt, self.embedding) * self.position_embedding[: prompt.shape[1]] * mask
        context = placed.sum(1) / mask.sum(1) + self._stage(stage)
        return self.step(last_token(prompt, prompt_mask), {"context": context}, capture=capture, edit=edit)

    def step(
        self, token: Int[Tensor, " B"], memory: Memory, *, capture: Iterable[str] = (), edit: Edits = NO_EDITS
    ) -> tuple[Output, Memory]:
        taps, context = Taps(self.taps, capture, edit), memory["context"]
        hidden = taps("hidden", torch.tanh(context + F.embedding(token, self.token_table)))
        return self._head(hidden, taps.taken), {"context": context, "hidden": hidden}
