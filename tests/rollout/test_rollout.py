"""Collecting: what is recorded is what happened."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
import torch

from inwit import worlds
from inwit.core.distributions import choose, gumbel, masked_log_softmax
from inwit.core.errors import UserError
from inwit.core.types import Output, Rollout, Tasks
from inwit.rollout.collect import collect, refuse_faulty
from support import all_kinds, make_world, small_policy

WORLDS = ["tutorial-v0", "tutorial-v1"]


def problems_of(world: Any, each: int = 10) -> Tasks:
    return world.sample(all_kinds(world, each), torch.Generator().manual_seed(0))


def rollout_of(world: Any, *, seed: int | None = 1, policy: Any = None, each: int = 10, **options: Any) -> Rollout:
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    return collect(
        world, policy or small_policy("gru", world), problems_of(world, each), generator=generator, **options
    )


@pytest.mark.parametrize("masks", [True, False])
@pytest.mark.parametrize("world_id", WORLDS)
def test_a_rollout_is_what_the_scalar_twin_tells(world_id: str, masks: bool) -> None:
    """Row by row: the recorded tokens, played by hand, give the recorded rewards, flags and legal tokens."""
    world = make_world(world_id, masks=masks)
    rollout = rollout_of(world)
    for row, task in enumerate(world.describe(rollout.tasks)):
        twin = worlds.make_scalar(world_id, task, **world.settings.to_dict())
        for column, token in enumerate(rollout.tokens[row].tolist()):
            assert bool(rollout.live[row, column]) is not twin.ended
            assert bool(rollout.chosen[row, column]) is not twin.ended
            if twin.ended:
                assert float(rollout.reward[row, column]) == 0
                assert token == world.vocabulary.id("EOS")
                continue
            legal = twin.legal() if masks else list(range(len(world.vocabulary)))
            assert rollout.legal[row, column].nonzero()[:, 0].tolist() == legal
            twin.step(token)
        assert bool(rollout.terminated[row]) is twin.terminated
        assert bool(rollout.truncated[row]) is twin.truncated
        assert bool(rollout.success[row]) is bool(twin.success)
        assert float(rollout.returns[row]) == pytest.approx(float(twin.reward), abs=1e-6)
        assert {name: bool(flags[row]) for name, flags in rollout.extra.items()} == {
            name: bool(value) for name, value in twin.extra.items()
        }


FAILING = {"fail": 0.3, "broken": 0.2, "sure_price": 0.1, "max_steps": 9}


@pytest.mark.parametrize("masks", [True, False])
@pytest.mark.parametrize("settings", [{}, FAILING])
def test_a_rollout_in_a_world_that_answers(settings: dict[str, Any], masks: bool) -> None:
    """The stream, fed to the twin: the world's tokens are those that it must write, and they alone are legal there; the
    policy chose all others. Counts are the twin's."""
    world = make_world("lookup-v0", masks=masks, **settings)
    rollout = rollout_of(world, each=8)
    written, forced = 0, rollout.live & ~rollout.chosen
    for row, task in enumerate(world.describe(rollout.tasks)):
        twin = worlds.make_scalar(world.id, task, **world.settings.to_dict())
        for column in range(int(rollout.live[row].sum())):
            token, legal = int(rollout.tokens[row, column]), rollout.legal[row, column].nonzero()[:, 0].tolist()
            assert bool(rollout.chosen[row, column]) is (twin.forced() == -1)
            if twin.forced() == -1:
                assert legal == (twin.legal() if masks else list(range(len(world.vocabulary))))
            else:
                assert legal == twin.legal() == [token]
                written += 1
            twin.step(token)
        assert twin.ended
        assert int((rollout.live & rollout.chosen)[row].sum()) == twin.steps
        assert {name: int(counts[row]) for name, counts in rollout.counts.items()} == twin.counts
        assert float(rollout.returns[row]) == pytest.approx(float(twin.reward), abs=1e-6)
        assert bool(rollout.success[row]) is twin.success
    assert written > 20
    assert not bool(rollout.log_probs[forced].any()), "What the world must write is certain: its log-probability is 0."


