"""PPO and its advantages against slow loops; what clipping and minibatches do."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from inwit.core.types import Output, Rollout
from inwit.learners.ppo import PPO, PPOSettings
from inwit.learners.returns import gae, returns_to_go
from inwit.rollout.collect import collect
from losses import learner_and_rollout
from support import make_world, small_policy

SEEDS = st.integers(0, 2**32)


def episodes(seed: int, rows: int = 5, columns: int = 6) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Rewards, values and lives of episodes of every length from 1 on; rewards are 0 after the end, values are not."""
    generator = torch.Generator().manual_seed(seed)
    reward, values = torch.randn(2, rows, columns, generator=generator, dtype=torch.float64)
    length = torch.randint(1, columns + 1, (rows, 1), generator=generator)
    live = torch.arange(columns) < length
    return reward * live, values, live


@given(seed=SEEDS, gae_lambda=st.sampled_from([0.0, 0.3, 0.95, 1.0]))
def test_gae(seed: int, gae_lambda: float) -> None:
    """The sum over later steps of lambda**distance times reward + next value - value, to the end of the episode."""
    reward, values, live = episodes(seed)
    got = gae(reward, values, live, gae_lambda)
    for row in range(len(reward)):
        length = int(live[row].sum())
        r, v = reward[row].tolist(), [*values[row, :length].tolist(), 0.0]
        for column in range(reward.shape[1]):
            errors = [gae_lambda ** (t - column) * (r[t] + v[t + 1] - v[t]) for t in range(column, length)]
            assert float(got[row, column]) == pytest.approx(sum(errors), abs=1e-12)


@given(seed=SEEDS)
def test_with_lambda_1_values_are_a_baseline_only(seed: int) -> None:
    reward, values, live = episodes(seed)
    expected = (returns_to_go(reward) - values) * live
    torch.testing.assert_close(gae(reward, values, live, 1.0), expected, atol=1e-12, rtol=0)


@given(seed=SEEDS)
def test_with_lambda_0_only_the_next_value_counts(seed: int) -> None:
    reward, values, live = episodes(seed)
    following = torch.nn.functional.pad((values * live)[:, 1:], (0, 1))
    torch.testing.assert_close(gae(reward, values, live, 0.0), (reward + following - values) * live)


@given(seed=SEEDS, gae_lambda=st.sampled_from([0.0, 0.3, 0.95, 1.0]))
def test_gae_skips_what_the_world_wrote(seed: int, gae_lambda: float) -> None:
    """As if each token of the world's were a part of the chosen one before it: with that one's reward, and without a
    value of its own."""
    reward, values, live = episodes(seed)
    mask = live & (torch.rand(live.shape, generator=torch.Generator().manual_seed(seed)) < 0.6)
    got = gae(reward, values, mask, gae_lambda)
    garbled = torch.where(mask, values, values + 100)
    assert torch.equal(gae(reward, garbled, mask, gae_lambda), got), "A value counts that is never trained."
    assert not bool(got[~mask].any())
    for row in range(len(reward)):
        places = mask[row].nonzero()[:, 0].tolist()
        if places:
            ends = [*places[1:], reward.shape[1]]
            steps = torch.stack([reward[row, a:b].sum() for a, b in zip(places, ends, strict=True)])[None]
            own, every = values[row, places][None], torch.ones(1, len(places), dtype=torch.bool)
            alone = gae(steps, own, every, gae_lambda)
            torch.testing.assert_close(got[row, places][None], alone, atol=1e-12, rtol=0)


def collected(**settings: Any) -> tuple[Any, Any, Rollout]:
    """A learner, a policy and a rollout of it, rewards made to differ."""
    return learner_and_rollout("ppo", **settings)


def test_the_first_minibatch_is_on_policy() -> None:
    learner, policy, rollout = collected(group_size=4, minibatches=3)
    _, metrics = next(iter(learner.losses(policy, rollout)))
    assert float(metrics["approx_kl"]) == pytest.approx(0.0, abs=1e-6)
    assert float(metrics["clip_fraction"]) == 0.0


