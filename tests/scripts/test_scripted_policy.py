"""The policy that runs a script on all rows of a batch."""

from __future__ import annotations

from collections import Counter

import torch

from inwit.core.distributions import masked_log_softmax
from inwit.scripts.script import Scripted

SIZE = 30


class Counting:
    """Writes its stage, whatever it reads."""

    def __init__(self) -> None:
        self.begun = Counter[tuple[int, ...]]()

    def begin(self, prompt: tuple[int, ...], stage: int) -> int:
        self.begun[*prompt, stage] += 1
        return stage

    def write(self, state: int) -> int:
        return state

    def read(self, state: int, token: int) -> int:
        return state


def test_a_prompt_is_begun_once() -> None:
    script = Counting()
    policy = Scripted(script, SIZE)
    prompt, shown, stage = torch.tensor([[1, 2], [1, 2], [3, 9]]), torch.tensor([[1, 1], [1, 1], [1, 0]]) > 0, [0, 0, 1]
    for _ in range(2):
        output, _ = policy.begin(prompt, shown, torch.tensor(stage))
        assert output.logits.argmax(1).tolist() == stage
    assert script.begun == {(1, 2, 0): 1, (3, 1): 1}


def test_it_is_sure_of_its_token() -> None:
    policy = Scripted(Counting(), SIZE)
    output, _ = policy.begin(torch.zeros(1, 1).long(), torch.ones(1, 1).bool(), torch.tensor([4]))
    share = masked_log_softmax(output.logits, torch.ones(1, SIZE).bool()).exp()
    assert share[0].tolist() == [float(token == 4) for token in range(SIZE)]