@pytest.mark.parametrize("settings", [{}, FAILING])
def test_tasks_that_are_not_drawn_are_refused_in_one_line(settings: dict[str, Any]) -> None:
    """At once, or where shapes must not depend on the data when the rollout is looked at; drawn, they are not."""
    world = make_world("lookup-v0", **settings)
    tasks, policy = world.all_tasks([0, 1]), small_policy("gru", world)
    sampling: dict[str, Any] = {"generator": torch.Generator().manual_seed(1)}
    with pytest.raises(UserError, match=r"not drawn.*lookup-v0.*draw\(tasks, generator\)") as refused:
        collect(world, policy, tasks, **sampling)
    assert "\n" not in str(refused.value)
    late = collect(world, policy, tasks, leave_early=False, **sampling)
    with pytest.raises(UserError, match="not drawn"):
        refuse_faulty(world, late)
    drawn = world.draw(tasks, torch.Generator().manual_seed(2))
    assert len(collect(world, policy, drawn, **sampling).tasks) == len(tasks)


@pytest.mark.parametrize("world_id", WORLDS)
def test_outputs_are_a_replay_of_the_tokens(world_id: str) -> None:
    """Values and log-probabilities belong to the column whose token they predicted."""
    world = make_world(world_id)
    policy = small_policy("gru", world)
    rollout = rollout_of(world, policy=policy, keep_graph=True)
    replayed = policy.replay(rollout.prompt, rollout.prompt_mask, rollout.stage, rollout.tokens)
    assert rollout.outputs is not None
    torch.testing.assert_close(rollout.outputs.logits, replayed.logits, atol=1e-5, rtol=0)
    torch.testing.assert_close(rollout.values, replayed.value.detach(), atol=1e-5, rtol=0)
    log_probs = torch.log_softmax(replayed.logits.detach().masked_fill(~rollout.legal, -1e9), -1)
    expected = log_probs.gather(-1, rollout.tokens[..., None])[..., 0]
    live = rollout.live
    torch.testing.assert_close(rollout.log_probs[live], expected[live], atol=1e-5, rtol=0)


def test_greedy_takes_the_likeliest_legal_token() -> None:
    world = make_world("tutorial-v1")
    rollout = rollout_of(world, seed=None, keep_graph=True)
    assert rollout.outputs is not None
    best = rollout.outputs.logits.masked_fill(~rollout.legal, float("-inf")).argmax(-1)
    assert torch.equal(rollout.tokens[rollout.live], best[rollout.live])
    assert torch.equal(rollout.tokens, rollout_of(world, seed=None).tokens)


def test_sampling_follows_its_seed() -> None:
    world = make_world("tutorial-v1")
    assert torch.equal(rollout_of(world, seed=1).tokens, rollout_of(world, seed=1).tokens)
    assert not torch.equal(
        rollout_of(world, seed=1, leave_early=False).tokens, rollout_of(world, seed=2, leave_early=False).tokens
    )
    assert not torch.equal(
        rollout_of(world, seed=1, leave_early=False).tokens, rollout_of(world, seed=None, leave_early=False).tokens
    )


