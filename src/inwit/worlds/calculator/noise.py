"""Irrelevant tokens in the calculator's prompts: names of slots and verbs, which mean nothing there.

Which ones, and where, is a hash of the task: its expression, its letters and its digits. So training meets new noise
with each draw of the digits, a task always has the same prompt, and nothing more is drawn or kept. Where success is for
all digits, a policy that could read the digits out of the noise would gain nothing: one program is right on all of them
or is wrong. But a policy may be right among some irrelevant tokens alone: so the exam asks many prompts of each
expression (`noisy_exam`).
"""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor

from inwit.core.hashing import mixed
from inwit.core.types import Tasks
from inwit.core.vocabulary import Vocabulary
from inwit.worlds.calculator.rules import FIRST_SLOT, MAX_SLOTS, PAD

_ODD = (-7046029254386353131, -4658895280553007687)  # 64 bits, for hashing


def noise_tokens(vocabulary: Vocabulary, verbs: list[str]) -> list[int]:
    """The tokens that never stand in an expression: slots, verbs and ANS."""
    return [*range(FIRST_SLOT, FIRST_SLOT + MAX_SLOTS), *vocabulary.ids([*verbs, "ANS"])]


def noisy(prompt: Int[Tensor, "B W"], tasks: Tasks, among: list[int], count: int) -> Int[Tensor, "B P"]:
    """The prompts with `count` tokens of `among` put in, P = W + count: anywhere between the first token that is not
    PAD and the last, which stays the last."""
    start = (prompt == PAD).sum(1, keepdim=True)
    width = prompt.shape[1]
    bits = _hashed(tasks, 2 * count)
    token = torch.tensor(among, device=prompt.device)[bits[:, :count] % len(among)]
    before = start + bits[:, count:] % (width - start)  # the position before which it stands
    # A stable sort: those that stand before one position keep their order, and come before its token.
    place = torch.arange(width, device=prompt.device).expand_as(prompt)
    order = torch.cat([before, place], 1).sort(dim=1, stable=True).indices
    return torch.cat([token, prompt], 1).gather(1, order)


def _hashed(tasks: Tasks, count: int) -> Int[Tensor, "B C"]:
    """Numbers of 31 bits, `count` for each row, which look as if drawn at random."""
    key = torch.zeros_like(tasks.kind)
    for part in (tasks.kind, *tasks.data["operands"].unbind(1), *tasks.data["letters"].unbind(1)):
        key = mixed(key * _ODD[0] + part)
    place = torch.arange(1, count + 1, device=key.device) * _ODD[1]
    return mixed(key[:, None] + place) >> 33 & (2**31 - 1)
