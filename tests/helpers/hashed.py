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


class Patient:
    """For queries `Tx`: calls the tool until it answers, at most `errors` times in vain, then surely; then answers."""

    def __init__(self, world: Any, errors: int) -> None:
        self.settings, self.words, self.errors = world.settings, len(world.vocabulary), errors

    def begin(self, prompt: Tensor, prompt_mask: Tensor, stage: Tensor) -> tuple[Output, Memory]:
        memory = {"tool": prompt[:, -3], "value": prompt[:, -2], "errors": stage * 0, "plan": stage * 0}
        return self._output(memory), memory

    def step(self, token: Tensor, memory: Memory) -> tuple[Output, Memory]:
        """Plan: 0 open a call, 1 its argument, 2 listen, 3 open the answer, 4 answer."""
        plan, errors = memory["plan"], memory["errors"]
        hears, erred = plan == 2, token == 6
        value = torch.where(hears & ~erred, token, memory["value"])
        errors = errors + (hears & erred)
        plan = torch.where(hears & erred, 0, plan + 1)
        memory = {"tool": memory["tool"], "value": value, "errors": errors, "plan": plan}
        return self._output(memory), memory

    def _output(self, memory: Memory) -> Output:
        sure = memory["errors"] >= self.errors
        tool = memory["tool"] + torch.where(sure, self.settings.num_tools + 1, 0)
        opens = torch.where(memory["plan"] == 0, tool, 7)
        token = torch.where(memory["plan"] % 3 == 0, opens, memory["value"])
        return Output(torch.nn.functional.one_hot(token, self.words).float(), torch.zeros(len(token)))
