"""Worlds that another package might register. Each does something that no built-in world does:

- `tutorial-goal`: a setting of its own changes what is asked for, and with it the best program;
- `tutorial-parity`: two kinds in one stage; nobody can search for their best programs, and it shows no machine;
- `tutorial-held`: lists its tasks and holds a kind out as a test set;
- `tutorial-echo`: the world writes a token after each MUL, in mid-episode;
- `calculator-ticks`: the calculator with three ticks, since its own default is none.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

import inwit
from inwit.core.errors import UserError
from inwit.core.settings import setting
from inwit.core.types import Kinds, State, Step, Tasks
from inwit.worlds import TWINS, WORLDS
from inwit.worlds.calculator.rules import CalculatorSettings
from inwit.worlds.calculator.scalar import ScalarCalculator
from inwit.worlds.calculator.tensors import CalculatorV0
from inwit.worlds.tutorial.rules import CTX, MUL, TutorialSettings
from inwit.worlds.tutorial.scalar import ScalarTutorialV1
from inwit.worlds.tutorial.v1 import TutorialV1


@dataclass(frozen=True)
class GoalSettings(TutorialSettings):
    goal: str = setting("sum", "what is asked for", choices=("product", "sum"))


class TutorialGoal(TutorialV1):
    """tutorial-v1, or the sum of all operands instead of its goal."""

    id = "tutorial-goal"
    Settings = GoalSettings
    settings: GoalSettings

    def reset(self, tasks: Tasks) -> State:
        state = super().reset(tasks)
        return state | {"goal": tasks.data["operands"].sum(1)} if self.settings.goal == "sum" else state


class ScalarTutorialGoal(ScalarTutorialV1):
    id = "tutorial-goal"
    Settings = GoalSettings
    settings: GoalSettings

    def _goal(self) -> Any:
        return sum(self.operands) if self.settings.goal == "sum" else super()._goal()


class TutorialParity(TutorialV1):
    """Stage 0 of tutorial-v1 as two kinds: a is even, or odd."""

    id = "tutorial-parity"
    capabilities = frozenset({"all_tasks"})
    kinds = Kinds(names=("a even", "a odd"), stages=(0, 0), classes=(0, 0))

    def sample(self, kinds: torch.Tensor, generator: torch.Generator) -> Tasks:
        operands = super().sample(torch.zeros_like(kinds), generator).data["operands"].clone()
        operands[:, 0] += kinds - operands[:, 0] % 2
        return Tasks(kinds, {"operands": operands})

    def all_tasks(self, kinds: list[int], device: torch.device | str = "cpu") -> Tasks:
        whole = _by_parity(super().all_tasks([0], device))
        return whole[torch.cat([(whole.kind == kind).nonzero()[:, 0] for kind in kinds])]

    def task(self, task: dict[str, Any]) -> Tasks:
        row = super().task(task)
        if int(row.kind):
            raise UserError(f"stage {int(row.kind)} does not exist: {self.id} has stage 0 alone")
        return _by_parity(row)

    def describe(self, tasks: Tasks) -> list[dict[str, Any]]:
        return super().describe(_in_stage_0(tasks))

    def stage(self, tasks: Tasks) -> torch.Tensor:
        return torch.zeros_like(tasks.kind)

    def prompt(self, tasks: Tasks) -> tuple[torch.Tensor, torch.Tensor]:
        return super().prompt(_in_stage_0(tasks))

    def reset(self, tasks: Tasks) -> State:
        return super().reset(_in_stage_0(tasks))


def _by_parity(tasks: Tasks) -> Tasks:
    return Tasks(tasks.data["operands"][:, 0] % 2, tasks.data)


def _in_stage_0(tasks: Tasks) -> Tasks:
    return Tasks(torch.zeros_like(tasks.kind), tasks.data)


class ScalarTutorialParity(ScalarTutorialV1):
    id = "tutorial-parity"


class TutorialHeld(TutorialV1):
    """tutorial-v1 with its last stage as the test set."""

    id = "tutorial-held"
    kinds = Kinds(TutorialV1.kinds.names, TutorialV1.kinds.stages, TutorialV1.kinds.classes, held_out=(2,))


class ScalarTutorialHeld(ScalarTutorialV1):
    id = "tutorial-held"


class Echo(TutorialV1):
    """tutorial-v1 in which the world writes CTX after each MUL: no step, and no effect on the machine."""

    id = "tutorial-echo"
    capabilities = frozenset({"all_tasks"})

    def __init__(self, settings: TutorialSettings) -> None:
        super().__init__(settings)
        self.num_columns = 2 * self.max_steps

    def reset(self, tasks: Tasks) -> State:
        state = super().reset(tasks)
        return state | {"echo": torch.zeros_like(state["ended"])}

    def legal(self, state: State) -> torch.Tensor:
        """On the world's turn, what the world may write."""
        echoed = torch.nn.functional.one_hot(torch.full_like(state["steps"], CTX), len(self.vocabulary)).bool()
        return torch.where(state["echo"][:, None], echoed, super().legal(state))

    def forced(self, state: State) -> torch.Tensor:
        return torch.where(state["echo"] & ~state["ended"], CTX, super().forced(state))

    def step(self, state: State, token: torch.Tensor) -> tuple[State, Step]:
        echo = state["echo"]
        after, step = super().step(state, token)
        kept = {name: torch.where(echo.view(-1, *[1] * (v.ndim - 1)), state[name], v) for name, v in after.items()}
        kept["echo"] = ~echo & (token == MUL)
        reward = torch.where(echo, 0.0, step.reward)
        return kept, Step(reward, step.terminated & ~echo, step.truncated & ~echo, step.success & ~echo)


@dataclass(frozen=True)
class TicksSettings(CalculatorSettings):
    ticks: int = setting(3, "as the calculator's own", at_least=0, at_most=8)
    tick_price: float = setting(0.125, "as the calculator's own", at_least=0)


class CalculatorTicks(CalculatorV0):
    id = "calculator-ticks"
    Settings = TicksSettings


class ScalarCalculatorTicks(ScalarCalculator):
    id = "calculator-ticks"
    Settings = TicksSettings
    vocabulary = TicksSettings().vocabulary


OUTSIDE: dict[str, tuple[type, type]] = {
    "tutorial-goal": (TutorialGoal, ScalarTutorialGoal),
    "tutorial-parity": (TutorialParity, ScalarTutorialParity),
    "tutorial-held": (TutorialHeld, ScalarTutorialHeld),
    "calculator-ticks": (CalculatorTicks, ScalarCalculatorTicks),
}


@contextmanager
def worlds_from_outside() -> Iterator[None]:
    """The worlds above are registered; afterwards the registries are as they were."""
    before = {registry: dict(registry._entries) for registry in (WORLDS, TWINS)}
    try:
        for world_id, (world, twin) in OUTSIDE.items():
            inwit.register_world(world_id, world, "from outside", twin=twin)
        yield
    finally:
        for registry, entries in before.items():
            registry._entries = entries
