"""An agent that plays an environment writes what it writes in a rollout."""

from __future__ import annotations

import warnings
from typing import Any

import gymnasium
import pytest
import torch

import inwit
from golden_records import groups
from inwit.core.contracts import Agent
from inwit.core.errors import UserError
from inwit.gym import env_ids
from inwit.rollout.collect import collect
from inwit.worlds.vocabularies import other_tokens
from support import small_policy

ID_OF = {world: env_id for env_id, world in env_ids().items()}
EPISODES = 5
EACH = [
    *((world, "gru") for world in ID_OF),
    ("tutorial-v1", "pipeline"),
    ("calculator-v0", "transformer"),
    ("lookup-v0", "memoryless"),
]


def make(world_id: str, **settings: Any) -> Any:
    with warnings.catch_warnings():  # Gymnasium warns that there is a v1
        warnings.filterwarnings("ignore", ".*is out of date.*", DeprecationWarning)
        return gymnasium.make(ID_OF[world_id], **settings)


def agent(world: Any, name: str) -> Agent:
    """A script, or a policy with fresh weights, three times as large, so that it is sure of what it writes."""
    if name == "pipeline":
        return inwit.scripted("pipeline", world)
    policy = small_policy(name, world)
    with torch.no_grad():
        for weights in policy.parameters():
            weights.mul_(3)
    return Agent(world, policy)


def played(env: Any, act: Any, task: dict[str, Any]) -> list[int]:
    """The stream of an episode."""
    seen, info = env.reset(options=task)
    over = False
    while not over:
        seen, _, terminated, truncated, info = env.step(act(seen, info))
        over = terminated or truncated
    return list(env.unwrapped.stream)


@pytest.mark.parametrize(("world_id", "name"), EACH)
def test_as_in_a_rollout(world_id: str, name: str) -> None:
    for settings, records in groups(world_id, every=97)[:4]:
        env = make(world_id, **settings)
        world = env.unwrapped.world
        own = agent(world, name)
        act = inwit.gym.actor(own, env)
        for record in records[:EPISODES]:
            rollout = collect(world, own.policy, world.task(record.task))
            assert played(env, act, record.task) == rollout.tokens[0][rollout.live[0]].tolist()


def test_it_reads_what_was_written_in_its_place() -> None:
    """Also where the episode began without it."""
    env, task = make("tutorial-v1"), {"stage": 2, "operands": [5, 5, 7, 9, 8]}
    own = agent(env.unwrapped.world, "gru")
    act, late = (inwit.gym.actor(own, env) for _ in range(2))
    names = env.unwrapped.world.vocabulary
    first = act(env.reset(options=task)[0])
    other = next(names.id(name) for name in ("MUL", "ADD", "SUB") if names.id(name) != first)
    seen = env.step(other)[0]
    explained = inwit.explain(own, task, force={0: names.names[other]})
    assert act(seen) == act(seen) == late(seen) == names.id(explained.choices[1].token)


def test_a_word_is_an_agent() -> None:
    env = make("tutorial-v1")
    assert played(env, inwit.gym.actor("pipeline", env), {"stage": 0, "operands": [3, 4, 5]})
    assert env.unwrapped._info()["success"]


def test_what_does_not_fit() -> None:
    env = make("tutorial-v1")
    with pytest.raises(UserError, match="does not fit this environment: it writes the"):
        inwit.gym.actor("pipeline:calculator", env)
    with pytest.raises(UserError, match="is not one environment"):
        inwit.gym.actor("pipeline", gymnasium.make_vec(ID_OF["tutorial-v1"], num_envs=2))


def test_more_stages_than_the_agent_knows_are_refused_before_the_play() -> None:
    few, many = (make("calculator-v0", max_operators=most, names="any", letters=5) for most in (1, 4))
    own = agent(few.unwrapped.world, "gru")
    own.made_for = own.world
    assert own.policy.settings.stage_aware
    assert other_tokens(own.world, many.unwrapped.world) is None
    with pytest.raises(UserError, match=r"the agent does not fit this world: it knows \d stages?, and .* has \d"):
        inwit.gym.actor(own, many)
