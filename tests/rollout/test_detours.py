"""Tokens drawn by chance, where they are recorded, and what is learnt from them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from inwit.core.errors import UserError
from inwit.core.types import Output, Rollout
from inwit.learners.a2c import A2C, A2CSettings
from inwit.rollout.collect import collect
from inwit.rollout.detours import LENGTH, Detours
from support import all_kinds, make_world, small_policy

ROWS = 400


class Stubborn:
    """Writes the legal token with the lowest id, as good as always."""

    def __init__(self, words: int) -> None:
        self.words = words

    def begin(self, prompt: Any, prompt_mask: Any, stage: Any) -> Any:
        return self._output(len(prompt)), {}

    def step(self, token: Any, memory: Any) -> Any:
        return self._output(len(token)), memory

    def _output(self, rows: int) -> Output:
        return Output(-100.0 * torch.arange(self.words).float().repeat(rows, 1), torch.zeros(rows))


def stubborn(detours: float, seed: int = 1) -> tuple[Any, Rollout]:
    world = make_world("lookup-v0")
    problems = world.sample(torch.zeros(ROWS, dtype=torch.long), torch.Generator().manual_seed(0))
    policy = Stubborn(len(world.vocabulary))
    return world, collect(world, policy, problems, detours=detours, generator=torch.Generator().manual_seed(seed))


def test_a_detour_is_two_tokens_in_a_row_in_a_share_of_the_episodes() -> None:
    made = Detours(0.25, 4000, 5, torch.Generator().manual_seed(0))
    at = torch.stack([made.now(torch.full((4000,), written)) for written in range(8)])
    assert set(at.sum(0).tolist()) == {0, LENGTH}
    assert 0.22 < float(at.any(0).float().mean()) < 0.28
    first = at.long().argmax(0)[at.any(0)]
    assert sorted(set(first.tolist())) == [0, 1, 2, 3, 4]
    assert bool(at[first, at.any(0).nonzero()[:, 0]].all())
    assert bool(at[first + 1, at.any(0).nonzero()[:, 0]].all())


def test_tokens_of_a_detour_are_uniform_over_the_legal_ones() -> None:
    world, rollout = stubborn(detours=1.0)
    assert rollout.detour is not None
    first = rollout.tokens[rollout.detour[:, 0], 0]
    counts = torch.bincount(first, minlength=len(world.vocabulary)).double()
    legal = rollout.legal[0, 0]
    assert bool((counts[~legal] == 0).all())
    expected = len(first) / int(legal.sum())
    assert float(((counts[legal] - expected) ** 2 / expected).sum()) < 16.3  # chi-square of 3: p = 0.001
    elsewhere = rollout.live & rollout.chosen & ~rollout.detour
    lowest = rollout.legal.long().argmax(2)
    assert torch.equal(rollout.tokens[elsewhere], lowest[elsewhere])


def test_only_chosen_tokens_are_a_detour() -> None:
    _, rollout = stubborn(detours=1.0)
    assert rollout.detour is not None
    assert not bool((rollout.detour & ~rollout.chosen).any())
    assert bool((~rollout.chosen & rollout.live).any()), "The world must have written something."


def test_without_detours_nothing_is_drawn_for_them() -> None:
    _, plain = stubborn(detours=0.0)
    assert plain.detour is None
    world = make_world("lookup-v0")
    problems = world.sample(torch.zeros(ROWS, dtype=torch.long), torch.Generator().manual_seed(0))
    greedy = collect(world, Stubborn(len(world.vocabulary)), problems, detours=1.0)
    assert greedy.detour is None, "A greedy agent is examined as it is."


def pulled(detour_ends: float, others_end: float, entropy: float = 0.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Of a block in which every other episode is all detour: whether the loss moves each episode's logits, and which
    episodes are detours. Values are near 0."""
    world = make_world("tutorial-v1", max_steps=5)
    policy = small_policy("gru", world)
    problems = world.sample(all_kinds(world, 16), torch.Generator().manual_seed(0))
    rollout = collect(world, policy, problems, generator=torch.Generator().manual_seed(1), keep_graph=True)
    strays = torch.arange(len(rollout.tokens)) % 2 == 0
    reward = torch.zeros_like(rollout.reward)
    reward[:, -1] = torch.where(strays, detour_ends, others_end)
    outputs = rollout.outputs
    assert outputs is not None
    logits = outputs.logits.detach().requires_grad_()
    detour = strays[:, None] & rollout.live & rollout.chosen
    marked = replace(rollout, reward=reward, detour=detour, outputs=Output(logits, outputs.value))
    (loss, _), *_ = A2C(A2CSettings(entropy=entropy, value=0.0)).losses(policy, marked)
    loss.backward()
    assert logits.grad is not None
    return logits.grad.abs().sum((1, 2)) > 0, strays


def test_a_detour_that_ends_well_but_worse_than_others_is_not_unlearnt() -> None:
    """Better than the value said, and below the mean of all: an advantage that is shifted to mean 0 is negative."""
    moved, strays = pulled(detour_ends=10.0, others_end=100.0)
    assert not bool(moved[strays].any())
    assert bool(moved[~strays].all())


def test_the_entropy_bonus_leaves_detours_out() -> None:
    moved, strays = pulled(detour_ends=-100.0, others_end=100.0, entropy=1.0)
    assert not bool(moved[strays].any())
    assert bool(moved[~strays].all())


@pytest.mark.parametrize("ends_well", [True, False])
def test_a_detour_is_imitated_where_it_ends_well_and_else_not(ends_well: bool) -> None:
    """The same episodes, all of them a detour, with a return far above or far below the values."""
    world = make_world("tutorial-v1", max_steps=5)
    policy = small_policy("gru", world)
    problems = world.sample(all_kinds(world, 16), torch.Generator().manual_seed(0))
    rollout = collect(world, policy, problems, generator=torch.Generator().manual_seed(1), keep_graph=True)
    sign = torch.where(torch.arange(len(rollout.tokens)) % 2 == 0, 100.0, -100.0)
    reward = torch.zeros_like(rollout.reward)
    reward[:, -1] = sign
    half = (sign > 0) == ends_well
    everywhere = half[:, None] & rollout.live & rollout.chosen
    outputs = rollout.outputs
    assert outputs is not None
    logits = outputs.logits.detach().requires_grad_()
    marked = replace(rollout, reward=reward, detour=everywhere, outputs=Output(logits, outputs.value))
    (loss, _), *_ = A2C(A2CSettings(entropy=0.0, value=0.0)).losses(policy, marked)
    loss.backward()
    assert logits.grad is not None
    touched = logits.grad.abs().sum((1, 2)) > 0
    if ends_well:
        assert bool(touched[half].all())
    else:
        assert not bool(touched[half].any())
    assert bool(touched[~half].all()), "What is no detour is learnt from, however it ends."


def test_the_published_loss_has_no_place_for_detours() -> None:
    with pytest.raises(UserError, match=r"detours = 0\.5: the credit whole-sequence"):
        A2CSettings(credit="whole-sequence", detours=0.5)
