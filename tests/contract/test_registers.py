"""What every world that shows its registers must keep to: its twin says the same, and a change changes nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from inwit import worlds
from inwit.core.capabilities import capable
from inwit.core.seeding import stream
from inwit.core.types import State
from inwit.core.vocabulary import CHOICE
from inwit.worlds import WORLDS
from inwit.worlds.calculator.scalar import ScalarCalculator
from inwit.worlds.lookup.scalar import ScalarLookup
from inwit.worlds.running import any_of
from support import make_world
from worlds_from_outside import OUTSIDE, worlds_from_outside

ROWS = 60
STRAYS = 0.1  # share of tokens that may be illegal
OTHER: dict[str, list[dict[str, Any]]] = {  # settings beside the world's own
    "tutorial-v0": [{"max_steps": 9}],
    "tutorial-v1": [{"max_steps": 9, "idle": 3}],
    "calculator-v0": [
        {"max_operators": 2, "num_slots": 0, "tools": ("ADD", "MAX")},
        {"max_operators": 2, "num_slots": 2, "crossed": ("SUB",), "ticks": 2, "noise": 3, "milestones": 0.3},
    ],
    "lookup-v0": [{"num_values": 3, "fail": 0.2, "broken": 0.2, "lie": 0.2, "sure_price": 0.1, "max_steps": 8}],
}
CASES = [
    pytest.param(world_id, settings, id=f"{world_id} {number}")
    for world_id in [*WORLDS.names(), *OUTSIDE]
    for number, settings in enumerate([{}, *OTHER.get(world_id, [{"masks": False}])])
]
every_case = pytest.mark.parametrize(("world_id", "settings"), CASES)


@pytest.fixture(scope="module", autouse=True)
def from_outside() -> Iterator[None]:
    with worlds_from_outside():
        yield


def shown(world_id: str, settings: dict[str, Any]) -> Any:
    """The world, if it shows its registers."""
    world = capable(make_world(world_id, **settings), "registers")
    if world is None:
        pytest.skip(f"{world_id} does not show its registers.")
    return world


def following(world: Any, state: State, draws: torch.Generator) -> Tensor:
    """What is written next: the world's token where it decides, else mostly a legal one."""
    legal, forced = world.legal(state), world.forced(state)
    astray = (torch.rand(len(forced), 1, generator=draws) < STRAYS) & (forced == CHOICE)[:, None]
    return torch.where(forced < 0, any_of(legal | astray, draws), forced)


def states_of(world: Any, seed: int = 0) -> tuple[Any, list[State], list[Tensor], list[Tensor]]:
    """Tasks, the states of episodes of random tokens, these tokens, and which rows live in each state."""
    draws = stream(seed, "registers of worlds")
    tasks = world.sample(torch.randint(len(world.kinds), (ROWS,), generator=draws), draws)
    states, tokens, live = [world.reset(tasks)], [], [torch.ones(ROWS, dtype=torch.bool)]
    for _ in range(world.num_columns):
        tokens.append(following(world, states[-1], draws))
        state, step = world.step(states[-1], tokens[-1])
        states.append(state)
        live.append(live[-1] & ~(step.terminated | step.truncated))
    return tasks, states, tokens, live


def twins_of(world: Any, tasks: Any) -> list[Any]:
    return [worlds.make_scalar(world.id, task, **world.settings.to_dict()) for task in world.describe(tasks)]


def told_by(world: Any, twin: Any) -> list[int | None]:
    """What `state()` of a twin says of each register."""
    said = dict(twin.state())
    said |= {f"m{slot}": value for slot, value in enumerate(said.pop("slots", []))}
    if "open" in said:  # on the world's turn that is what was asked
        words = (said["open"] or "").split() if twin.forced() == CHOICE else []
        said |= {"open": None, "first": None} | {"first" if w.isdigit() else "open": w for w in words}
        said["first"] = None if said["first"] is None else int(said["first"])
    values = [said[register.name] for register in world.machine_registers]
    return [world.vocabulary.id(each) if isinstance(each, str) else each for each in values]


