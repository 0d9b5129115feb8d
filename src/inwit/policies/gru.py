"""A GRU that reads its prompt token by token and writes its program token by token, with one memory throughout.

The textbook cell (Cho et al. 2014, in PyTorch's variant: the reset gate acts on the hidden product), with two
departures. Tokens are one-hot, so the product with the input weights is a row of a table, not a matrix product:
with embeddings as wide as the memory that is half of the cell's arithmetic. And a padding position is a token whose
update gate is shut: the memory passes through it unchanged, to the bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from inwit.policies import init
from inwit.policies.gru_cell import gru_cell
from inwit.policies.replay import replay_by_stepping
from inwit.settings import Settings, setting
from inwit.types import Memory, Output

SHUT = 1e4  # an update gate's input at which the sigmoid is exactly 1 in float32


@dataclass(frozen=True)
class GRUSettings(Settings):
    width: int = setting(96, "units of memory", at_least=1, at_most=4096)
    stage_aware: bool = setting(True, "let the stage's embedding be the first memory")


class GRU(nn.Module):
    """Memory: `hidden`, Float[B, width]."""

    Settings = GRUSettings

    def __init__(
        self, settings: GRUSettings, *, vocabulary_size: int, num_stages: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.settings = settings
        self.vocabulary_size = vocabulary_size
        width = settings.width
        scale = width**-0.5
        stages = num_stages if settings.stage_aware else 1
        self.stage_embedding = init.normal(stages, width, scale=1.0, generator=generator)
        self.input_table = init.normal(vocabulary_size, 3 * width, scale=1.0, generator=generator)
        self.hidden_weight = init.uniform(3 * width, width, scale=scale, generator=generator)
        self.hidden_bias = init.zeros(3 * width, generator=generator)
        self.head_weight = init.uniform(vocabulary_size + 1, width, scale=scale, generator=generator)
        self.head_bias = init.zeros(vocabulary_size + 1, generator=generator)

    def begin(
        self, prompt: Int[Tensor, "B P"], prompt_mask: Bool[Tensor, "B P"], stage: Int[Tensor, " B"]
    ) -> tuple[Output, Memory]:
        stage = stage if self.settings.stage_aware else torch.zeros_like(stage)
        hidden = torch.tanh(F.embedding(stage, self.stage_embedding))
        shut = self.input_table.new_zeros(1, 3, self.settings.width)
        shut[:, 1] = SHUT
        table = torch.cat([self.input_table, shut.flatten(1)])
        tokens = prompt.masked_fill(~prompt_mask, self.vocabulary_size)
        for column in tokens.unbind(1):
            hidden = self._cell(F.embedding(column, table), hidden)
        return self._head(hidden), {"hidden": hidden}

    def step(self, token: Int[Tensor, " B"], memory: Memory) -> tuple[Output, Memory]:
        hidden = self._cell(F.embedding(token, self.input_table), memory["hidden"])
        return self._head(hidden), {"hidden": hidden}

    def replay(
        self,
        prompt: Int[Tensor, "B P"],
        prompt_mask: Bool[Tensor, "B P"],
        stage: Int[Tensor, " B"],
        tokens: Int[Tensor, "B T"],
    ) -> Output:
        return replay_by_stepping(self, prompt, prompt_mask, stage, tokens)

    def _cell(self, inputs: Float[Tensor, "B G"], hidden: Float[Tensor, "B H"]) -> Float[Tensor, "B H"]:
        return gru_cell(inputs, hidden, self.hidden_weight, self.hidden_bias)

    def _head(self, hidden: Float[Tensor, "B H"]) -> Output:
        head = torch.addmm(self.head_bias, hidden, self.head_weight.t())
        return Output(head[:, :-1], head[:, -1])
