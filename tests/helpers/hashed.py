"""A policy that draws its logits from all that it has read: each history has its own, and none is learnt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from inwit.core.types import Memory, Output

PRIME = 2_147_483_629


class Hashed:
    """`bias` adds to the logits of some tokens: a peaked policy, or one that never writes a token."""

    def __init__(self, world: Any, seed: int, bias: Mapping[str, float]) -> None:
        self.seed, self.words = seed + 1, len(world.vocabulary)
        self.bias = torch.zeros(self.words)
        for name, value in bias.items():
            self.bias[world.vocabulary.id(name)] = value

    def begin(self, prompt: Tensor, prompt_mask: Tensor, stage: Tensor) -> tuple[Output, Memory]:
        held = torch.full_like(stage, self.seed)
        for token in prompt.unbind(1):
            held = self._read(held, token)
        return self._output(held), {"held": held}

    def step(self, token: Tensor, memory: Memory) -> tuple[Output, Memory]:
        held = self._read(memory["held"], token)
        return self._output(held), {"held": held}

    def _read(self, held: Tensor, token: Tensor) -> Tensor:
        return (held * 48_271 + 7919 * (token + 1) * self.seed) % PRIME

    def _output(self, held: Tensor) -> Output:
        words = torch.arange(1, self.words + 1)
        scores = (held[:, None] * (words * 69_621) % PRIME * 16_807 % PRIME).float() / PRIME
        return Output(scores + self.bias, torch.zeros(len(held)))
