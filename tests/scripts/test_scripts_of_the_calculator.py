"""The compiler of the calculator beside the proven optimum, and what it does where somebody else has written."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch

from inwit import worlds
from inwit.core.errors import UserError
from inwit.evidence.subject import Subject
from inwit.rollout.collect import collect
from inwit.scripts import pipeline, react, scripted
from inwit.scripts.calculator.machine import Slots
from inwit.scripts.calculator.values import NOTHING, applied, atom, greatest, product, scaled, total
from inwit.scripts.pipeline import Event
from inwit.worlds.calculator.expressions import Tree, write
from inwit.worlds.calculator.tools import TOOLS, Tool
from inwit.worlds.oracle.shortest import shortest_table
from support import make_world

# As a person would write them, too.
PROGRAMS = {
    ("a-(b*c)", 0): "LOAD b SUB b SUB b MUL c ADD a ANS",
    ("a-((b-c)*d)", 1): "LOAD c SUB b MUL d ADD a ANS",
    ("(a*b)-(c*d)", 1): "LOAD c MUL d STO m0 LOAD a MUL b SUB m0 ANS",
    ("(a+b)+(c-d)", 0): "LOAD a ADD b ADD c SUB d ANS",
    ("a-((b*c)+(d*e))", 1): "LOAD b MUL c STO m0 SUB m0 SUB d MUL e SUB m0 ADD a ANS",
}


def by_hand(script: Any, world: Any, expression: str, forced: Any = ()) -> tuple[str, Any]:
    """What a script writes for any expression over a, b, c, ..., however long, by the rules for one episode. `forced`
    are tokens that somebody else writes first; or chance, which writes half of the first ten tokens, but no answer."""
    count = sum(sign.isalpha() for sign in expression)
    task = {"expression": expression, "operands": [3] * count}
    twin = worlds.make_scalar("calculator-v0", task, **world.settings.to_dict())
    names, written = world.vocabulary, list[int]()
    state = script.begin(tuple(names.ids([*expression, "="])), count - 1)
    while not twin.ended:
        written.append(script.write(state))
        assert written[-1] in twin.legal()
        if isinstance(forced, random.Random):
            if len(written) <= 10 and forced.random() < 0.5:
                written[-1] = forced.choice([token for token in twin.legal() if names.names[token] != "ANS"])
        elif len(written) <= len(forced):
            written[-1] = names.id(forced[len(written) - 1])
        twin.step(written[-1])
        state = script.read(state, written[-1])
    return " ".join(names.decode(written)), twin


@pytest.mark.parametrize(("expression", "num_slots"), PROGRAMS)
def test_it_writes_a_known_program(expression: str, num_slots: int) -> None:
    world = make_world("calculator-v0", num_slots=num_slots)
    program, twin = by_hand(pipeline.make(world), world, expression)
    assert program == PROGRAMS[expression, num_slots]
    assert twin.success


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"num_slots": 0},
        {"num_slots": 2},
        {"names": "any", "letters": 8, "noise": 4},
        {"tools": ("ADD", "SUB", "MUL", "RSB"), "max_operators": 2},
        {"tools": ("RSB", "MUL")},
        pytest.param({"max_operators": 4}, marks=pytest.mark.slow),
        pytest.param({"max_operators": 4, "num_slots": 0}, marks=pytest.mark.slow),
    ],
)
def test_its_programs_are_right_and_the_shortest_wherever_there_is_one(settings: dict[str, Any]) -> None:
    world = make_world("calculator-v0", **settings)
    tasks = world.sample(torch.arange(len(world.kinds)), torch.Generator().manual_seed(0))
    rollout = collect(world, scripted("pipeline", world).policy, tasks)
    known = shortest_table(world.settings.max_operators, world.settings.num_slots, world.settings.tools)
    best = [known[name] for name in world.kinds.names]
    can = torch.tensor([found.program is not None for found in best])
    lengths = torch.tensor([len(found.program or ()) for found in best])
    assert torch.equal(rollout.success, can)
    assert torch.equal(rollout.live.sum(1)[can], lengths[can])


def test_react_does_the_wrong_side_first_and_spends_more() -> None:
    """With one slot it cannot take (a*b)-(c*d), where the right side must be done first; with two it can."""
    one, two = (make_world("calculator-v0", num_slots=slots) for slots in (1, 2))
    assert not by_hand(react.make(one), one, "(a*b)-(c*d)")[1].success
    program, twin = by_hand(react.make(two), two, "(a*b)-(c*d)")
    assert twin.success
    assert program == "LOAD a MUL b STO m0 LOAD c MUL d STO m1 LOAD m0 SUB m1 ANS"
    solved = {slots: _solved("react", num_slots=slots) for slots in (0, 1, 2)}
    assert solved == {0: 93, 1: 147, 2: 156}  # of the 156 with up to three operators; the pipeline: 150, 156, 156


def _solved(name: str, **settings: Any) -> int:
    world = make_world("calculator-v0", **settings)
    return int(collect(world, scripted(name, world).policy, world.greedy_tasks()).success.sum())


@pytest.mark.parametrize("tools", [("ADD", "SUB", "MUL", "MAX"), ("SUB", "MAX")])
def test_tools_that_algebra_does_not_pass(tools: tuple[str, ...]) -> None:
    world = make_world("calculator-v0", tools=tools, max_operators=2)
    tasks = world.sample(torch.arange(len(world.kinds)).repeat(4), torch.Generator().manual_seed(0))
    assert bool(collect(world, scripted("pipeline", world).policy, tasks).success.all())


@pytest.mark.parametrize("num_slots", [1, 2])
def test_expressions_longer_than_any_world_has(num_slots: int) -> None:
    """Up to ten operands, within six tokens for each of them."""
    world, chance = make_world("calculator-v0", num_slots=num_slots), random.Random(0)
    script = pipeline.make(world)
    for count in (6, 8, 10) * 4:
        assert by_hand(script, world, write(_tree(chance, 0, count)))[1].success


def _tree(chance: random.Random, first: int, count: int) -> Tree:
    if count == 1:
        return first
    left = chance.randrange(1, count)
    return (chance.choice("+-*"), _tree(chance, first, left), _tree(chance, first + left, count - left))


def test_it_goes_on_from_what_the_machine_holds() -> None:
    """After each token that is not its own: right in as few tokens as are proven to suffice."""
    world = make_world("calculator-v0", min_operators=2, max_operators=2)
    found = Subject(scripted("pipeline", world)).deviations
    assert len(found) > 50
    assert bool(found.own_right.all())


@pytest.mark.slow
def test_it_goes_on_from_what_the_machine_holds_with_three_operators() -> None:
    found = Subject(scripted("pipeline", make_world("calculator-v0"))).deviations
    assert bool(found.own_right.all())


def test_the_memory_makes_room_where_nothing_is_needed() -> None:
    memory = Slots(2)
    kept = memory.store(memory.store((), Event("x", "m0"), ()), Event("y", "m1"), ())
    assert memory.room((), ()) == "m0"
    assert memory.room(kept, {"x"}) == "m1"
    assert memory.room(kept, {"x", "y"}) is None
    kept = memory.store(kept, Event("z", "m1"), {"x"})
    assert (memory.find(kept, "y"), memory.find(kept, "z"), memory.find(kept, "x")) == (None, "m1", "m0")


def test_of_two_slots_with_one_value_one_is_room() -> None:
    """And where that one is overwritten, the other is still found."""
    memory = Slots(2)
    kept = memory.store(memory.store((), Event("x", "m0"), ()), Event("x", "m1"), ())
    assert (memory.find(kept, "x"), memory.room(kept, {"x"})) == ("m0", "m1")
    kept = memory.store(kept, Event("y", "m0"), {"x"})
    assert (memory.find(kept, "x"), memory.find(kept, "y")) == ("m1", "m0")


@pytest.mark.parametrize(("name", "expression"), [("react", "(a*b)-(c*d)"), ("pipeline", "(a*b)-((c*d)-(e*f))")])
def test_a_value_that_somebody_stored_twice(name: str, expression: str) -> None:
    world = make_world("calculator-v0", num_slots=2)
    script: Any = (pipeline if name == "pipeline" else react).make(world)
    assert by_hand(script, world, expression, ["LOAD", "a", "MUL", "b", "STO", "m0", "STO", "m1"])[1].success


@pytest.mark.parametrize("num_slots", [1, 2, 3])
@pytest.mark.parametrize("name", ["pipeline", "react"])
def test_it_goes_on_after_any_legal_tokens(name: str, num_slots: int) -> None:
    world, chance = make_world("calculator-v0", num_slots=num_slots), random.Random(num_slots)
    script: Any = (pipeline if name == "pipeline" else react).make(world)
    for count in (4, 5, 6) * 3:
        program, _ = by_hand(script, world, write(_tree(chance, 0, count)), chance)
        assert program.endswith("ANS")


def test_a_tool_that_nobody_wrote_code_for_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TOOLS, "TWO", Tool("TWO", "&", lambda acc, value: acc + value + value))
    world = make_world("calculator-v0", tools=("ADD", "TWO"))
    for name in ("pipeline", "react"):
        with pytest.raises(UserError, match=r"scripts know the calculator's tools .* and not TWO: give a planner"):
            scripted(name, world)


@pytest.mark.parametrize("name", ["pipeline", "react"])
def test_a_world_of_crossed_tools_is_refused_where_it_is_told(name: str) -> None:
    with pytest.raises(
        UserError, match="scripts have no code for crossed = SUB: leave it out, or put a script that was"
    ):
        scripted(name, make_world("calculator-v0", crossed=("SUB",)))


def test_values_are_equal_where_the_registers_are() -> None:
    a, b, c = atom("a"), atom("b"), atom("c")
    assert product(total(a, b), c) == total(product(c, b), product(a, c))
    assert total(total(b, b, -1), b, -1) == scaled(b, -1)
    assert total(a, a, -1) == NOTHING
    assert greatest(greatest(a, b), c) == greatest(b, greatest(c, a))
    assert greatest(a, a) == a
    assert greatest(product(a, b), c) == greatest(c, product(b, a)) != greatest(a, product(b, c))
    assert applied("RSB", a, b) == applied("SUB", b, a) == total(b, a, -1)
