"""Our advantages and returns against TorchRL's, on random rollouts in which rows terminate and are truncated."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from inwit.learners.returns import gae, returns_to_go

pytestmark = pytest.mark.slow  # the import of TorchRL takes seconds

ROWS, COLUMNS = 6, 9
ROUNDING = 1e-6  # TorchRL rounds lambda to single precision
SEEDS = st.integers(0, 2**32)


def value_functions() -> Any:
    """TorchRL's; imported when a test runs, since that takes a second."""
    return pytest.importorskip("torchrl.objectives.value.functional", reason="needs the extra rl")


def rollout(seed: int) -> dict[str, torch.Tensor]:
    """Random rewards and values; each row ends somewhere, by the answer or by the budget, or goes on to the block's
    end. After its end a row earns nothing, as in a rollout of ours."""
    generator = torch.Generator().manual_seed(seed)
    reward = torch.randn(ROWS, COLUMNS, generator=generator, dtype=torch.float64)
    values = torch.randn(ROWS, COLUMNS, generator=generator, dtype=torch.float64)
    last = torch.randint(0, COLUMNS, (ROWS, 1), generator=generator)
    live = torch.arange(COLUMNS) <= last
    end = torch.arange(COLUMNS) == last
    truncated = end & (torch.rand(ROWS, 1, generator=generator) < 0.5)
    return {"reward": reward * live, "values": values, "live": live, "end": end, "truncated": truncated}


def theirs(block: dict[str, torch.Tensor], name: str) -> torch.Tensor:
    return block[name].unsqueeze(-1)


@given(seed=SEEDS, gae_lambda=st.sampled_from([0.0, 0.5, 0.95, 1.0]))
def test_generalised_advantages(seed: int, gae_lambda: float) -> None:
    """Where the rows are live. Nothing is bootstrapped at truncation, so their `terminated` holds both ends."""
    functional = value_functions()
    block = rollout(seed)
    ours = gae(block["reward"], block["values"], block["live"], gae_lambda)
    following = torch.nn.functional.pad(block["values"][:, 1:], (0, 1)).unsqueeze(-1)
    end = theirs(block, "end")
    computes = [functional.generalized_advantage_estimate]
    if gae_lambda:  # theirs in one sweep cannot have 0
        computes += [functional.vec_generalized_advantage_estimate]
    for compute in computes:
        advantage, target = compute(
            1.0, gae_lambda, theirs(block, "values"), following, theirs(block, "reward"), done=end, terminated=end
        )
        torch.testing.assert_close(ours, advantage[..., 0] * block["live"], atol=ROUNDING, rtol=ROUNDING)
        returns = (ours + block["values"]) * block["live"]
        torch.testing.assert_close(returns, target[..., 0] * block["live"], atol=ROUNDING, rtol=ROUNDING)


@given(seed=SEEDS)
def test_truncation_is_where_we_differ_from_a_bootstrap(seed: int) -> None:
    """With the value that follows taken in at truncation TorchRL's advantages are others, in the truncated rows only:
    so the comparison above does look at how an episode ended."""
    functional = value_functions()
    block = rollout(seed)
    ours = gae(block["reward"], block["values"], block["live"], 0.9)
    following = torch.ones(ROWS, COLUMNS, 1, dtype=torch.float64)
    following[:, :-1] = theirs(block, "values")[:, 1:]
    terminated = theirs(block, "end") & ~theirs(block, "truncated")
    advantage, _ = functional.generalized_advantage_estimate(
        1.0, 0.9, theirs(block, "values"), following, theirs(block, "reward"), theirs(block, "end"), terminated
    )
    differs = ((ours - advantage[..., 0]).abs() > 1e-4).logical_and(block["live"]).any(1)
    assert torch.equal(differs, block["truncated"].any(1))


@given(seed=SEEDS)
def test_returns_to_go(seed: int) -> None:
    """Without discount, which is the only way here: the budget ends every episode."""
    functional = value_functions()
    block = rollout(seed)
    their = functional.reward2go(theirs(block, "reward"), theirs(block, "end"), 1.0, time_dim=1)[..., 0]
    torch.testing.assert_close(returns_to_go(block["reward"]) * block["live"], their * block["live"])


@given(seed=SEEDS)
def test_with_lambda_1_an_advantage_is_the_return_less_the_value(seed: int) -> None:
    block = rollout(seed)
    ours = gae(block["reward"], block["values"], block["live"], 1.0)
    expected = (returns_to_go(block["reward"]) - block["values"]) * block["live"]
    torch.testing.assert_close(ours, expected)
