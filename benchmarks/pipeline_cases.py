"""What `benchmarks/pipeline.py` compares: the agents, the worlds in which they are at home, and changes of these worlds
that nobody tells the agents of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from statistics import fmean
from typing import Any

import torch
from torch import Tensor

import inwit
from inwit import worlds
from inwit.core.contracts import Agent, World
from inwit.core.seeding import stream
from inwit.evaluation.exact import refuse_unfit
from inwit.evaluation.expanding import expand
from inwit.rollout.collect import collect
from inwit.worlds.lookup.beliefs import Heard
from inwit.worlds.lookup.oracle import claimed, outcome, value_of
from inwit.worlds.lookup.queries import queries_of
from inwit.worlds.lookup.tensors import LookupV0
from inwit.worlds.lookup.turns import Situation
from inwit.worlds.lookup.yardsticks import classes_of, mean_least_calls
from inwit.worlds.oracle.shortest import shortest_table

SCRIPTS, NETS = ("pipeline", "react"), ("gru", "lstm", "transformer", "memoryless")
AGENTS = (*SCRIPTS, *NETS)
SEEDS = {"gru": 10, "lstm": 3, "transformer": 3, "memoryless": 3}
RETRAINED = {"gru": 3}  # seeds; one of each other network
RETRAINING = 60.0  # seconds of the processor, at the most
DOWN = "lookup-v0-one-down"
SEARCHED = 4  # operators: shortest programs of more take seconds each
FEW, DRAWN = 100, 16  # queries that are followed to every end; of more, hidden worlds drawn for each


class OneDown(LookupV0):
    """lookup-v0 in which the tool F is broken in every episode, and no other tool ever is."""

    id = DOWN

    def _draw(self, count: int, generator: torch.Generator) -> dict[str, Tensor]:
        return self._with_f_down(super()._draw(count, generator))

    def _undrawn(self, count: int, device: torch.device | str) -> dict[str, Tensor]:
        return self._with_f_down(super()._undrawn(count, device))

    def _with_f_down(self, hidden: dict[str, Tensor]) -> dict[str, Tensor]:
        broken = torch.zeros_like(hidden["broken"])
        broken[:, 0] = 1
        return hidden | {"broken": broken}


def register() -> None:
    """Make the changed worlds known that have a class of their own. Once in a process."""
    if DOWN not in worlds.WORLDS.names():
        worlds.WORLDS.register(DOWN, OneDown)


@dataclass(frozen=True)
class Home:
    """A world with its recipe. `policies` are what a network needs beside the recipe, by its name. A network that never
    solves everything is trained for a fixed number of updates."""

    recipe: str
    width: int  # the recipe's, which every network takes unless `policies` say otherwise
    policies: dict[str, dict[str, Any]]
    common: dict[str, Any] = field(default_factory=dict)
    taught: tuple[str, ...] = ()  # modules of that world that teach networks: hand-written, too
    seeds: dict[str, int] = field(default_factory=dict)  # where fewer than `SEEDS` are trained, for time

    def count(self, policy: str) -> int:
        """How many seeds of a network live here; of a script one."""
        return self.seeds.get(policy, SEEDS.get(policy, 1))

    def settings(self, policy: str, seed: int) -> dict[str, Any]:
        """The recipe's overrides for a network."""
        merged: dict[str, Any] = {"seed": seed, "policy": {"id": policy, "width": self.width}}
        for part in (self.common, self.policies.get(policy, {})):
            for name, values in part.items():
                merged[name] = {**merged.get(name, {}), **values}
        return merged


def _fixed(updates: int, **training: Any) -> dict[str, Any]:
    return {"training": {"confirm": False, "max_updates": updates, **training}}


