"""What the calculator knows of its best programs, as other parts ask for it."""

from __future__ import annotations

import pytest
import torch

from inwit import UserError
from inwit.core.capabilities import capable
from inwit.core.seeding import stream
from inwit.worlds.oracle.programs import oracle_program
from inwit.worlds.oracle.shortest import shortest
from support import lockstep, make_world


def test_a_kinds_best_program_names_operands_by_their_place() -> None:
    world = make_world("calculator-v0", max_operators=2, names="any", letters=6)
    knows = capable(world, "best_programs")
    assert knows is not None
    for kind, name in enumerate(world.kinds.names):
        found = knows.best_program(kind)
        assert found is not None
        assert world.vocabulary.decode(found) == shortest(name, 1).program
        assert oracle_program(world, kind) == tuple(found)


def test_programs_are_named_as_in_each_task() -> None:
    """Also where letters are drawn; the filling stays."""
    world = make_world("calculator-v0", max_operators=3, names="any", letters=8)
    tasks = world.sample(torch.arange(len(world.kinds)), stream(0, "tasks"))
    programs = [world.best_program(kind) for kind in range(len(world.kinds))]
    width = max(map(len, programs)) + 1
    table = torch.tensor([program + [-1] * (width - len(program)) for program in programs])
    named = world.named_as_in(tasks, table)
    assert torch.equal(named == -1, table == -1)
    _, _, steps = lockstep(world, tasks, named.clamp_min(0).tolist())
    assert bool(torch.stack([step.success for step in steps]).any(0).all())
    for task, row in zip(world.describe(tasks), named.tolist(), strict=True):
        assert world.best_program_for(task) == [token for token in row if token != -1]


def test_where_there_is_no_program_it_is_none() -> None:
    world = make_world("calculator-v0", num_slots=0)
    kind = world.kinds.names.index("(a*b)-(c*d)")
    assert world.best_program(kind) is None
    assert world.best_program_for({"expression": "(a*b)-(c*d)", "operands": [1, 2, 3, 4]}) is None
    assert oracle_program(world, kind) is None


def test_a_world_without_identity_does_not_declare_them() -> None:
    world = make_world("calculator-v0", tools=["ADD", "MAX"], max_operators=2)
    assert capable(world, "best_programs") is None
    assert oracle_program(world, 0) is None


def test_expressions_that_would_be_searched_for_one_by_one_are_refused() -> None:
    """The small ones of the same world are not."""
    world = make_world("calculator-v0", tools=["ADD"], max_operators=5)
    with pytest.raises(UserError, match="max_operators must be at most 4") as refused:
        world.best_program(len(world.kinds) - 1)
    assert "\n" not in str(refused.value)
    assert world.best_program(0) is not None
