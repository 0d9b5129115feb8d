"""Crossed tools: the machine computes value - accumulator, and expressions still mean what they meant."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
import torch

import inwit
from calculating import value_of, writing
from inwit.core.capabilities import FAR
from inwit.core.errors import UserError
from inwit.worlds.calculator.tools import called
from inwit.worlds.oracle.shortest import shortest, shortest_for_task, shortest_table
from support import make_world
from ways_brute import after, empty, ends, paths

TOOLS = ("ADD", "SUB", "MUL")
AS_RSB = ("ADD", "RSB", "MUL")  # the same machine by another name: a crossed SUB computes what RSB computes


def crossed_world(**settings: Any) -> Any:
    return make_world("calculator-v0", tools=TOOLS, crossed=("SUB",), **settings)


def play(expression: str, operands: list[int], program: str) -> Any:
    return inwit.play("calculator-v0", {"expression": expression, "operands": operands}, program.split(), crossed="SUB")


def test_the_machine_is_crossed_and_the_goal_is_not() -> None:
    assert play("a-b", [7, 2], "LOAD b SUB a ANS").success
    wrong = play("a-b", [7, 2], "LOAD a SUB b ANS")
    assert not wrong.success
    assert play("a-(b*c)", [7, 2, 3], "LOAD b MUL c SUB a ANS").success


def test_in_batches_the_goal_is_not_crossed_either() -> None:
    agent = writing({"a-b": ["LOAD", "b", "SUB", "a", "ANS"]}, max_operators=1, tools=("SUB",), crossed=("SUB",))
    assert inwit.evaluate(agent).unsolved == []
    plain = writing({"a-b": ["LOAD", "b", "SUB", "a", "ANS"]}, max_operators=1, tools=("SUB",))
    assert inwit.evaluate(plain).unsolved == ["a-b"]


@pytest.mark.parametrize(("operators", "slots", "most"), [(1, 0, 7), (1, 1, 7), (2, 0, 9), (2, 1, 9)])
def test_the_shortest_programs_are_the_shortest_of_all(operators: int, slots: int, most: int) -> None:
    world = crossed_world(min_operators=operators, max_operators=operators, num_slots=slots)
    goals = {name: value_of(tree) for name, tree in zip(world.kinds.names, world.expressions.trees, strict=True)}
    expected = ends(empty(operators + 1, slots, AS_RSB), most, frozenset(goals.values()))
    table = shortest_table(operators, slots, TOOLS, ("SUB",))
    lengths = {name: table[name].length or FAR for name in goals}
    found = {name: expected.get(goal, FAR) for name, goal in goals.items()}
    assert {name: length if length <= most else FAR for name, length in lengths.items()} == found
    plain = shortest_table(operators, slots, TOOLS)
    assert operators == 1 or any(table[name].length != plain[name].length for name in goals)


def test_the_exam_counts_with_them() -> None:
    """Agents that write the shortest programs of the changed machine solve all of it, at the proven cost."""
    programs = {name: best.program or [] for name, best in shortest_table(2, 1, TOOLS, ("SUB",)).items()}
    result = inwit.evaluate(writing(programs, max_operators=2, num_slots=1, crossed=("SUB",)))
    assert result.unsolved == []
    assert result.cost_over_best == 1.0
    told = [row.cost for row in result.rows]
    assert told == [row.best_cost for row in result.rows]
    programs = {name: best.program or [] for name, best in shortest_table(2, 1, TOOLS).items()}
    assert inwit.evaluate(writing(programs, max_operators=2, num_slots=1, crossed=("SUB",))).unsolved


@pytest.mark.parametrize(("operators", "slots", "depth", "most"), [(1, 1, 6, 8), (2, 0, 4, 8), (2, 1, 4, 7)])
def test_to_go_is_the_shortest_of_all_programs(operators: int, slots: int, depth: int, most: int) -> None:
    world = crossed_world(min_operators=operators, max_operators=operators, num_slots=slots, max_steps=60)
    reached = paths(empty(operators + 1, slots, AS_RSB), depth)
    kinds, goals = len(world.kinds), [value_of(tree) for tree in world.expressions.trees]
    tasks = world.greedy_tasks()[torch.arange(kinds).repeat(len(reached))]
    state = world.reset(tasks)
    programs = [world.vocabulary.ids("SUB" if token == "RSB" else token for token in path) for path in reached.values()]
    for column in range(depth):
        rows = torch.tensor([row for row in range(len(tasks)) if column < len(programs[row // kinds])])
        token = torch.tensor([programs[row // kinds][column] for row in rows.tolist()])
        some, _ = world.step({name: each[rows] for name, each in state.items()}, token)
        state = {name: each.index_copy(0, rows, some[name]) for name, each in state.items()}
    expected = [ends(machine, most, frozenset(goals)).get(goal, FAR) for machine in reached for goal in goals]
    assert world.to_go(tasks, state, most).tolist() == expected
    assert len(set(expected)) > 3


def test_the_brute_force_knows_the_crossed_machine() -> None:
    machine = empty(2, 0, AS_RSB)
    for token in ("LOAD", "b", "RSB", "a"):
        machine = after(machine, token)
    assert machine.acc == value_of(("-", 0, 1))


def test_of_a_task() -> None:
    found = shortest_for_task("calculator-v0", {"expression": "a-(b*c)", "num_slots": 0, "crossed": ["SUB"]})
    assert found == shortest("a-(b*c)", 0, crossed=("SUB",))
    assert found.length == 7


def test_a_crossed_tool_keeps_its_way_through_a_pickle() -> None:
    assert pickle.loads(pickle.dumps(called("SUB", True))) == called("SUB", True)
    assert pickle.loads(pickle.dumps(called("SUB", True))).apply(2, 7) == 5


@pytest.mark.parametrize(
    ("crossed", "told"),
    [
        ("ADD", "ADD computes the same either way"),
        ("RSB", "unknown tool"),
        ("SUB,SUB", "SUB is named twice"),
    ],
)
def test_what_is_refused(crossed: str, told: str) -> None:
    with pytest.raises(UserError, match=told):
        make_world("calculator-v0", crossed=crossed)
    if crossed == "RSB":
        with pytest.raises(UserError, match=told):
            shortest("a-b", 1, crossed=crossed.split(","))