_CALCULATOR = Home(
    "calculator",
    64,
    {
        "transformer": {"training": {"learning_rate": 0.003, "max_updates": 600}},
        "memoryless": _fixed(300),
    },
    # Its stages count operators: an agent that reads them knows none for a longer expression.
    {"policy": {"stage_aware": False}},
    ("calculator/thrift.py",),
)
HOMES = {
    "tutorial": Home(
        "tutorial",
        32,
        {
            "transformer": {"policy": {"width": 96}, "training": {"learning_rate": 0.003, "max_updates": 600}},
            "memoryless": _fixed(300),
        },
    ),
    "calculator": _CALCULATOR,
    "lookup": Home(
        "lookup",
        128,
        {
            "transformer": {"policy": {"width": 64}, "training": {"learning_rate": 0.003}},
            "memoryless": _fixed(200),
        },
        taught=("lookup/lessons.py",),
        seeds={"transformer": 1},
    ),
    "lookup-failing": Home(
        "lookup-failing",
        48,
        {
            "transformer": {"training": {"learning_rate": 0.003, "max_updates": 400}},
            "memoryless": _fixed(600),
        },
        taught=("lookup/lessons.py",),
        seeds={"gru": 5, "lstm": 1, "transformer": 1, "memoryless": 1},
    ),
    "calculator-2": Home(
        "calculator",
        64,
        _CALCULATOR.policies,
        _CALCULATOR.common | {"world": {"num_slots": 2}},
        seeds={"gru": 3, "lstm": 1, "transformer": 1, "memoryless": 1},
    ),
}
MAIN = ("tutorial", "calculator", "lookup", "lookup-failing")


@dataclass(frozen=True)
class Change:
    """Settings of a home's world that change; `world` takes the place of the world's id."""

    about: str
    home: str
    settings: dict[str, Any]
    world: str = ""


CHANGES = {
    "crossed": Change("`SUB x` computes x − acc", "calculator", {"crossed": ("SUB",)}),
    "no-slot": Change("one slot fewer: 1 → 0", "calculator", {"num_slots": 0}),
    "one-slot": Change("one slot fewer: 2 → 1", "calculator-2", {"num_slots": 1}),
    "budget": Change("budget cut to the longest optimum: 24 → 13 tokens", "calculator", {"max_steps": 13}),
    "fails": Change("a tool fails 30 % of the time", "lookup", {"fail": 0.3}),
    "lies": Change("a tool lies 10 % of the time", "lookup", {"lie": 0.1}),
    "calls": Change("budget cut to the longest optimum: 11 → 9 tokens", "lookup", {"max_steps": 9}),
    "down": Change("a tool, F, is broken for good", "lookup-failing", {}, DOWN),
    "prices": Change("prices reversed: .02 ↔ .10", "lookup-failing", {"price": 0.1, "sure_price": 0.02}),
}


def home_world(name: str) -> World:
    home = HOMES[name]
    part = inwit.resolve(home.recipe, **home.common).world
    return worlds.make(part.id, **part.settings.to_dict())


def changed_world(change: Change) -> World:
    register()
    before = home_world(change.home)
    return worlds.make(change.world or before.id, **{**before.settings.to_dict(), **change.settings})


def measure(agent: Agent) -> dict[str, float]:
    """What the greedy agent does in its world, exactly: `success`, and where the optimum is known what is spent or
    earned beside it. `solved` of `problems` are right for all inputs and whatever is hidden."""
    refuse_unfit(agent)
    family = next(each for each in _MEASURES if agent.world.id.startswith(each))
    return {name: round(value, 9) for name, value in _MEASURES[family](agent).items()}


def _tutorial(agent: Agent) -> dict[str, float]:
    rows = inwit.evaluate(agent).rows
    spent = [row.cost / row.best_cost for row in rows if row.cost and row.best_cost]
    found = {"success": fmean(row.success for row in rows)}
    solved = {"solved": sum(row.solved for row in rows), "problems": sum(row.problems for row in rows)}
    return found | solved | ({"cost_over_best": fmean(spent)} if spent else {})


def _calculator(agent: Agent) -> dict[str, float]:
    """A kind's greedy run decides it for all digits. `at_best`: right in as few tokens as the proven optimum. `most`:
    the share that has a right program within the budget at all."""
    world: Any = agent.world
    run, settings = collect(world, agent.policy, world.greedy_tasks()), world.settings
    lengths, kinds = (run.live & run.chosen).sum(1).tolist(), world.kinds
    known = settings.max_operators <= SEARCHED
    search = settings.max_operators, settings.num_slots, settings.tools, settings.crossed
    best = shortest_table(*search) if known else {}
    budgets = [settings.budget(stage + 1) for stage in kinds.stages]
    pairs = [(best[n].length if known else None, budget) for n, budget in zip(kinds.names, budgets, strict=True)]
    least = [length if length and length <= budget else None for length, budget in pairs]
    right = [
        (took, fewest) for ok, took, fewest in zip(run.success.tolist(), lengths, least, strict=True) if ok and fewest
    ]
    count = len(lengths)
    found = {"success": float(run.success.double().mean()), "solved": int(run.success.sum()), "problems": count}
    if known:
        found |= {"at_best": sum(took <= fewest for took, fewest in right) / count}
        found |= {"most": sum(length is not None for length in least) / count}
    return found | ({"cost_over_best": sum(t for t, _ in right) / sum(f for _, f in right)} if right else {})


