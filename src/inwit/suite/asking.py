"""Measures in the world whose tools answer, exact: the agent is greedy, and all that it may hear is followed with its
probability."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from operator import attrgetter
from statistics import fmean
from typing import Any, cast

import torch
from jaxtyping import Int
from torch import Tensor

from inwit.core.contracts import Agent, World
from inwit.core.errors import UserError
from inwit.core.isolation import on_own_terms
from inwit.core.types import Expectation, State, Step, Tasks
from inwit.core.vocabulary import CHOICE
from inwit.evaluation.expanding import expand
from inwit.suite.ability import Figure
from inwit.worlds.lookup.graph import Node
from inwit.worlds.lookup.oracle import check_claimed
from inwit.worlds.lookup.queries import least_steps
from inwit.worlds.lookup.rules import LookupSettings
from inwit.worlds.lookup.search import ANSWER_STEPS
from inwit.worlds.lookup.searches import root
from inwit.worlds.lookup.yardsticks import Score, classes_of, scores


class Exact:
    """What an agent expects, each kind weighing the same; `read` is of its expectation, `known` of a yardstick. For
    worlds whose tools answer."""

    name: str

    def __init__(self, read: Callable[[Expectation], Tensor], known: Callable[[Score], Fraction]) -> None:
        self._read, self._known = read, known

    def of(self, agent: Agent, kinds: Sequence[int]) -> Figure:
        return _mean_of(agent, kinds, self._read)

    def random(self, world: World, kinds: Sequence[int]) -> Figure:
        return Figure(fmean(float(self._known(_score(world, kind, "random"))) for kind in kinds))

    def optimum(self, world: World, kinds: Sequence[int]) -> float:
        return fmean(float(self._known(_score(world, kind, "oracle"))) for kind in kinds)


class Success(Exact):
    """The probability of a right answer. For worlds in which the best possible agent is always right: what is known of
    it is its value, and where prices keep it from being right another agent may be right more often."""

    name = "success"

    def __init__(self) -> None:
        super().__init__(attrgetter("success"), attrgetter("success"))

    def optimum(self, world: World, kinds: Sequence[int]) -> float:
        best = super().optimum(world, kinds)
        if best < 1:
            raise UserError(f"the optimum is right with {best:.4f}, not always: measure value instead of success")
        return best


class Value(Exact):
    """Success less the prices of the calls."""

    name = "value"

    def __init__(self) -> None:
        super().__init__(attrgetter("reward"), attrgetter("value"))


class BothWays(Success):
    """The probability of being right on the same query twice: once if the first answer that it needs is odd, once if it
    is even; all else that is hidden is drawn anew. The mean over queries, each kind weighing the same.

    An agent that goes on alike whatever it hears may be right one way, and is no better than chance the other way. The
    uniformly random policy answers by chance, so both ways it is right as often."""

    name = "success, both if the first answer is odd and if it is even"

    def of(self, agent: Agent, kinds: Sequence[int]) -> Figure:
        world: Any = agent.world
        found = []
        for kind in kinds:
            tasks = with_first_answers(world.settings, world.all_tasks([kind], agent.device))
            with on_own_terms(agent.threads):
                success = expand(world, agent.policy, tasks).success.view(-1, world.settings.num_values)
            found.append(float((success[:, 0::2].mean(1) * success[:, 1::2].mean(1)).mean()))
        return Figure(fmean(found))

    def random(self, world: World, kinds: Sequence[int]) -> Figure:
        return Figure(fmean(float(_score(world, kind, "random").success ** 2) for kind in kinds))


def with_first_answers(settings: LookupSettings, queries: Tasks) -> Tasks:
    """Each query once for each value of the cell that its text needs first, drawn; values run fastest. Queries with two
    branches that are alike are left out: there no condition decides anything."""
    tools, ends = queries.data["tools"], queries.data["values"]
    alike = (tools[:, 1] == tools[:, 2]).all(1) & (ends[:, 1] == ends[:, 2]) & (ends[:, 2] >= 0)
    queries = queries[~alike]
    values = settings.num_values
    rows = torch.arange(len(queries), device=queries.kind.device).repeat_interleave(values)
    tasks = queries[rows]
    cell = tasks.data["tools"][:, 0, 0] * values + tasks.data["values"][:, 0]
    drawn = (torch.arange(len(rows), device=rows.device) % values).to(tasks.data["table"].dtype)
    table = tasks.data["table"].scatter(1, cell[:, None], drawn[:, None])
    return Tasks(tasks.kind, tasks.data | {"table": table})


class NoWaste:
    """The probability that the agent answers right, for certain, and spent no more than that took: each call asked the
    cell that the query needed next, by all that was heard before; none was a sure call; and at the answer nothing was
    open. For kinds of one term, where tools tell the truth and never fail. Each kind weighs the same."""

    name = "right, for certain, and no call in vain"

    def of(self, agent: Agent, kinds: Sequence[int]) -> Figure:
        strict = cast(World, Strict(agent.world))
        return _mean_of(replace(agent, world=strict), kinds, lambda expected: expected.success)

    def random(self, world: World, kinds: Sequence[int]) -> Figure:
        return Figure(fmean(float(_random_without_waste(_settings(world), kind)) for kind in kinds))

    def optimum(self, world: World, kinds: Sequence[int]) -> float:
        settings = _settings(world)
        for kind in kinds:
            if least_steps(settings.queries[kind]) > settings.max_steps:
                raise UserError(f"max_steps = {settings.max_steps} is too small for {settings.queries[kind]}")
        return 1.0


class Strict:
    """The world of tools that answer, in which an episode ends right only if no call was in vain and no luck helped.
    Nothing may be drawn beforehand."""

    def __init__(self, world: World) -> None:
        self._world: Any = world

    def __getattr__(self, name: str) -> Any:
        if name == "_world":  # a copy asks before it has one
            raise AttributeError(name)
        return getattr(self._world, name)

    def reset(self, tasks: Tasks) -> State:
        return self._world.reset(tasks) | {"wasted": torch.zeros_like(tasks.kind, dtype=torch.bool)}

    def step(self, state: State, token: Int[Tensor, " B"]) -> tuple[State, Step]:
        world = self._world
        chooses = world.forced(state) == CHOICE
        after, step = world.step(state, token)
        calls, answers = chooses & (after["calls"] > state["calls"]), chooses & (after["answer"] >= 0)
        needed = world.resolve(*(state[name] for name in ("table", "tools", "values", "operator")))[1]
        dear = state["pending"] >= world.settings.first_sure
        vain = (calls & (dear | (after["cell"] != needed))) | (answers & (needed >= 0))
        after["wasted"] = state["wasted"] | vain
        return after, replace(step, success=step.success & ~after["wasted"])


def _random_without_waste(settings: LookupSettings, kind: int) -> Fraction:
    """The probability that the uniformly random legal policy is right and wastes nothing, on a kind."""
    opened = Fraction(1, 1 + (settings.num_tools + 1) * (2 if settings.sure_price > 0 else 1))
    value = Fraction(1, settings.num_values)

    def chance(node: Node, steps: int) -> Fraction:
        if steps < ANSWER_STEPS:
            return Fraction(0)
        if node.right == 1:
            return opened * value
        move = node.moves[0]  # of one term the only cell that is needed next
        after = sum(each.share * chance(each.node, steps - move.steps) for each in move.results)
        return opened * value ** (move.steps - 1) * after

    queries = classes_of(settings, kind)
    total = sum(count * chance(root(settings, query), settings.max_steps) for query, count in queries)
    return Fraction(total) / sum(count for _, count in queries)


def _score(world: World, kind: int, name: str) -> Score:
    """Raises `UserError` where the oracle claims nothing."""
    settings = _settings(world)
    if name == "oracle":
        check_claimed(settings, settings.queries[kind])
    return scores(settings, kind)[name]


def _settings(world: World) -> LookupSettings:
    return cast(LookupSettings, world.settings)


def _mean_of(agent: Agent, kinds: Sequence[int], read: Callable[[Expectation], Tensor]) -> Figure:
    world: Any = agent.world
    with on_own_terms(agent.threads):
        found = [expand(world, agent.policy, world.all_tasks([kind], agent.device)) for kind in kinds]
    return Figure(fmean(float(read(each).mean()) for each in found))
