"""REINFORCE with a leave-one-out baseline against slow loops."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from inwit.core.errors import UserError
from inwit.learners.groups import RLOOSettings
from inwit.learners.returns import leave_one_out_advantage
from losses import learner_and_rollout, mean, moments, only_loss


@given(seed=st.integers(0, 2**32), size=st.sampled_from([2, 3, 4, 12]))
def test_leave_one_out(seed: int, size: int) -> None:
    returns = torch.randn(12, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    expected = []
    for row, own in enumerate(returns.tolist()):
        group = range(row // size * size, row // size * size + size)
        expected.append(own - mean([float(returns[other]) for other in group if other != row]))
    got = leave_one_out_advantage(returns, size)
    torch.testing.assert_close(got, torch.tensor(expected, dtype=torch.float64), atol=1e-12, rtol=0)


def test_groups_do_not_meet() -> None:
    returns = torch.tensor([1.0, 0.0, 5.0, 5.0])
    assert leave_one_out_advantage(returns, 2).tolist() == [1.0, -1.0, 0.0, 0.0]


def test_the_loss_is_its_formula() -> None:
    learner, policy, rollout = learner_and_rollout("rloo", group_size=4, entropy=0.3)
    returns = [sum(row) for row in rollout.reward.tolist()]
    lead = []
    for start in range(0, len(returns), 4):
        group = returns[start : start + 4]
        lead += [own - (sum(group) - own) / 3 for own in group]
    counted = [moment for moment in moments(rollout) if moment[5]]
    expected = -mean([m[2] * lead[m[0]] for m in counted]) - 0.3 * mean([m[3] for m in counted])
    assert only_loss(learner, policy, rollout) == pytest.approx(expected, abs=1e-4)


def test_there_is_no_critic() -> None:
    learner, policy, rollout = learner_and_rollout("rloo", group_size=4)
    before = only_loss(learner, policy, rollout)
    assert only_loss(learner, policy, replace(rollout, values=rollout.values + 1)) == before
    [(loss, _)] = learner.losses(policy, rollout)
    loss.backward()
    assert not bool(policy.head_weight.grad[-1].any()), "The value head has nothing to learn from."
    assert bool(policy.head_weight.grad[:-1].any())


def test_a_group_of_one_has_no_others() -> None:
    with pytest.raises(UserError, match="group_size = 1"):
        RLOOSettings(group_size=1)
