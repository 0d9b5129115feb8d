"""Exact evaluation against a run on every hidden table, every set of broken tools and every pattern of failures."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor

import inwit
from hashed import Hashed
from inwit.core.types import Expectation, Rollout, Tasks
from inwit.evaluation.expanding import expand
from inwit.rollout.collect import collect
from support import first_fast, small_policy

FAILING = {"fail": 0.5, "broken": 0.25, "sure_price": 0.1}
SMALL = {"num_values": 2, "num_tools": 1, "max_steps": 6}
EVERY = {"queries": ("Tx", "TUx", "Tx?y:z", "Tx?Uy:Vz", "Tx*Uy")}
SETTINGS: list[dict[str, Any]] = [
    {**SMALL, **FAILING, **EVERY},
    {**SMALL, **EVERY, "num_tools": 2, "max_steps": 8},
    {**SMALL, **EVERY, "lie": 0.25, "sure_price": 0.1, "fail": 0.25},
    {**SMALL, **EVERY, "stale": 0.375, "sure_price": 0.05, "broken": 0.125},
    {**SMALL, **FAILING, "masks": False, "queries": ("TUx", "Tx*Uy")},
    {"num_values": 3, "num_tools": 2, "max_steps": 6, "queries": ("Tx", "TUx"), "fail": 0.5, "sure_price": 0.1},
    {"num_values": 3, "num_tools": 1, "max_steps": 9, "queries": ("TUx", "TUVx", "Tx?Uy:Vz"), "broken": 0.25},
    {"num_values": 3, "num_tools": 1, "max_steps": 6, "queries": ("TUx",), **FAILING, "lie": 0.25},
    {"num_values": 3, "num_tools": 1, "max_steps": 6, "queries": ("TUx",), "stale": 0.25, "sure_price": 0.1},
]
# The same with a table of n x n cells that is asked: too many worlds for a fast test.
LARGE: list[dict[str, Any]] = [
    {**SMALL, **EVERY, **FAILING, "lie": 0.25, "stale": 0.25},
    {"num_values": 3, "num_tools": 1, "max_steps": 9, "queries": ("Tx*Uy", "Tx")},
]
NEVER = dict.fromkeys(("*", "*!"), -10.0)


@pytest.mark.parametrize("seed", first_fast(range(4), 2))
@pytest.mark.parametrize("peaked", [False, True])
@pytest.mark.parametrize("settings", [*SETTINGS, *(pytest.param(s, marks=pytest.mark.slow) for s in LARGE)], ids=str)
def test_against_every_hidden_world(settings: dict[str, Any], peaked: bool, seed: int) -> None:
    world: Any = inwit.make("lookup-v0", **settings)
    asks_star = settings["num_values"] == 2 or "Tx*Uy" in settings["queries"]
    bias = {"ANS": 0.4 if peaked else 0.0} | ({} if asks_star else NEVER)
    check(world, Hashed(world, seed, bias), asks_star)


@pytest.mark.parametrize("seed", first_fast(range(4), 1))
@pytest.mark.parametrize("settings", SETTINGS[:4], ids=str)
def test_a_network_against_every_hidden_world(settings: dict[str, Any], seed: int) -> None:
    world: Any = inwit.make("lookup-v0", **settings)
    check(world, small_policy("gru", world, seed), asks_star=True)


def check(world: Any, policy: Any, asks_star: bool) -> None:
    queries = world.all_tasks(list(range(len(world.kinds))))
    found, hidden, weight = expand(world, policy, queries), *hidden_worlds(world, asks_star)
    for place in range(len(queries)):
        query = queries[torch.full((len(weight),), place)]
        drawn = world.draw(Tasks(query.kind, query.data | hidden), torch.Generator())
        rollout = collect(world, policy, drawn)
        if not asks_star:
            star = [world.vocabulary.id(name) for name in NEVER]
            assert not bool((torch.isin(rollout.tokens, torch.tensor(star)) & rollout.live).any())
        for name, value in brute(world, rollout, weight).items():
            of_query = value_of(found, name)[place]
            assert abs(float(of_query - value)) <= 1e-12, f"{name} of {world.describe(queries)[place]}"
    assert bool((found.unexpanded == 0).all())


def hidden_worlds(world: Any, asks_star: bool) -> tuple[dict[str, Tensor], Tensor]:
    """Every hidden part that can be, and its probability. What the agent never asks, `*` and its cells, may be left at
    0 if no query has it."""
    settings = world.settings
    ranges, names = [], []
    for name, (size, least, most, chance) in settings.hidden_sizes().items():
        for place in range(size):
            names.append(name)
            tool = settings.tool_of(place) if name in ("table", "drift") else place
            of_star = name in ("table", "drift", "broken", "stale") and tool == settings.num_tools
            if chance == 0.0 or (of_star and not asks_star):
                ranges.append([(least, 1.0)])
            elif chance != chance:
                ranges.append([(value, 1 / (most - least + 1)) for value in range(least, most + 1)])
            else:
                other = [(value, chance / most) for value in range(1, most + 1)]
                ranges.append([(0, 1 - chance), *other])
    values = torch.tensor([[value for value, _ in each] for each in product(*ranges)], dtype=torch.int8)
    weight = torch.ones(1, dtype=torch.float64)
    for each in ranges:
        weight = (weight[:, None] * torch.tensor([share for _, share in each], dtype=torch.float64)).flatten()
    parts = {name: values[:, [at for at, other in enumerate(names) if other == name]] for name in names}
    return parts, weight


def brute(world: Any, rollout: Rollout, weight: Tensor) -> dict[str, Tensor]:
    """What happens on all hidden worlds together."""
    taken = rollout.live & rollout.chosen
    stream = rollout.tokens.masked_fill(~rollout.live, -1)
    _, same = stream.unique(dim=0, return_inverse=True)
    doubted = torch.bincount(same[~rollout.success], minlength=int(same.max()) + 1) > 0
    prices = {"calls": world.settings.price, "sure_calls": world.settings.sure_price - world.settings.price}
    paid = sum(price * rollout.counts[name].double() for name, price in prices.items())
    found = {
        "success": rollout.success,
        "reward": rollout.success.double() - paid,
        "luck": rollout.success & doubted[same],
        "steps": taken.sum(1),
        **rollout.counts,
    }
    return {name: (weight * value.double()).sum() for name, value in found.items()}


def value_of(found: Expectation, name: str) -> Tensor:
    return found.counts[name] if name in found.counts else getattr(found, name)