@pytest.mark.parametrize("masks", [True, False])
def test_sampled_frequencies_are_the_probabilities(masks: bool) -> None:
    """Many episodes on one problem: the first token, and the second after the commonest first one, come as often as
    the policy says. Chi-square over the tokens, with a limit of five standard deviations."""
    world = make_world("tutorial-v1", masks=masks)
    policy = small_policy("gru", world, seed=3)
    size = 20_000
    problem = world.task({"stage": 1, "operands": [3, 5, 1, 7]})
    generator = torch.Generator().manual_seed(6)
    rollout = collect(world, policy, problem, group_size=size, generator=generator, keep_graph=True)
    assert rollout.outputs is not None
    common = int(rollout.tokens[:, 0].mode().values)
    for column, rows in ((0, torch.ones(size, dtype=torch.bool)), (1, rollout.tokens[:, 0] == common)):
        first = int(rows.nonzero()[0])
        logits = rollout.outputs.logits.detach()[first, column].masked_fill(~rollout.legal[first, column], -1e9)
        expected = torch.softmax(logits.double(), -1) * int(rows.sum())
        counts = torch.bincount(rollout.tokens[rows, column], minlength=len(world.vocabulary)).double()
        possible = expected > 0
        assert not bool(counts[~possible].any()), "A token without probability was drawn."
        assert int(possible.sum()) > 1
        chi_square = float(((counts - expected)[possible].square() / expected[possible]).sum())
        freedom = int(possible.sum()) - 1
        assert chi_square < freedom + 5 * (2 * freedom) ** 0.5, f"Column {column}: chi-square is {chi_square:.1f}."


def test_gumbel_noise_has_its_moments() -> None:
    noise = gumbel((200_000,), torch.Generator().manual_seed(0))
    assert bool(torch.isfinite(noise).all())
    assert float(noise.mean()) == pytest.approx(0.5772, abs=0.01)
    assert float(noise.var()) == pytest.approx(3.14159**2 / 6, abs=0.03)


def test_illegal_tokens_are_neither_chosen_nor_likely() -> None:
    logits = torch.tensor([[50.0, 1.0, 2.0]])
    legal = torch.tensor([[False, True, True]])
    assert int(choose(logits, legal, None)) == 2
    assert int(choose(logits, legal, torch.tensor([[99.0, 9.0, 0.0]]))) == 1
    log_probs = masked_log_softmax(logits, legal)
    assert float(log_probs.exp()[0, 0]) == 0
    assert bool(torch.isfinite(log_probs).all())
    assert float(log_probs.exp().sum()) == pytest.approx(1)


@pytest.mark.parametrize("after_end", [True, False])
def test_with_masks_no_illegal_token_is_written(after_end: bool) -> None:
    world = make_world("tutorial-v1")
    rollout = rollout_of(world, each=200, after_end=after_end)
    written = rollout.legal.gather(-1, rollout.tokens[..., None])[..., 0]
    assert bool(written[rollout.chosen].all())


def test_without_masks_illegal_tokens_are_written() -> None:
    world = make_world("tutorial-v1", masks=False)
    rollout = rollout_of(world, each=50)
    assert bool(rollout.legal[rollout.chosen].all()), "legal is what the policy may write: without masks, everything."
    tokens = rollout.tokens[:, 0]
    assert bool((tokens == world.vocabulary.id("EOS")).any())


def test_after_the_end_the_policy_writes_on() -> None:
    """To the last column, without effect; `live` still tells where the episode ended."""
    world = make_world("tutorial-v0", max_steps=6)
    plain, on = rollout_of(world, leave_early=False), rollout_of(world, after_end=True)
    assert on.tokens.shape[1] == world.num_columns
    assert bool(on.chosen.all())
    assert bool((~on.live).any()), "No episode ended early: the test would prove nothing."
    assert torch.equal(on.live, plain.live)
    assert torch.equal(on.tokens[on.live], plain.tokens[plain.live])
    assert torch.equal(on.reward, plain.reward)
    assert torch.equal(on.success, plain.success)
    eos = world.vocabulary.id("EOS")
    assert bool((plain.tokens[~plain.live] == eos).all())
    assert not bool((on.tokens[~on.live] == eos).all()), "After the end the policy chooses."
    assert not bool(plain.chosen[~plain.live].any())


