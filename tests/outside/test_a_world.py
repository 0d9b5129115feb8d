"""A world from outside, with a yardstick of its own: this file and one call are all that it takes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

import inwit
from everywhere import everywhere, registries_restored
from inwit.core.contracts import Agent
from inwit.core.results import EXACT, Yardstick
from inwit.core.settings import Settings, setting
from inwit.core.types import Kinds, Register, State, Step, Tasks
from inwit.core.vocabulary import Vocabulary
from inwit.playground.page import described
from inwit.worlds.oracle.clocks import clocks
from javascript import needs_javascript
from parity import played_again
from support import small_policy

VOCABULARY = Vocabulary([*"0123", "END"])
END = VOCABULARY.id("END")


@dataclass(frozen=True)
class ParrotSettings(Settings):
    masks: bool = setting(True, "let the policy write digits only")


class Parrot:
    """The prompt shows one or two of the digits 0 to 3, and the agent is to write them again."""

    id = "parrot"
    Settings = ParrotSettings
    vocabulary = VOCABULARY
    kinds = Kinds(names=("one digit", "two digits"), stages=(1, 2), classes=(0, 1))
    prompt_width = max_steps = num_columns = 2
    extra_outcomes: tuple[str, ...] = ()
    known_limit = "nothing is computed here"
    capabilities = frozenset({"all_tasks", "yardsticks", "registers"})
    machine_registers = (Register("next", "pointer", least=0, most=1, optional=False),)

    def __init__(self, settings: ParrotSettings) -> None:
        self.settings = settings
        self.masks = settings.masks

    def sample(self, kinds: torch.Tensor, generator: torch.Generator) -> Tasks:
        digits = torch.randint(0, 4, (len(kinds), 2), generator=generator, device=generator.device)
        return Tasks(kinds, {"digits": digits})

    def all_tasks(self, kinds: list[int], device: torch.device | str = "cpu") -> Tasks:
        pairs = torch.cartesian_prod(torch.arange(4), torch.arange(4))
        parts = [pairs[::4] if kind == 0 else pairs for kind in kinds]
        kind = torch.tensor([kind for kind, part in zip(kinds, parts, strict=True) for _ in part])
        return Tasks(kind, {"digits": torch.cat(parts)}).to(device)

    def task(self, task: dict[str, Any]) -> Tasks:
        digits = [int(digit) for digit in task["digits"]]
        return Tasks(torch.tensor([len(digits) - 1]), {"digits": torch.tensor([[*digits, 0][:2]])})

    def describe(self, tasks: Tasks) -> list[dict[str, Any]]:
        rows = zip(tasks.kind.tolist(), tasks.data["digits"].tolist(), strict=True)
        return [{"digits": digits[: kind + 1]} for kind, digits in rows]

    def stage(self, tasks: Tasks) -> torch.Tensor:
        return tasks.kind + 1

    def prompt(self, tasks: Tasks) -> tuple[torch.Tensor, torch.Tensor]:
        shown = torch.arange(2, device=tasks.kind.device) <= tasks.kind[:, None]
        return torch.where(shown, tasks.data["digits"], END), shown

    def reset(self, tasks: Tasks) -> State:
        no = torch.zeros_like(tasks.kind)
        return {"digits": tasks.data["digits"], "last": tasks.kind, "at": no, "wrong": no.bool(), "ended": no.bool()}

    def legal(self, state: State) -> torch.Tensor:
        return (torch.arange(5, device=state["at"].device) != END).expand(len(state["at"]), 5)

    def forced(self, state: State) -> torch.Tensor:
        return torch.where(state["ended"], END, -1)

    def step(self, state: State, token: torch.Tensor) -> tuple[State, Step]:
        live, wanted = ~state["ended"], state["digits"].gather(1, state["at"].clamp(max=1)[:, None])[:, 0]
        wrong = state["wrong"] | (live & (token != wanted))
        terminated = live & (state["at"] == state["last"])
        success = terminated & ~wrong
        after = state | {"wrong": wrong, "ended": state["ended"] | terminated, "at": state["at"] + live}
        return after, Step(success.double(), terminated, torch.zeros_like(live), success)

    def read_registers(self, state: State) -> tuple[torch.Tensor, torch.Tensor]:
        return state["at"][:, None], torch.ones_like(state["at"], dtype=torch.bool)[:, None]

    def write_registers(self, state: State, values: torch.Tensor, present: torch.Tensor) -> State:
        return state | {"at": values[:, 0].minimum(state["last"])}

    def yardsticks(self, kind: int) -> dict[str, Yardstick]:
        best = Yardstick(EXACT, 1.0, kind + 1.0, why="it writes what it was shown")
        return {"oracle": best, "guesser": Yardstick(EXACT, 0.25 ** (kind + 1), kind + 1.0, why="any digits")}


class ScalarParrot:
    """The rules for one episode."""

    Settings = ParrotSettings
    vocabulary = VOCABULARY

    def __init__(self, digits: list[int]) -> None:
        self.digits, self.written = digits, []
        self.steps, self.reward, self.terminated, self.truncated, self.success = 0, 0.0, False, False, False
        self.extra: dict[str, Any] = {}
        self.counts: dict[str, int] = {}

    @classmethod
    def from_task(cls, settings: ParrotSettings, task: dict[str, Any]) -> ScalarParrot:
        return cls([int(digit) for digit in task["digits"]])

    @property
    def ended(self) -> bool:
        return self.terminated

    def legal(self) -> list[int]:
        return [0, 1, 2, 3]

    def forced(self) -> int:
        return -1

    def step(self, token: int) -> None:
        self.written.append(token)
        self.steps += 1
        self.terminated = len(self.written) == len(self.digits)
        self.success = self.terminated and self.written == self.digits
        self.reward = float(self.success)

    def state(self) -> dict[str, Any]:
        return {"written": list(self.written)}

    def task_dict(self) -> dict[str, Any]:
        return {"digits": self.digits}


def test_a_world(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with registries_restored():
        inwit.register_world("parrot", Parrot, "says it again", twin=ScalarParrot)
        seen = everywhere(capsys, tmp_path, world={"id": "parrot"})
        assert inwit.play("parrot", {"digits": [2, 1]}, ["2", "1"]).success
    assert [(row.name, row.problems) for row in seen.evaluation.rows] == [("one digit", 4), ("two digits", 16)]
    assert seen.evaluation.proven
    assert [row.yardsticks["oracle"].cost for row in seen.evaluation.rows] == [1, 2]
    assert seen.evaluation.rows[1].yardsticks["guesser"].success == 1 / 16
    assert seen.explanation.task == {"digits": seen.explanation.task["digits"]}
    for face in (seen.evaluated, seen.compared, seen.report):
        assert "two digits" in face
        assert "guesser" in face
    costs = [(choice.cost, choice.to_go, choice.lost) for choice in seen.explanation.choices]
    assert costs == [(0, 0, False)] if seen.explanation.success else [(None, None, True)]
    assert '"guesser": 0.0625' in seen.asked
    assert "nothing is computed here" in seen.evaluated


@needs_javascript
def test_its_registers_are_on_the_page(tmp_path: Path) -> None:
    world = Parrot(ParrotSettings())
    held = described([Agent(world, small_policy("memoryless", world))], lambda _: None)
    [register] = held["registers"]
    assert (register["name"], register["kind"], register["most"]) == ("next", "pointer", 1)
    assert held["writable"]
    found = played_again(world, {}, tmp_path, 20, page=held)["played"]["random"]
    assert found["wrong"] == {}, found["first"]
    assert found["writes"] == found["tokens"] > 20


def test_the_way_from_any_state() -> None:
    """Its `at` grows with each token like a clock, and decides what is right."""
    world: Any = Parrot(ParrotSettings())
    assert clocks(world) == []
    state = world.reset(world.task({"digits": [2, 1]}))
    assert inwit.way(world, state).program == (2, 1)
    assert inwit.token_costs(world, state) == {0: float("inf"), 1: float("inf"), 2: 0, 3: float("inf")}
    state, _ = world.step(state, torch.tensor([2]))
    assert inwit.way(world, state).program == (1,)
    state, _ = world.step(state, torch.tensor([0]))
    assert inwit.way(world, state).lost
    two = Tasks(torch.tensor([1, 1]), {"digits": torch.tensor([[2, 1], [2, 3]])})
    assert inwit.way(world, world.reset(two)).lost


@pytest.mark.slow
def test_it_can_be_solved() -> None:
    with registries_restored():
        inwit.register_world("parrot", Parrot, "says it again", twin=ScalarParrot)
        settings: dict[str, Any] = {"world": {"id": "parrot"}, "policy": {"width": 16}}
        for update in inwit.updates("tutorial", training={"max_updates": 400, "episodes": 128}, **settings):
            if update.solved:
                break
        told = inwit.evaluate(update.agent)
    assert update.solved
    assert told.solved == told.problems == 20
    assert [(row.cost, row.best_cost) for row in told.rows] == [(1, 1), (2, 2)]
