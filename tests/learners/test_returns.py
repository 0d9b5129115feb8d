"""The learners' mathematics against slow Python loops."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from inwit.core.types import Output, Rollout
from inwit.learners import LEARNERS
from inwit.learners.returns import group_advantage, log_probs_and_entropy, masked_mean, normalise, returns_to_go
from losses import learner_and_rollout, mean, moments, only_loss

SEEDS = st.integers(0, 2**32)


def block(seed: int, rows: int = 4, columns: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    """Random values and a random mask."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(rows, columns, generator=generator, dtype=torch.float64)
    return values, torch.rand(rows, columns, generator=generator) < 0.6


@given(seed=SEEDS)
def test_returns_to_go(seed: int) -> None:
    reward, _ = block(seed)
    expected = [[sum(row[start:]) for start in range(len(row))] for row in reward.tolist()]
    torch.testing.assert_close(returns_to_go(reward), torch.tensor(expected, dtype=torch.float64))


@given(seed=SEEDS)
def test_masked_mean(seed: int) -> None:
    values, mask = block(seed)
    kept = values[mask].tolist()
    expected = sum(kept) / len(kept) if kept else 0.0
    assert float(masked_mean(values, mask)) == pytest.approx(expected, abs=1e-12)


def test_masked_mean_of_nothing_is_0() -> None:
    values, mask = block(0)
    assert float(masked_mean(values, torch.zeros_like(mask))) == 0.0


@given(seed=SEEDS)
def test_normalise(seed: int) -> None:
    values, mask = block(seed)
    kept = values[mask].tolist()
    mean = sum(kept) / max(len(kept), 1)
    std = math.sqrt(sum((v - mean) ** 2 for v in kept) / max(len(kept), 1))
    expected = (values - mean) / (std + 1e-6)
    torch.testing.assert_close(normalise(values, mask), expected, rtol=1e-9, atol=1e-9)


def test_normalise_of_equal_values_is_0() -> None:
    values = torch.full((2, 3), 0.7)
    assert normalise(values, torch.ones(2, 3, dtype=torch.bool)).abs().max() < 1e-3


@given(seed=SEEDS, size=st.sampled_from([1, 2, 4, 8]), floor=st.sampled_from([0.01, 0.05, 1.0]))
def test_group_advantage(seed: int, size: int, floor: float) -> None:
    returns = torch.randint(0, 2, (16,), generator=torch.Generator().manual_seed(seed)).double()
    expected = []
    for start in range(0, 16, size):
        group = returns[start : start + size].tolist()
        mean = sum(group) / size
        std = math.sqrt(sum((r - mean) ** 2 for r in group) / size)
        expected += [(r - mean) / (std + floor) for r in group]
    torch.testing.assert_close(group_advantage(returns, size, floor), torch.tensor(expected, dtype=torch.float64))


def test_groups_that_did_alike_teach_nothing() -> None:
    returns = torch.tensor([1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0])
    advantage = group_advantage(returns, 3, 0.05).tolist()
    assert advantage[:6] == [0.0] * 6
    assert advantage[7] > 0 > advantage[6]


