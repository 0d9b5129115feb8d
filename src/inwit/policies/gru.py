"""A GRU that reads its prompt token by token and writes its program token by token, with one memory throughout.

The cell is Cho et al. 2014 in PyTorch's variant (the reset gate acts on the hidden product), with two departures.
Tokens are one-hot: a row of a table replaces the product with the input weights, half of the cell's arithmetic. And a
padding position is a token whose update gate is shut: the memory passes through it unchanged, to the bit.
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
from inwit.policies.base import TokenPolicy
from inwit.policies.gru_cell import gru_cell, gru_sequence
from inwit.policies.replay import Prompt, PromptMask, Stage, Tokens

SHUT = 1e4  # an update gate's input at which the sigmoid is exactly 1 in float32


@dataclass(frozen=True)
class GRUSettings(Settings):
    width: int = setting(96, "units of memory", at_least=1, at_most=4096)
    stage_aware: bool = setting(True, "let the stage's embedding be the first memory")


class GRU(TokenPolicy[GRUSettings]):
    """Memory: `hidden`, Float[B, width]."""

    Settings = GRUSettings

    def __init__(self, settings: GRUSettings, *, vocabulary_size: int, num_stages: int, generator: Generator) -> None:
        super().__init__(settings)
        self.vocabulary_size = vocabulary_size
        width, scale = settings.width, settings.width**-0.5
        stages = num_stages if settings.stage_aware else 1
        self.stage_embedding = init.normal(stages, width, scale=1.0, generator=generator)
        self.input_table = init.normal(vocabulary_size, 3 * width, scale=1.0, generator=generator)
        self.hidden_weight = init.uniform(3 * width, width, scale=scale, generator=generator)
        self.hidden_bias = init.zeros(3 * width, generator=generator)
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
        taps = Taps(self.taps, capture, edit)
        hidden = taps("hidden", self._read(prompt, prompt_mask, stage))
        return self._head(hidden, taps.taken), {"hidden": hidden}

    def step(
        self, token: Int[Tensor, " B"], memory: Memory, *, capture: Iterable[str] = (), edit: Edits = NO_EDITS
    ) -> tuple[Output, Memory]:
        taps, inputs = Taps(self.taps, capture, edit), F.embedding(token, self.input_table)
        hidden = taps("hidden", gru_cell(inputs, memory["hidden"], self.hidden_weight, self.hidden_bias))
        return self._head(hidden, taps.taken), {"hidden": hidden}

    def replay(
        self, prompt: Prompt, prompt_mask: PromptMask, stage: Stage, tokens: Tokens, capture: Iterable[str] = ()
    ) -> Output:
        first = self._read(prompt, prompt_mask, stage).repeat_interleave(len(tokens) // len(prompt), 0)
        hidden = self._sequence(tokens[:, :-1], first)
        taps, output = Taps(self.taps, capture, NO_EDITS), self._head(hidden)
        taps("hidden", hidden.transpose(0, 1))
        return Output(output.logits.transpose(0, 1), output.value.t(), taps.taken)

    def _read(self, prompt: Prompt, prompt_mask: PromptMask, stage: Stage) -> Float[Tensor, "N H"]:
        first = torch.tanh(self._stage(stage))
        return self._sequence(prompt.masked_fill(~prompt_mask, self.vocabulary_size), first)[-1]

    def _sequence(self, tokens: Int[Tensor, "B T"], hidden: Float[Tensor, "B H"]) -> Float[Tensor, "1+T B H"]:
        """The memory before the first token and after each; token number `vocabulary_size` is padding."""
        width = self.settings.width
        shut = self.input_table.new_zeros(1, 3 * width)
        shut[:, width : 2 * width] = SHUT
        table = torch.cat([self.input_table, shut])
        to_gates = F.pad(table[:, : 2 * width], (0, width)) + self.hidden_bias
        return gru_sequence(tokens.t(), to_gates, table[:, 2 * width :], hidden, self.hidden_weight)
