"""What every script must keep to, in every world that it knows. A script, and a world, are held to it by being
registered."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
import torch

from inwit import worlds
from inwit.core.errors import UserError
from inwit.core.types import map_rows
from inwit.rollout.collect import collect
from inwit.scripts import SCRIPTS, scripted
from inwit.scripts.script import Script
from inwit.worlds import WORLDS
from support import all_kinds, make_world

every_script = pytest.mark.parametrize("name", SCRIPTS.names())
every_world = pytest.mark.parametrize("world_id", WORLDS.names())
EACH = 2  # problems of each kind
STRANGE = 40  # tokens of a stream that makes no sense


@cache
def problems(world_id: str) -> tuple[Any, Any]:
    world = make_world(world_id, max_operators=2, names="any", letters=6)
    return world, world.sample(all_kinds(world, EACH), torch.Generator().manual_seed(0))


def script_of(agent: Any) -> Script:
    return agent.policy.script


def prompts(world: Any, tasks: Any) -> list[tuple[int, ...]]:
    tokens, mask = world.prompt(tasks)
    return [tuple(row[shown].tolist()) for row, shown in zip(tokens, mask, strict=True)]


def written(rollout: Any) -> list[list[int]]:
    return [row[live].tolist() for row, live in zip(rollout.tokens, rollout.live, strict=True)]


def by_hand(script: Script, world: Any, prompt: tuple[int, ...], stage: int, task: Any) -> list[int]:
    """One episode by the rules for one episode, the script in plain Python: what `Scripted` must write."""
    twin = worlds.make_scalar(world.id, task, **world.settings.to_dict())
    state, stream = script.begin(prompt, stage), list[int]()
    while not twin.ended:
        forced = twin.forced()
        token = script.write(state) if forced < 0 else forced
        assert token in twin.legal(), f"{world.vocabulary.names[token]} after {world.vocabulary.decode(stream)}"
        twin.step(token)
        stream.append(token)
        state = script.read(state, token)
    assert twin.terminated, f"no answer: {world.vocabulary.decode(stream)}"
    return stream


@every_world
@every_script
def test_it_writes_legal_tokens_until_it_answers_and_a_batch_writes_what_one_episode_does(
    name: str, world_id: str
) -> None:
    world, tasks = problems(world_id)
    agent = scripted(name, world)
    rows = zip(prompts(world, tasks), world.stage(tasks).tolist(), world.describe(tasks), strict=True)
    alone = [by_hand(script_of(agent), world, *row) for row in rows]
    rollout = collect(world, agent.policy, tasks)
    assert written(rollout) == alone
    assert bool(rollout.terminated.all())


@every_world
@every_script
def test_the_batch_does_not_matter(name: str, world_id: str) -> None:
    """Neither its size nor its order, nor what the agent has met before."""
    world, tasks = problems(world_id)
    whole = written(collect(world, scripted(name, world).policy, tasks))
    backwards = torch.arange(len(tasks)).flip(0)
    agent = scripted(name, world)
    assert written(collect(world, agent.policy, tasks[backwards])) == whole[::-1]
    few = torch.arange(0, len(tasks), max(1, len(tasks) // 7))
    for row in few.tolist():
        assert written(collect(world, agent.policy, tasks[row : row + 1])) == [whole[row]]


@every_world
@every_script
def test_rows_of_its_memory_are_taken_and_repeated(name: str, world_id: str) -> None:
    world, tasks = problems(world_id)
    policy = scripted(name, world).policy
    output, memory = policy.begin(*world.prompt(tasks), world.stage(tasks))
    output, memory = policy.step(output.logits.argmax(1), memory)
    rows = torch.arange(len(tasks)).flip(0).repeat_interleave(2)
    token = output.logits.argmax(1)
    one, _ = policy.step(token, memory)
    taken, _ = policy.step(token[rows], map_rows(memory, lambda tensor: tensor[rows]))
    assert torch.equal(taken.logits, one.logits[rows])
    assert torch.equal(policy.read(memory).logits, output.logits)


@every_world
@every_script
def test_it_needs_no_masks(name: str, world_id: str) -> None:
    world, tasks = problems(world_id)
    free = worlds.make(world_id, **{**world.settings.to_dict(), "masks": False})
    agent = scripted(name, world)
    before = written(collect(world, agent.policy, tasks))
    assert written(collect(free, replace(agent, world=free).policy, tasks)) == before
    assert written(collect(free, scripted(name, free).policy, tasks)) == before


@every_world
@every_script
def test_it_reads_any_stream(name: str, world_id: str) -> None:
    """Whatever is written in its place, it has a next token."""
    world, tasks = problems(world_id)
    script, chance = script_of(scripted(name, world)), random.Random(0)
    for prompt, stage in list(zip(prompts(world, tasks), world.stage(tasks).tolist(), strict=True))[
        :: max(1, len(tasks) // 8)
    ]:
        state = script.begin(prompt, stage)
        for _ in range(STRANGE):
            own = script.write(state)
            assert 0 <= own < len(world.vocabulary)
            state = script.read(state, chance.choice([own, chance.randrange(len(world.vocabulary))]))


@every_script
def test_a_world_that_it_does_not_know_is_refused(name: str) -> None:
    unknown = replace_id(make_world("tutorial-v1"), "somebodys-v3")
    with pytest.raises(UserError, match=r"knows .*tutorial-v1.* and not somebodys-v3: register .* docs/extending\.md"):
        scripted(name, unknown)


def replace_id(world: Any, name: str) -> Any:
    world.id = name
    return world