@given(seed=SEEDS)
def test_log_probs_and_entropy(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(2, 3, 5, generator=generator, dtype=torch.float64)
    legal = torch.rand(2, 3, 5, generator=generator) < 0.5
    legal[..., 2] = True
    tokens = torch.full((2, 3), 2)
    log_probs, entropy = log_probs_and_entropy(Output(logits, logits[..., 0]), legal, tokens)
    for row in range(2):
        for column in range(3):
            allowed = [v for v, ok in zip(logits[row, column].tolist(), legal[row, column].tolist(), strict=True) if ok]
            total = sum(math.exp(v) for v in allowed)
            shares = [math.exp(v) / total for v in allowed]
            expected = math.log(math.exp(float(logits[row, column, 2])) / total)
            assert float(log_probs[row, column]) == pytest.approx(expected, abs=1e-9)
            assert float(entropy[row, column]) == pytest.approx(-sum(p * math.log(p) for p in shares), abs=1e-9)


# The losses as their formulas say, in loops over a rollout's outputs.


def test_a2c_per_step() -> None:
    learner, policy, rollout = learner_and_rollout("a2c", credit="per-step", entropy=0.3, value=0.7)
    reward = rollout.reward.tolist()
    counted = [moment for moment in moments(rollout) if moment[5]]
    to_go = [sum(reward[row][column:]) for row, column, *_ in counted]
    lead = [g - value for g, (*_, value, _) in zip(to_go, counted, strict=True)]
    spread = math.sqrt(mean([(a - mean(lead)) ** 2 for a in lead])) + 1e-6
    policy_loss = -mean([m[2] * (a - mean(lead)) / spread for a, m in zip(lead, counted, strict=True)])
    value_loss = mean([a**2 for a in lead])
    expected = policy_loss + 0.7 * value_loss - 0.3 * mean([m[3] for m in counted])
    assert only_loss(learner, policy, rollout) == pytest.approx(expected, abs=1e-4)


def test_a2c_whole_sequence() -> None:
    """The published loss: one advantage, R - sum(values), for the sum of all log-probabilities of a row."""
    learner, policy, rollout = learner_and_rollout("a2c", credit="whole-sequence", entropy=0.3, value=0.7)
    assert rollout.tokens.shape[1] == 5, "The horizon is fixed."
    every = list(moments(rollout))
    rows = range(rollout.tokens.shape[0])
    error = [sum(rollout.reward[row].tolist()) - sum(m[4] for m in every if m[0] == row) for row in rows]
    policy_loss = -mean([sum(m[2] for m in every if m[0] == row) * error[row] for row in rows])
    expected = policy_loss + 0.7 * mean([e**2 for e in error]) - 0.3 * mean([m[3] for m in every])
    assert only_loss(learner, policy, rollout) == pytest.approx(expected, abs=1e-4)


def test_grpo() -> None:
    learner, policy, rollout = learner_and_rollout("grpo", group_size=4, entropy=0.3, floor=0.1)
    returns = [sum(row) for row in rollout.reward.tolist()]
    lead = []
    for start in range(0, len(returns), 4):
        group = returns[start : start + 4]
        spread = math.sqrt(mean([(r - mean(group)) ** 2 for r in group])) + 0.1
        lead += [(r - mean(group)) / spread for r in group]
    counted = [moment for moment in moments(rollout) if moment[5]]
    expected = -mean([m[2] * lead[m[0]] for m in counted]) - 0.3 * mean([m[3] for m in counted])
    assert only_loss(learner, policy, rollout) == pytest.approx(expected, abs=1e-4)


def test_advantages_are_constants() -> None:
    """The policy's loss must not push the values: without the value loss, the value head gets no gradient."""
    for credit in ("per-step", "whole-sequence"):
        learner, policy, rollout = learner_and_rollout("a2c", credit=credit, value=0.0)
        [(loss, _)] = learner.losses(policy, rollout)
        loss.backward()
        assert not bool(policy.head_weight.grad[-1].any()), f"{credit}: the policy loss reaches the value head."


LEARNERS_IN_ONE_PASS = [name for name in LEARNERS.names() if LEARNERS.load(name).one_pass]


@pytest.mark.parametrize("learner_id", LEARNERS_IN_ONE_PASS)
@pytest.mark.parametrize("credit", ["per-step", "whole-sequence"])
def test_the_rollouts_graph_is_the_replays(learner_id: str, credit: str) -> None:
    """The gradient through the graph that was kept against the gradient through `policy.replay` of the tokens."""
    has_credit = "credit" in LEARNERS.load(learner_id).Settings.__dataclass_fields__
    if not has_credit and credit == "whole-sequence":
        pytest.skip(f"{learner_id} has one way of giving credit.")
    learner, policy, rollout = learner_and_rollout(learner_id, **({"credit": credit} if has_credit else {}))

    def gradients(of: Rollout) -> list[torch.Tensor]:
        policy.zero_grad()
        for loss, _ in learner.losses(policy, of):
            loss.backward()
        return [parameter.grad.clone() for parameter in policy.parameters()]

    fast = gradients(rollout)
    group = rollout.group_size
    prompt, mask, stage = (t.repeat_interleave(group, 0) for t in (rollout.prompt, rollout.prompt_mask, rollout.stage))
    slow = gradients(replace(rollout, outputs=policy.replay(prompt, mask, stage, rollout.tokens)))
    assert any(bool(gradient.any()) for gradient in fast)
    for one, two in zip(fast, slow, strict=True):
        torch.testing.assert_close(one, two, atol=1e-5, rtol=1e-4)
