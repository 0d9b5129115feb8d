"""Exact evaluation: the greedy agent on *every* problem, beside the oracle, the best shortcut and a random policy.

Reads `success` only, never rewards.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import torch

from inwit.core.contracts import Agent
from inwit.core.errors import UserError
from inwit.core.types import Rollout
from inwit.evaluation.groups import GroupEvaluation, evaluate_expressions
from inwit.rollout.collect import collect
from inwit.worlds.oracle.constant import Yardstick, yardstick

CHUNK = 4096  # rows at a time: few enough for the cache, enough to hide the cost of a call


@dataclass(frozen=True)
class StageResult:
    """One stage. Programs are token names; `oracle_*` is None where no constant program is right on every problem,
    and with `shortcut_*` and `random_success` where the world cannot be searched."""

    stage: int
    problems: int
    solved: int
    success: float
    mean_steps: float
    oracle_program: list[str] | None
    oracle_steps: int | None
    random_success: float | None
    shortcut_program: list[str] | None
    shortcut_success: float | None
    distinct_programs: int
    program: list[str]  # the program that the agent used most
    extra: dict[str, float] = field(default_factory=dict)  # further readings of success, as shares


@dataclass(frozen=True)
class Evaluation:
    world: str
    stages: list[StageResult]
    known_limit: str = ""  # what success in this world does not show

    @property
    def problems(self) -> int:
        return sum(stage.problems for stage in self.stages)

    @property
    def solved(self) -> int:
        return sum(stage.solved for stage in self.stages)

    def to_dict(self) -> dict[str, Any]:
        """As plain data; the further readings of success stand beside `success`."""
        stages = [asdict(stage) for stage in self.stages]
        flat = [stage | stage.pop("extra") for stage in stages]
        return {"world": self.world, "stages": flat, "known_limit": self.known_limit}


def evaluate(agent: Agent) -> Evaluation | GroupEvaluation:
    """The agent's greedy success over the whole problem space. Raises `UserError` for a world that has no finite
    one."""
    world = agent.world
    if "identity" in world.capabilities:
        return evaluate_expressions(agent)
    if "all_tasks" not in world.capabilities:
        raise UserError(f"the world {world.id} cannot list its tasks: exact evaluation is not possible")
    stages = [_evaluate_kind(agent, kind) for kind in range(len(world.kinds))]
    return Evaluation(world.id, stages, world.known_limit)


def solves_all(agent: Agent) -> bool:
    """Whether the greedy agent solves every problem of every kind that it is trained on. Hard kinds first, and stops at
    the first failure."""
    world: Any = agent.world
    if "identity" in world.capabilities:
        tasks = world.greedy_tasks(agent.device)
        trained = torch.ones_like(tasks.kind, dtype=torch.bool)
        trained[list(world.kinds.held_out)] = False
        return bool(collect(world, agent.policy, tasks[trained]).success.all())
    kinds = sorted(range(len(world.kinds)), key=lambda kind: -world.kinds.stages[kind])
    return all(bool(rollout.success.all()) for kind in kinds for rollout in _greedy(agent, kind))


def _greedy(agent: Agent, kind: int) -> Iterator[Rollout]:
    device = agent.device
    tasks = agent.world.all_tasks([kind], device)
    for start in range(0, len(tasks), CHUNK):
        yield collect(agent.world, agent.policy, tasks[start : start + CHUNK])


def _evaluate_kind(agent: Agent, kind: int) -> StageResult:
    world, names = agent.world, agent.world.vocabulary.decode
    problems, solved, steps = 0, 0, 0
    extra = dict.fromkeys(world.extra_outcomes, 0)
    programs: dict[tuple[int, ...], int] = {}
    for rollout in _greedy(agent, kind):
        problems += len(rollout.tasks)
        solved += int(rollout.success.sum())
        steps += int(rollout.live.sum())
        extra = {name: count + int(rollout.extra[name].sum()) for name, count in extra.items()}
        _count_programs(rollout, programs)
    known = "constant_programs" in world.capabilities
    best = yardstick(world.id, kind, world.settings) if known else Yardstick(None, None, None, None, 0)
    return StageResult(
        stage=world.kinds.stages[kind],
        problems=problems,
        solved=solved,
        success=solved / problems,
        mean_steps=steps / problems,
        oracle_program=names(best.oracle.tokens) if best.oracle else None,
        oracle_steps=len(best.oracle.tokens) if best.oracle else None,
        random_success=best.random_success,
        shortcut_program=names(best.shortcut.tokens) if best.shortcut else None,
        shortcut_success=best.shortcut.success if best.shortcut else None,
        distinct_programs=len(programs),
        program=names(max(programs, key=lambda program: programs[program])),
        extra={name: count / problems for name, count in extra.items()},
    )


def _count_programs(rollout: Rollout, programs: dict[tuple[int, ...], int]) -> None:
    tokens = rollout.tokens.masked_fill(~rollout.live, -1)
    rows, counts = torch.unique(tokens, dim=0, return_counts=True)
    for row, count in zip(rows.tolist(), counts.tolist(), strict=True):
        program = tuple(token for token in row if token >= 0)
        programs[program] = programs.get(program, 0) + count