def test_leaving_early_leaves_nothing_out() -> None:
    """The columns that both have are equal; those left out hold no live token."""
    world = make_world("tutorial-v1", max_steps=9)
    short, long = rollout_of(world, each=1), rollout_of(world, each=1, leave_early=False)
    width = short.tokens.shape[1]
    assert long.tokens.shape[1] == 9
    assert width < 9, "No early leave happened: the test would prove nothing."
    for name in ("tokens", "legal", "live", "chosen", "log_probs", "values", "reward"):
        assert torch.equal(getattr(short, name), getattr(long, name)[:, :width]), f"{name} differs."
    for name in ("terminated", "truncated", "success"):
        assert torch.equal(getattr(short, name), getattr(long, name)), f"{name} differs."
    assert not bool(long.live[:, width:].any())
    assert bool(short.live[:, -1].any()), "It could have left a column earlier."


@pytest.mark.parametrize("world_id", WORLDS)
def test_a_world_that_cannot_tell_what_was_achieved_says_so(world_id: str) -> None:
    with pytest.raises(UserError, match=f"{world_id} cannot tell what a program achieved"):
        rollout_of(make_world(world_id), achieved=True)


def test_the_graph_is_kept_on_demand() -> None:
    world = make_world("tutorial-v1")
    with_graph, without = rollout_of(world, keep_graph=True), rollout_of(world)
    assert with_graph.outputs is not None
    assert with_graph.outputs.logits.requires_grad
    assert without.outputs is None
    for item in fields(Rollout):
        value = getattr(with_graph, item.name)
        if isinstance(value, torch.Tensor):
            assert not value.requires_grad, f"{item.name} must be detached."
    for name in ("tokens", "log_probs", "values"):
        assert torch.equal(getattr(with_graph, name), getattr(without, name))


def test_the_global_generator_is_left_alone() -> None:
    before = torch.get_rng_state()
    rollout_of(make_world("tutorial-v1"))
    rollout_of(make_world("tutorial-v1"), seed=None)
    assert torch.equal(torch.get_rng_state(), before)


def test_groups_are_consecutive_rows() -> None:
    world = make_world("tutorial-v1")
    rollout = rollout_of(world, group_size=4, each=2)
    operands = rollout.tasks.data["operands"].view(-1, 4, 5)
    assert bool((operands == operands[:, :1]).all())
    assert (len(rollout.prompt), len(rollout.stage), len(rollout.tokens)) == (6, 6, 24)
    assert rollout.group_size == 4


class Script:
    """A policy that wants to write the same token always, with a value that counts columns."""

    def __init__(self, token: int, size: int) -> None:
        self.token, self.size = token, size

    def begin(self, prompt: Any, mask: Any, stage: Any) -> Any:
        return self.answer(torch.zeros(len(prompt)))

    def step(self, token: Any, memory: Any) -> Any:
        return self.answer(memory["column"] + 1)

    def answer(self, column: torch.Tensor) -> Any:
        logits = torch.zeros(len(column), self.size)
        logits[:, self.token] = 9.0
        return Output(logits, column), {"column": column}


def test_columns_and_values_line_up() -> None:
    world = make_world("tutorial-v1", masks=False, max_steps=5)
    script = Script(world.vocabulary.id("STO"), len(world.vocabulary))
    rollout = rollout_of(world, seed=None, policy=script, each=1)
    assert rollout.values.tolist() == [[0, 1, 2, 3, 4]] * 3
    assert bool((rollout.tokens == script.token).all())
    assert rollout.truncated.tolist() == [True] * 3
    assert float(rollout.log_probs[0, 0]) == pytest.approx(9 - torch.log(torch.tensor(9.0).exp() + 17).item(), abs=1e-5)


def test_tasks_are_rows() -> None:
    world = make_world("tutorial-v1")
    tasks = problems_of(world, 2)
    assert len(tasks) == 6
    some = tasks[torch.tensor([4, 1])]
    assert world.describe(some) == [world.describe(tasks)[4], world.describe(tasks)[1]]
    twice = tasks.repeat_interleave(2)
    assert world.describe(twice)[:4] == [world.describe(tasks)[i] for i in (0, 0, 1, 1)]
    assert world.describe(replace(tasks).to("cpu")) == world.describe(tasks)