def test_later_minibatches_are_not() -> None:
    learner, policy, rollout = collected(epochs=2, minibatches=2, clip_range=0.01)
    optimiser, told = torch.optim.SGD(policy.parameters(), lr=1.0), []
    for loss, metrics in learner.losses(policy, rollout):
        told.append({name: float(value) for name, value in metrics.items()})
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert told[0]["approx_kl"] < 1e-6 < told[1]["approx_kl"], "The loss must be made after the step before it."
    assert all(terms["clip_fraction"] > 0 for terms in told[1:])


class Listener:
    """A policy that answers nothing in particular and notes which rows it is given: problem (as stage) and tokens."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.minibatches: list[list[tuple[int, ...]]] = []

    def replay(self, prompt: torch.Tensor, mask: torch.Tensor, stage: torch.Tensor, tokens: torch.Tensor) -> Output:
        assert len(prompt) == len(mask) == len(stage)
        problems = prompt[:, 0].tolist()
        assert problems == stage.tolist(), "Prompt and stage belong to two problems."
        each = [problem for problem in problems for _ in range(len(tokens) // len(prompt))]
        self.minibatches.append([(p, *row) for p, row in zip(each, tokens.tolist(), strict=True)])
        return Output(torch.zeros(*tokens.shape, self.size, requires_grad=True), torch.zeros(tokens.shape))


def numbered(problems: int, group_size: int) -> tuple[Rollout, int, list[tuple[int, ...]]]:
    """A rollout whose problems say their numbers, its vocabulary's size, and its rows as the listener tells them."""
    world = make_world("tutorial-v1", max_steps=5)
    kinds = torch.arange(problems) % len(world.kinds)
    tasks, generator = world.sample(kinds, torch.Generator().manual_seed(0)), torch.Generator().manual_seed(1)
    rollout = collect(world, small_policy("gru", world), tasks, group_size=group_size, generator=generator)
    number = torch.arange(problems)
    rollout = replace(rollout, stage=number, prompt=number[:, None].expand_as(rollout.prompt))
    rows = [(row // group_size, *tokens) for row, tokens in enumerate(rollout.tokens.tolist())]
    return rollout, len(world.vocabulary), rows


@pytest.mark.parametrize(
    ("problems", "group_size", "epochs", "minibatches"), [(12, 1, 3, 2), (13, 1, 4, 3), (6, 4, 5, 4), (5, 2, 1, 1)]
)
def test_minibatches_cover_every_row_once_an_epoch(
    problems: int, group_size: int, epochs: int, minibatches: int
) -> None:
    rollout, size, rows = numbered(problems, group_size)
    listener = Listener(size)
    learner = PPO(PPOSettings(epochs=epochs, minibatches=minibatches, group_size=group_size))
    losses = list(learner.losses(listener, rollout))
    assert len(losses) == epochs * minibatches == len(listener.minibatches)
    for start in range(0, len(losses), minibatches):
        epoch = listener.minibatches[start : start + minibatches]
        assert sorted(row for minibatch in epoch for row in minibatch) == sorted(rows)
        sizes = [len(minibatch) for minibatch in epoch]
        assert max(sizes) - min(sizes) <= group_size, f"Minibatches of {sizes} rows, in groups of {group_size}."


def test_other_minibatches_in_each_epoch() -> None:
    rollout, size, _ = numbered(12, 1)
    listener = Listener(size)
    list(PPO(PPOSettings(epochs=2, minibatches=2)).losses(listener, rollout))
    first, second = listener.minibatches[:2], listener.minibatches[2:]
    assert {frozenset(minibatch) for minibatch in first} != {frozenset(minibatch) for minibatch in second}


def off_policy(rollout: Rollout, shift: torch.Tensor) -> Rollout:
    """As if the behaviour policy had given each token another probability."""
    return replace(rollout, log_probs=rollout.log_probs - shift)


def advantages(rollout: Rollout, gae_lambda: float = 1.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Normalised over what was live and chosen; and what the values should have been."""
    mask = rollout.live & rollout.chosen
    raw = gae(rollout.reward, rollout.values, rollout.live, gae_lambda)
    kept = raw[mask]
    return (raw - kept.mean()) / (kept.var(correction=0).sqrt() + 1e-6), raw + rollout.values


def test_the_loss_is_its_formula() -> None:
    learner, policy, rollout = collected(
        epochs=1, minibatches=1, clip_range=0.2, entropy=0.3, value=0.7, gae_lambda=0.9, group_size=2
    )
    shift = torch.randn(rollout.log_probs.shape, generator=torch.Generator().manual_seed(5)) * 0.3
    [(loss, metrics)] = learner.losses(policy, off_policy(rollout, shift))
    lead, target = advantages(rollout, 0.9)
    gains, errors, entropies, clipped, divergences = [], [], [], [], []
    for row, column in (rollout.live & rollout.chosen).nonzero().tolist():
        ratio = math.exp(float(shift[row, column]))
        a = float(lead[row, column])
        gains.append(min(ratio * a, min(max(ratio, 0.8), 1.2) * a))
        errors.append((float(rollout.values[row, column]) - float(target[row, column])) ** 2)
        clipped.append(abs(ratio - 1) > 0.2)
        divergences.append(ratio - 1 - math.log(ratio))
        problem = row // 2
        with torch.no_grad():
            outputs = policy.replay(
                *(t[problem : problem + 1] for t in (rollout.prompt, rollout.prompt_mask, rollout.stage)),
                rollout.tokens[row : row + 1],
            )
        shares = torch.softmax(outputs.logits[0, column][rollout.legal[row, column]].double(), -1).tolist()
        entropies.append(-sum(p * math.log(p) for p in shares))
    assert 0 < sum(clipped) < len(clipped)

    def mean(values: list[Any]) -> float:
        return sum(values) / len(values)

    assert float(metrics["policy_loss"]) == pytest.approx(-mean(gains), abs=1e-5)
    assert float(metrics["value_loss"]) == pytest.approx(mean(errors), abs=1e-5)
    assert float(metrics["entropy"]) == pytest.approx(mean(entropies), abs=1e-5)
    assert float(metrics["clip_fraction"]) == pytest.approx(mean(clipped), abs=1e-6)
    assert float(metrics["approx_kl"]) == pytest.approx(mean(divergences), abs=1e-5)
    expected = -mean(gains) + 0.7 * mean(errors) - 0.3 * mean(entropies)
    assert float(loss.detach()) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("direction", ["beyond", "short of"])
def test_beyond_the_clip_range_nothing_is_left_to_gain(direction: str) -> None:
    """Good tokens made likelier and bad ones less likely, beyond the range: no gradient. The other way: all of it."""
    learner, policy, rollout = collected(epochs=1, minibatches=1, entropy=0.0, value=0.0, clip_range=0.2)
    lead, _ = advantages(rollout)
    shift = lead.sign() if direction == "beyond" else -lead.sign()
    [(loss, metrics)] = learner.losses(policy, off_policy(rollout, shift))
    loss.backward()
    moved = max(float(p.grad.abs().max()) for p in policy.parameters() if p.grad is not None)
    assert float(metrics["clip_fraction"]) == 1.0
    assert (moved == 0.0) is (direction == "beyond"), f"{direction} the range the gradient reaches {moved}."


def test_what_was_not_chosen_does_not_count() -> None:
    learner, policy, rollout = collected(epochs=1, minibatches=1)
    idle = ~(rollout.live & rollout.chosen)
    assert bool(idle.any())
    noise = torch.randn(idle.shape, generator=torch.Generator().manual_seed(3))
    other = replace(
        rollout,
        log_probs=torch.where(idle, rollout.log_probs + noise, rollout.log_probs),
        values=torch.where(idle, rollout.values + noise, rollout.values),
    )
    [(one, _)], [(two, _)] = learner.losses(policy, rollout), learner.losses(policy, other)
    assert float(one.detach()) == pytest.approx(float(two.detach()), abs=1e-6)
