"""The published agent: a GRU that is given its prompt as one vector, the mean of the tokens' embeddings.

A mean has no order: the agent cannot tell 3 - 5 from 5 - 3. With `leak_batch` it reproduces the published slip as well:
a [B, d] tensor is added to a [B, 1, d] one, and the mean over the second axis of the [B, B, d] result gives every row
the mean of *all* rows' prompts. Only in a batch of one does such an agent see its own problem.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor
from torch.nn import functional as F

from inwit.core.settings import Settings, setting
from inwit.core.taps import NO_EDITS, Edits, Taps
from inwit.core.types import Memory, Output
from inwit.policies import init
from inwit.policies.base import TokenPolicy, last_token
from inwit.policies.replay import Prompt, PromptMask, Stage


@dataclass(frozen=True)
class BagGRUSettings(Settings):
    width: int = setting(96, "units of memory, and of the embeddings", at_least=1, at_most=4096)
    stage_aware: bool = setting(True, "add the stage's embedding to the first memory")
    leak_batch: bool = setting(False, "the published slip: every row reads the mean of all rows' prompts")


class BagGRU(TokenPolicy[BagGRUSettings]):
    """Memory: `hidden`, Float[B, width]. Initial weights are distributed as in PyTorch's own Embedding, GRU and
    Linear."""

    Settings = BagGRUSettings

    def __init__(
        self, settings: BagGRUSettings, *, vocabulary_size: int, num_stages: int, generator: Generator
    ) -> None:
        super().__init__(settings)
        width, scale = settings.width, settings.width**-0.5
        stages = num_stages if settings.stage_aware else 1
        self.embedding = init.normal(vocabulary_size, width, scale=1.0, generator=generator)
        self.stage_embedding = init.normal(stages, width, scale=1.0, generator=generator)
        self.input_weight = init.uniform(3 * width, width, scale=scale, generator=generator)
        self.hidden_weight = init.uniform(3 * width, width, scale=scale, generator=generator)
        self.input_bias = init.uniform(3 * width, scale=scale, generator=generator)
        self.hidden_bias = init.uniform(3 * width, scale=scale, generator=generator)
        self.policy_weight = init.uniform(vocabulary_size, width, scale=scale, generator=generator)
        self.policy_bias = init.uniform(vocabulary_size, scale=scale, generator=generator)
        self.value_weight = init.uniform(1, width, scale=scale, generator=generator)
        self.value_bias = init.uniform(1, scale=scale, generator=generator)

    def begin(
        self,
        prompt: Prompt,
        prompt_mask: PromptMask,
        stage: Stage,
        *,
        capture: Iterable[str] = (),
        edit: Edits = NO_EDITS,
    ) -> tuple[Output, Memory]:
        mask = prompt_mask[:, :, None].to(self.embedding.dtype)
        bag = (F.embedding(prompt, self.embedding) * mask).sum(1) / mask.sum(1)
        if self.settings.leak_batch:
            bag = bag.mean(0, keepdim=True)
        hidden = torch.tanh(bag + self._stage(stage))
        return self.step(last_token(prompt, prompt_mask), {"hidden": hidden}, capture=capture, edit=edit)

    def step(
        self, token: Int[Tensor, " B"], memory: Memory, *, capture: Iterable[str] = (), edit: Edits = NO_EDITS
    ) -> tuple[Output, Memory]:
        taps = Taps(self.taps, capture, edit)
        hidden = torch.gru_cell(
            F.embedding(token, self.embedding),
            memory["hidden"],
            self.input_weight,
            self.hidden_weight,
            self.input_bias,
            self.hidden_bias,
        )
        hidden = taps("hidden", hidden)
        return self._head(hidden, taps.taken), {"hidden": hidden}

    def _head(self, hidden: Float[Tensor, "*B H"], taps: dict[str, Tensor] | None = None) -> Output:
        value = F.linear(hidden, self.value_weight, self.value_bias)[..., 0]
        return Output(F.linear(hidden, self.policy_weight, self.policy_bias), value, taps or {})
