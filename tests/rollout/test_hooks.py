"""What an experiment does to episodes while they run: each hook against a run without it."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from inwit.core.errors import UserError
from inwit.rollout.collect import collect
from inwit.rollout.hooks import Hooks
from support import all_kinds, make_world, small_policy


@pytest.fixture
def parts() -> Any:
    world = make_world("calculator-v0", max_operators=2)
    tasks = world.sample(all_kinds(world, 2), torch.Generator().manual_seed(0))
    return world, small_policy("gru", world), tasks


def test_a_forced_token_is_written_and_read(parts: Any) -> None:
    world, policy, tasks = parts
    plain = collect(world, policy, tasks)
    assert plain.memories == ()
    assert plain.outputs is None
    force = torch.full((len(tasks), 2), -1)
    force[:, 1] = world.vocabulary.id("b")
    forced = collect(world, policy, tasks, hooks=Hooks(force=force))
    assert torch.equal(forced.tokens[:, 0], plain.tokens[:, 0])
    assert bool((forced.tokens[:, 1] == world.vocabulary.id("b")).all())
    assert not torch.equal(forced.tokens[:, 2:6], plain.tokens[:, 2:6])


def test_a_memory_may_be_told_something_else(parts: Any) -> None:
    """The machine does what is written; the policy goes on as if another token had been."""
    world, policy, tasks = parts
    force = torch.full((len(tasks), 2), world.vocabulary.id("a"))
    force[:, 0] = world.vocabulary.id("LOAD")
    told = force.clone()
    told[:, 1] = world.vocabulary.id("b")
    lied = collect(world, policy, tasks, hooks=Hooks(force=force, feed=told, record=True))
    true = collect(world, policy, tasks, hooks=Hooks(force=told, record=True))
    assert bool((lied.tokens[:, 1] == world.vocabulary.id("a")).all())
    assert torch.equal(lied.memories[2]["hidden"], true.memories[2]["hidden"])


def test_an_edit_is_what_the_policy_answers_from(parts: Any) -> None:
    """The recorded memories put back give the same episodes; those of another order give other ones."""
    world, policy, tasks = parts
    recorded = collect(world, policy, tasks, hooks=Hooks(record=True))
    assert recorded.outputs is not None
    assert len(recorded.memories) == recorded.tokens.shape[1]
    same = collect(world, policy, tasks, hooks=Hooks(edit=lambda t, memory, state: recorded.memories[t]))
    assert torch.equal(same.tokens, recorded.tokens)
    other = collect(
        world, policy, tasks, hooks=Hooks(edit=lambda t, memory, state: {"hidden": memory["hidden"].roll(1, 0)})
    )
    assert not torch.equal(other.tokens[:, :3], recorded.tokens[:, :3])


def test_a_policy_that_cannot_answer_is_refused(parts: Any) -> None:
    world, policy, tasks = parts

    class Deaf:
        def begin(self, *prompt: Any) -> Any:
            return policy.begin(*prompt)

        def step(self, token: Any, memory: Any) -> Any:
            return policy.step(token, memory)

    with pytest.raises(UserError, match="Deaf has no read"):
        collect(world, Deaf(), tasks, hooks=Hooks(edit=lambda t, memory, state: memory))  # pyright: ignore[reportArgumentType]


def test_a_forced_answer_is_what_the_world_had_not_decided() -> None:
    """In tasks that are not drawn: each answer is written, heard and legal, and each leads to its own episode."""
    world = make_world("lookup-v0", num_values=3)
    asked = world.vocabulary.ids(["F", "1"])
    tasks = world.task({"query": "F 1"}).repeat_interleave(3)
    answers = torch.tensor(world.vocabulary.ids(["0", "1", "2"]))
    force = torch.tensor([asked]).repeat(3, 1)
    told = world.vocabulary.ids(["ANS", "1"])
    force = torch.cat([force, answers[:, None], torch.tensor([told]).repeat(3, 1)], 1)
    rollout = collect(world, small_policy("gru", world), tasks, hooks=Hooks(force=force))
    assert torch.equal(rollout.tokens, force)
    assert rollout.chosen[0].tolist() == [True, True, False, True, True]
    assert rollout.legal[:, 2].nonzero().tolist() == [[row, int(answer)] for row, answer in enumerate(answers)]
    assert not bool(rollout.log_probs[:, 2].any())
    assert rollout.success.tolist() == [False, True, False]
    with pytest.raises(UserError, match="not drawn"):
        collect(world, small_policy("gru", world), tasks, hooks=Hooks(force=force[:, :2]))
