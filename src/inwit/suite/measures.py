"""What is measured of agents in worlds that never answer. Every program of the random policy is followed where that is
possible, so most extremes are exact."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from inwit import worlds
from inwit.core.capabilities import FAR, Causal, capable
from inwit.core.contracts import Agent, World
from inwit.core.errors import UserError
from inwit.core.intervals import pass_at_k_interval
from inwit.core.isolation import on_own_terms
from inwit.core.settings import Settings
from inwit.core.types import State, Tasks
from inwit.evidence.away import DEPTHS, after_token, away
from inwit.rollout.collect import collect
from inwit.rollout.hooks import Hooks
from inwit.suite.ability import Figure
from inwit.suite.chances import random_figure, rows_of
from inwit.worlds.examination import exam_of
from inwit.worlds.oracle.constant import answers_of, right_on, yardstick
from inwit.worlds.oracle.programs import OraclePrograms

NOT_FORCED = -1
Deviations = tuple[Tasks, Int[Tensor, "D T"]]


class Solved:
    """The share of problems that are solved, each kind weighing the same; all can be. With an interval where the
    world's exam is a sample. For worlds in which identity decides."""

    name = "success"

    def of(self, agent: Agent, kinds: Sequence[int]) -> Figure:
        right, asked = torch.zeros(2, len(agent.world.kinds), dtype=torch.float64)
        with on_own_terms(agent.threads):
            for tasks in exam_of(agent.world).tasks(kinds, agent.device):
                success = collect(agent.world, agent.policy, tasks).success
                right.index_add_(0, tasks.kind.cpu(), success.double().cpu())
                asked.index_add_(0, tasks.kind.cpu(), torch.ones(len(tasks), dtype=torch.float64))
        places = torch.tensor(list(kinds))
        shares, least = right[places] / asked[places], int(asked[places].min())
        if exam_of(agent.world).proven:
            return Figure(float(shares.mean()))
        # As if each kind had been asked as seldom as the one that was asked the least: at most too wide.
        counts = (shares * least).round().long().numpy()
        return Figure(float(shares.mean()), pass_at_k_interval(counts, least, 1, sampled=False))

    def random(self, world: World, kinds: Sequence[int]) -> Figure:
        """It reads no prompt, so a problem of each kind tells of all: identity decides."""
        if not capable(world, "identity"):
            raise UserError(f"in {world.id} a problem of a kind does not tell of the others: identity does not decide")
        tasks = Tasks.joined([next(exam_of(world).tasks([kind], "cpu"))[:1] for kind in kinds])
        return random_figure(world, world.reset(tasks))

    def optimum(self, world: World, kinds: Sequence[int]) -> float:
        return 1.0


class BeyondLuck:
    """The share of those problems that are solved on which the shortcut is wrong: the best constant program that is
    shorter than the shortest right one. Who has found the shortcut alone is right on none of them. Each kind weighs the
    same. For worlds whose constant programs can be searched."""

    name = "success where the shortcut is wrong"

    def of(self, agent: Agent, kinds: Sequence[int]) -> Figure:
        shares = []
        with on_own_terms(agent.threads):
            for kind in kinds:
                right = [
                    collect(agent.world, agent.policy, tasks).success.cpu()
                    for tasks in exam_of(agent.world).tasks([kind], agent.device)
                ]
                shares.append(float(torch.cat(right)[_unlucky(agent.world, kind)].double().mean()))
        return Figure(sum(shares) / len(shares))

    def random(self, world: World, kinds: Sequence[int]) -> Figure:
        shares = []
        for kind in kinds:
            unlucky = _unlucky(world, kind)
            programs = answers_of(world.id, kind, world.settings)
            each = ((p, right_on(world.id, kind, tokens, world.settings)) for tokens, p in programs.items())
            shares.append(sum(p * float(torch.from_numpy(right)[unlucky].double().mean()) for p, right in each))
        return Figure(sum(shares) / len(shares))

    def optimum(self, world: World, kinds: Sequence[int]) -> float:
        return 1.0