def _lookup(agent: Agent) -> dict[str, float]:
    """Means over kinds. `value` is success less prices, `value_over_best` its share of the Bayes optimum's, over the
    kinds of which that is known (`known`). Over every hidden table and failure, where the ends are few enough; else
    each query is `drawn` so many times."""
    world: Any = agent.world
    settings, kinds = world.settings, range(len(world.kinds))
    fails = settings.fail or settings.broken or settings.deceives
    few = not fails or len(world.all_tasks(list(kinds))) < FEW
    rows = [_expanded(agent, kind) if few else _drawn(agent, kind) for kind in kinds]
    success, value, calls = (list(column) for column in zip(*rows, strict=True))
    best = [best_value(world, kind) for kind in kinds]
    known = [(mine, most) for mine, most in zip(value, best, strict=True) if most is not None]
    told = {"success": fmean(success), "value": fmean(value), "known": float(len(known))}
    told |= {} if few else {"drawn": float(DRAWN)}
    told |= {"value_over_best": sum(mine for mine, _ in known) / sum(most for _, most in known)} if known else {}
    if not fails:
        told["cost_over_best"] = sum(calls) / sum(float(mean_least_calls(settings, kind)) for kind in kinds)
    return told


def _expanded(agent: Agent, kind: int) -> tuple[float, float, float]:
    """Success, value and calls on a kind, in expectation."""
    world: Any = agent.world
    found = expand(world, agent.policy, world.all_tasks([kind]))
    assert not float(found.unexpanded.sum()), "some ends were not followed: draw these problems"
    return float(found.success.mean()), float(found.reward.mean()), float(found.counts["calls"].mean())


def _drawn(agent: Agent, kind: int) -> tuple[float, float, float]:
    """The same on hidden worlds that are drawn: the same ones for every agent."""
    world: Any = agent.world
    tasks, places = world.all_tasks([kind]), torch.arange(len(world.all_tasks([kind]))).repeat_interleave(DRAWN)
    runs = []
    for some in places.split(4096):
        drawn = world.draw(tasks[some], stream(int(some[0]), "benchmark of pipelines"))
        runs.append(collect(world, agent.policy, drawn))
    success = torch.cat([run.success for run in runs]).double().mean()
    value = torch.cat([run.reward.double().sum(1) for run in runs]).mean()
    calls = torch.cat([run.counts["calls"] for run in runs]).double().mean()
    return float(success), float(value), float(calls)


_MEASURES: dict[str, Callable[[Agent], dict[str, float]]] = {
    "tutorial": _tutorial,
    "calculator": _calculator,
    "lookup": _lookup,
}


def best_value(world: Any, kind: int) -> float | None:
    """The mean value of the optimum over the queries of a kind; None where the oracle claims nothing."""
    settings = world.settings
    if world.id == DOWN:
        return _best_with_f_down(settings, kind)
    if not claimed(settings, settings.queries[kind]):
        return None
    return _best(settings, kind)


@cache
def _best(settings: Any, kind: int) -> float:
    pairs = [(outcome(settings, query).value, count) for query, count in classes_of(settings, kind)]
    return float(sum(value * count for value, count in pairs) / sum(count for _, count in pairs))


@cache
def _best_with_f_down(settings: Any, kind: int) -> float:
    """The optimum of an agent that knows it: one that has heard sixty errors of F, where a tool is broken once in a
    million million. It is off by less than 1e-9."""
    knows = type(settings)(**{**settings.to_dict(), "broken": 1e-12})
    heard = tuple(Heard(cell=0, sure=False, value=None, call=call) for call in range(100))
    queries = list(queries_of(settings.queries[kind], settings.num_tools, settings.num_values))
    return float(sum(value_of(knows, query, Situation(heard)) for query in queries) / len(queries))
