"""Abilities in worlds that never answer: the agent writes a program, and learns at its end whether it was right."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from inwit.core.contracts import Agent, World
from inwit.core.intervals import share_interval
from inwit.core.isolation import on_own_terms
from inwit.core.seeding import stream
from inwit.core.types import Tasks
from inwit.rollout.collect import collect
from inwit.suite.ability import Ability, Experiment, Figure
from inwit.worlds.examination import exam_of

EPISODES = 20_000  # of the random policy


class Solved:
    """The share of problems that are solved, each kind weighing the same; 1 is possible."""

    name = "success"

    def of(self, agent: Agent, kinds: Sequence[int]) -> Figure:
        right = torch.zeros(len(agent.world.kinds), dtype=torch.float64)
        asked = torch.zeros_like(right)
        with on_own_terms(agent.threads):
            for tasks in exam_of(agent.world).tasks(kinds, agent.device):
                success = collect(agent.world, agent.policy, tasks).success
                right.index_add_(0, tasks.kind.cpu(), success.double().cpu())
                asked.index_add_(0, tasks.kind.cpu(), torch.ones(len(tasks), dtype=torch.float64))
        places = torch.tensor(list(kinds))
        return Figure(float((right[places] / asked[places]).mean()))

    def random(self, world: World, kinds: Sequence[int]) -> Figure:
        generator = stream(0, "suite random")
        kind = torch.tensor(list(kinds)).repeat_interleave(max(1, EPISODES // len(kinds)))
        right = _random_success(world, world.sample(kind, generator), generator)
        return Figure(right / len(kind), share_interval(right, len(kind)))

    def optimum(self, world: World, kinds: Sequence[int]) -> float:
        return 1.0


def _random_success(world: World, tasks: Tasks, generator: torch.Generator) -> float:
    """How many episodes of the uniformly random legal policy end right."""
    state, alive, right = world.reset(tasks), torch.ones(len(tasks), dtype=torch.bool), 0.0
    while bool(alive.any()):
        chances = world.legal(state).double()
        token = torch.where(alive, torch.multinomial(chances, 1, generator=generator)[:, 0], 0)
        state, step = world.step(state, token)
        right += float((step.success & alive).sum())
        alive = alive & ~(step.terminated | step.truncated)
    return right


def by_stage(world: World) -> dict[str, list[int]]:
    """The kinds of each stage; of the calculator's a stage is a number of operators."""
    levels: dict[str, list[int]] = {}
    for kind, stage in enumerate(world.kinds.stages):
        levels.setdefault(str(stage), []).append(kind)
    return levels


READING = Ability(
    name="reading",
    about="Reads which operators a prompt names, and their order.",
    knob="operators",
    experiments=(
        Experiment(
            name="calculator",
            settings={
                "world": {"id": "calculator-v0", "max_operators": 1},
                "curriculum": {"id": "learnability"},
                "training": {"episodes": 128, "learning_rate": 0.01},
            },
            measure=Solved(),
            levels=by_stage,
            tokens=200_000,
        ),
    ),
)