def _unlucky(world: World, kind: int) -> Bool[Tensor, " N"]:
    shortcut = yardstick(world.id, kind, world.settings).shortcut
    if shortcut is None:
        raise UserError(f"{world.kinds.names[kind]} of {world.id} has no shortcut: nobody can be right by luck alone")
    return ~torch.from_numpy(right_on(world.id, kind, shortcut.tokens, world.settings))


class Recovered:
    """The share of deviations after which the agent ends right all the same. The first tokens of a shortest program are
    forced, and then one legal token that is not the program's, before each of its tokens but the last. The same
    deviations are forced on everybody, also on who cannot solve the task undisturbed. Where no right end is left within
    the budget they are left out. Each deviation weighs the same. For worlds that are `causal`."""

    name = "success after a forced deviation"

    def of(self, agent: Agent, kinds: Sequence[int]) -> Figure:
        tasks, force = deviations(agent.world, tuple(kinds))
        hooks = Hooks(force=force.to(agent.device))
        with on_own_terms(agent.threads):
            success = collect(agent.world, agent.policy, tasks.to(agent.device), hooks=hooks).success
        return Figure(float(success.double().mean()))

    def random(self, world: World, kinds: Sequence[int]) -> Figure:
        tasks, force = deviations(world, tuple(kinds))
        return random_figure(world, _after(_causal(world), tasks, force))

    def optimum(self, world: World, kinds: Sequence[int]) -> float:
        return 1.0


def _causal(world: World) -> Causal:
    if causal := capable(world, "causal"):
        return causal
    raise UserError(f"the world {world.id} cannot tell how far a state is from a right end")


def deviations(world: World, kinds: tuple[int, ...]) -> tuple[Tasks, Int[Tensor, "D T"]]:
    """D deviations: their tasks, and what is forced, filled up with -1. Sought once for equal worlds."""
    return _deviations(world.id, world.settings, kinds)


@cache
def _deviations(world_id: str, settings: Settings, kinds: tuple[int, ...]) -> Deviations:
    causal = _causal(worlds.make(world_id, **settings.to_dict()))
    asked = Tasks.joined(list(exam_of(causal).tasks(kinds, "cpu")))
    programs = OraclePrograms(causal)(asked)
    lengths = (programs >= 0).sum(1)
    state, found = causal.reset(asked), list[tuple[Tensor, Tensor]]()
    for at in range(int(lengths.max()) - 1):
        legal = causal.legal(state) & (at < lengths - 1)[:, None]
        legal.scatter_(1, programs[:, at].clamp(min=0)[:, None], False)
        row, token = legal.nonzero().unbind(1)
        force = torch.cat([programs[row, :at], token[:, None]], 1)
        force = torch.nn.functional.pad(force, (0, int(lengths.max()) - at - 1), value=NOT_FORCED)
        possible = _possible(causal, asked[row], rows_of(state, row), token)
        found.append((row[possible], force[possible]))
        state = after_token(causal, state, programs[:, at].clamp(min=0))
    row, force = (torch.cat(parts) for parts in zip(*found, strict=True))
    return asked[row], force


def _possible(causal: Causal, tasks: Tasks, state: State, token: Int[Tensor, " D"]) -> Bool[Tensor, " D"]:
    """Whether a right end is left after the token, within the budget and within the reach of the search."""
    after, step = causal.step(state, token)
    left = (causal.max_steps - after["steps"]).clamp(max=DEPTHS[-1])
    return (away(causal, tasks, after, left) < FAR) & ~step.terminated & ~step.truncated


def _after(causal: Causal, tasks: Tasks, force: Int[Tensor, "D T"]) -> State:
    """The machine after what is forced: as many tokens in each row as there are."""
    state = causal.reset(tasks)
    for column in force.unbind(1):
        following = after_token(causal, state, column.clamp(min=0))
        state = {
            name: torch.where((column >= 0).view(-1, *[1] * (value.dim() - 1)), following[name], value)
            for name, value in state.items()
        }
    return state
