"""What the control without recurrence can read."""

from __future__ import annotations

import pytest
import torch

from inwit import UserError
from inwit.policies.memoryless import MAX_PROMPT
from support import make_world, small_policy


def reading(width: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    return torch.zeros(2, width, dtype=torch.int64), torch.ones(2, width, dtype=torch.bool), torch.zeros(2).long()


@pytest.mark.parametrize("width", [MAX_PROMPT + 1, 200])
def test_prompts_that_are_too_long_are_refused(width: int) -> None:
    policy = small_policy("memoryless", make_world("tutorial-v1"))
    for read in (policy.begin, lambda *given: policy.replay(*given, torch.zeros(2, 3).long())):
        with pytest.raises(UserError, match=f"up to {MAX_PROMPT} positions.* {width}; choose another") as refused:
            read(*reading(width))
        assert "\n" not in str(refused.value)


def test_the_longest_prompt_is_read() -> None:
    policy = small_policy("memoryless", make_world("tutorial-v1"))
    output, _ = policy.begin(*reading(MAX_PROMPT))
    assert bool(torch.isfinite(output.logits).all())