def put(twin: Any, world: Any, values: list[int], present: list[bool]) -> None:
    """Have the registers of a twin hold this; one that holds it already stays as it is."""
    rows = zip(world.machine_registers, told_by(world, twin), values, present, strict=True)
    for name, value in [(r.name, v if p else None) for r, old, v, p in rows if (v if p else None) != old]:
        if isinstance(twin, ScalarLookup):
            setattr(twin, {"open": "_pending", "first": "_first"}[name], 0 if name == "open" and not value else value)
        elif not isinstance(twin, ScalarCalculator):
            setattr(twin, name, value)
        elif name == "pending":
            twin._pending = None if value is None else world.vocabulary.names[value]
        else:
            lanes = None if value is None else (value,) * 4
            if name == "accumulator":
                twin._acc = lanes
            else:
                twin._cells[name] = lanes


def drawn(world: Any, state: State, draws: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Values within bounds, whether there are any, and which registers they are for; the others as they are."""
    old, filled = world.read_registers(state)
    values, present, changed = old.clone(), filled.clone(), torch.rand(old.shape, generator=draws) < 0.5
    for place, register in enumerate(world.machine_registers):
        least, most = max(register.least, -(10**9)), min(register.most, 10**9)
        few = max(least, -9), min(most, 9)
        if register.tokens:
            choices = torch.tensor(register.tokens)
            new = choices[torch.randint(len(choices), (ROWS,), generator=draws)]
        else:
            low, high = few if few[0] < few[1] and torch.rand((), generator=draws) < 0.5 else (least, most)
            new = torch.randint(low, high + 1, (ROWS,), generator=draws)
        there = torch.rand(ROWS, generator=draws) < 0.7 if register.optional else torch.ones(ROWS, dtype=torch.bool)
        values[:, place] = torch.where(changed[:, place], new, old[:, place])
        present[:, place] = torch.where(changed[:, place], there, filled[:, place])
    return values, present, changed


def limited(world: Any, tasks: Any, values: Tensor) -> Tensor:
    """The values with pointers no further than the last place of their row's prompt."""
    ends = world.prompt(tasks)[1].sum(1, keepdim=True) - 1
    pointers = torch.tensor([register.kind == "pointer" for register in world.machine_registers])
    return torch.where(pointers, values.minimum(ends), values)


@every_case
def test_registers_hold_what_the_scalar_twin_says(world_id: str, settings: dict[str, Any]) -> None:
    """In random episodes, as long as they go on; and values are within their bounds."""
    world = shown(world_id, settings)
    assert len({register.name for register in world.machine_registers}) == len(world.machine_registers)
    tasks, states, tokens, live = states_of(world)
    held = [world.read_registers(state) for state in states]
    for row, twin in enumerate(twins_of(world, tasks)):
        for column, (values, present) in enumerate(held):
            if not live[column][row]:
                break
            where = f"{world_id}, {twin.task_dict()}, before token {column + 1}"
            seen = [v if p else None for v, p in zip(values[row].tolist(), present[row].tolist(), strict=True)]
            assert seen == told_by(world, twin), f"{where}: registers differ."
            assert not values[row][~present[row]].any(), f"{where}: an empty register is not 0."
            for value, register in zip(seen, world.machine_registers, strict=True):
                assert value is not None or register.optional, f"{where}: {register.name} is empty."
                if value is not None:
                    assert register.least <= value <= register.most, f"{where}: {register.name}."
                    assert not register.tokens or value in register.tokens, f"{where}: {register.name}."
            if column < len(tokens):
                twin.step(int(tokens[column][row]))


@every_case
def test_writing_what_is_there_changes_nothing(world_id: str, settings: dict[str, Any]) -> None:
    """To the bit: also what the machine knows of a value beside its number."""
    world = shown(world_id, settings)
    _, states, _, live = states_of(world)
    for state, alive in zip(states, live, strict=True):
        after = world.write_registers(state, *world.read_registers(state))
        assert list(after) == list(state)
        for name, tensor in state.items():
            assert after[name].dtype == tensor.dtype
            assert torch.equal(after[name][alive], tensor[alive]), f"{world_id}: {name} changes."


@every_case
def test_registers_hold_what_is_written_and_the_episode_goes_on(world_id: str, settings: dict[str, Any]) -> None:
    """Some registers of each row are written at a random moment; from there the twin, changed likewise, says the same
    of every token."""
    world, draws = shown(world_id, settings), stream(1, "registers of worlds")
    tasks, states, tokens, live = states_of(world)
    for moment in {0, 1, 2, len(tokens) // 2}:
        state, alive = states[moment], live[moment]
        before = {name: tensor.clone() for name, tensor in state.items()}
        values, present, changed = drawn(world, state, draws)
        assert bool(changed.any())
        after = world.write_registers(state, values, present)
        same = world.write_registers(state, values * present, present)
        assert all(torch.equal(same[name], tensor) for name, tensor in after.items()), "Empty registers differ."
        values = limited(world, tasks, values) * present
        found, full = world.read_registers(after)
        assert torch.equal(full, present)
        assert torch.equal(found, values)
        assert all(torch.equal(tensor, before[name]) for name, tensor in state.items()), "The given state changes."
        twins = twins_of(world, tasks)
        for row in alive.nonzero()[:, 0].tolist():
            for token in tokens[:moment]:
                twins[row].step(int(token[row]))
            put(twins[row], world, values[row].tolist(), present[row].tolist())
        check_going_on(world, after, alive, twins, draws)


def check_going_on(world: Any, state: State, alive: Tensor, twins: list[Any], draws: torch.Generator) -> None:
    rows, rewards = alive.nonzero()[:, 0].tolist(), [float(twin.reward) for twin in twins]
    for _ in range(world.num_columns + 1):
        legal = world.legal(state)
        token = following(world, state, draws)
        state, step = world.step(state, token)
        values, present = (each.tolist() for each in world.read_registers(state))
        for row in [row for row in rows if not twins[row].ended]:
            twin, where = twins[row], f"{world.id}, {twins[row].task_dict()}, token {int(token[row])}"
            assert legal[row].nonzero()[:, 0].tolist() == twin.legal(), f"{where}: legal tokens differ."
            twin.step(int(token[row]))
            assert bool(step.terminated[row] | step.truncated[row]) == twin.ended, f"{where}: the end differs."
            assert bool(step.success[row]) == bool(twin.success), f"{where}: success differs."
            rewards[row] += float(step.reward[row])
            assert abs(rewards[row] - float(twin.reward)) < 1e-9, f"{where}: reward differs."
            if not twin.ended:
                seen = [v if p else None for v, p in zip(values[row], present[row], strict=True)]
                assert seen == told_by(world, twin), f"{where}: registers differ."
    assert all(twins[row].ended for row in rows)


@every_case
def test_a_change_in_one_row_is_no_change_in_others(world_id: str, settings: dict[str, Any]) -> None:
    world, draws = shown(world_id, settings), stream(2, "registers of worlds")
    _, states, _, live = states_of(world)
    state, others = states[2], live[2].clone()
    row = int(others.nonzero()[0])
    others[row] = False
    values, present, _ = drawn(world, state, draws)
    old, filled = world.read_registers(state)
    mine = torch.arange(ROWS)[:, None] == row
    after = world.write_registers(state, torch.where(mine, values, old), torch.where(mine, present, filled))
    for name, tensor in state.items():
        assert torch.equal(after[name][others], tensor[others]), f"{world_id}: {name} of other rows changes."
    alone = {name: tensor[row : row + 1] for name, tensor in state.items()}
    alone = world.write_registers(alone, values[row : row + 1], present[row : row + 1])
    for name, tensor in alone.items():
        assert torch.equal(after[name][row : row + 1], tensor), f"{world_id}: {name} depends on other rows."
