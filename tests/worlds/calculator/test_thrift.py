"""Thrifty tokens against what thrift means: every call sequence that wastes nothing, found by trying them all."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
import torch

import inwit
from calculating import NUMBERS, PRIME, WORLD, holds, letters_of
from inwit.core.types import Tasks
from inwit.rollout.babble import babble
from inwit.worlds import make_scalar
from inwit.worlds.calculator.expressions import LETTERS
from inwit.worlds.running import any_of

Call = tuple[str, str]


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def tasks_of(world: Any, rows: int, seed: int = 0) -> Tasks:
    return world.sample(torch.randint(0, len(world.kinds), (rows,), generator=seeded(seed)), seeded(seed))


def wastes_nothing(calls: list[Call], letters: list[str]) -> bool:
    """Whether a program of whole calls, from its first to its last, reads every value that is there once.

    A value is an operand, or what a call left in the accumulator. The accumulator's is used by the next tool, or put
    in a slot and the accumulator loaded anew, with something else. A value in a slot is used as an operand is. What
    was only loaded is not worth a slot.
    """
    slots: dict[str, bool] = {}  # slot -> whether its value has been read
    operands: list[str] = []
    for index, (verb, name) in enumerate(calls):
        before = calls[index - 1] if index else ("", "")
        if verb == "STO":
            if before[0] in ("", "LOAD", "STO") or not slots.get(name, True):
                return False
            slots[name] = False
            continue
        drops = index > 0 and before[0] != "STO"
        if (verb == "LOAD") is drops or (verb == "LOAD" and before == ("STO", name)):
            return False
        if name in letters:
            operands.append(name)
        elif slots.get(name, True):
            return False
        else:
            slots[name] = True
    return sorted(operands) == letters and all(slots.values())


def all_thrifty(letters: list[str], tools: list[str], num_slots: int) -> set[str]:
    """Every program of at most five calls that wastes nothing, by trying all of them."""
    slots = [f"m{slot}" for slot in range(num_slots)]
    calls = [("STO", slot) for slot in slots] + list(product(["LOAD", *tools], [*letters, *slots]))
    programs = (list(program) for length in range(1, 6) for program in product(calls, repeat=length))
    return {" ".join(f"{verb} {name}" for verb, name in each) for each in programs if wastes_nothing(each, letters)}


def allowed_after(world: Any, expression: str, prefixes: list[list[int]]) -> list[list[int]]:
    """The thrifty tokens after each beginning of a program, all of one length; they must be legal ones."""
    task = {"expression": expression, "operands": [1] * len(letters_of(expression))}
    state = world.reset(world.task(task).repeat_interleave(len(prefixes)))
    thrift = world.thrift(state)
    for token in torch.tensor(prefixes, dtype=torch.int64).unbind(1):
        thrift.note(state, token)
        state, _ = world.step(state, token)
    allowed = thrift.allowed(state)
    assert not bool((allowed & ~world.legal(state)).any()), "Thrift allows what the rules do not."
    return [row.nonzero()[:, 0].tolist() for row in allowed]


def walked(world: Any, expression: str) -> Iterator[str]:
    """Every program that thrifty tokens can write, to where none is left."""
    prefixes: list[list[int]] = [[]]
    while prefixes:
        assert len(prefixes[0]) <= 20, "A program that reads every value once ends."
        tokens = allowed_after(world, expression, prefixes)
        yield from (
            " ".join(world.vocabulary.decode(prefix)) for prefix, more in zip(prefixes, tokens, strict=True) if not more
        )
        prefixes = [[*prefix, token] for prefix, more in zip(prefixes, tokens, strict=True) for token in more]


@pytest.mark.parametrize(("num_slots", "count"), [(0, 6), (1, 12), (2, 18)])
def test_thrifty_programs_are_all_that_waste_nothing(num_slots: int, count: int) -> None:
    """One tool, three operands: six orders of reading, and for each slot six more that compute a part first."""
    world = inwit.make(WORLD, tools=["SUB"], num_slots=num_slots, max_operators=2)
    programs = list(walked(world, "a-(b-c)"))
    assert len(set(programs)) == len(programs) == count
    assert set(programs) == all_thrifty(["a", "b", "c"], ["SUB"], num_slots)


def test_thrifty_programs_with_several_tools() -> None:
    """Two tools, two operands, and any letters: thrift goes by what is there."""
    world = inwit.make(WORLD, tools=["ADD", "SUB"], num_slots=2, max_operators=2, names="any", letters=6)
    assert set(walked(world, "b+e")) == all_thrifty(["b", "e"], ["ADD", "SUB"], 2)
    assert set(walked(world, "b+e")) == {f"LOAD {x} {tool} {y}" for x, y in ("be", "eb") for tool in ("ADD", "SUB")}


def test_formulas_of_four_operands_are_all_there() -> None:
    """One slot is enough to write each of the 135 expressions of three operators, part by part, wasting nothing."""
    world = inwit.make(WORLD, min_operators=3)
    point = dict(zip(LETTERS, NUMBERS, strict=True))
    goals = {eval(name, {}, point) % PRIME for name in world.kinds.names}
    reached, programs = set(), list(walked(world, "((a+b)+c)+d"))
    assert len(set(programs)) == len(programs) == 3240
    for program in programs:
        tokens = program.split()
        calls = list(zip(tokens[::2], tokens[1::2], strict=True))
        assert wastes_nothing(calls, ["a", "b", "c", "d"]), program
        reached.add(holds(tokens, "((a+b)+c)+d", 1)[-1])
    assert goals <= reached


def thrifty_length(tokens: list[str], letters: list[str]) -> int:
    """How many of the tokens are a complete program that wastes nothing; 0 if none of its beginnings is one."""
    calls = list(zip(tokens[::2], tokens[1::2], strict=False))
    return next((2 * n for n in range(1, len(calls) + 1) if wastes_nothing(calls[:n], letters)), 0)


@pytest.mark.parametrize("settings", [{"num_slots": 0}, {}, {"num_slots": 2}, {"names": "any", "letters": 6}])
def test_thrifty_babble_wastes_nothing_and_never_stands_still(settings: dict[str, Any]) -> None:
    """Every row is a program that wastes nothing, and then any legal tokens to its end."""
    world = inwit.make(WORLD, **settings)
    tasks = tasks_of(world, 200)
    tokens, _ = babble(world, tasks, seeded(1), thrifty=1.0)
    for task, row in zip(world.describe(tasks), tokens.tolist(), strict=True):
        program = world.vocabulary.decode(row)
        length = thrifty_length(program, letters_of(task["expression"]))
        assert 0 < length <= world.settings.budget(len(task["operands"])), f"{program} on {task['expression']}"
        twin = make_scalar(WORLD, task, **world.settings.to_dict())
        for token in row:
            if twin.ended:
                break
            assert token in twin.legal(), f"{program} on {task['expression']}"
            twin.step(token)
        assert twin.truncated


def test_the_first_share_of_the_rows_is_thrifty() -> None:
    world = inwit.make(WORLD, min_operators=3)
    tasks = tasks_of(world, 400)
    tokens, _ = babble(world, tasks, seeded(1), thrifty=0.25)
    thrifty = [
        thrifty_length(world.vocabulary.decode(row), letters_of(task["expression"])) > 0
        for row, task in zip(tokens.tolist(), world.describe(tasks), strict=True)
    ]
    assert all(thrifty[:100])
    assert sum(thrifty[100:]) < 30, "Random programs are hardly ever thrifty."


def test_without_thrift_babble_is_uniform() -> None:
    """The same tokens, draw by draw, as from the legal ones alone."""
    world = inwit.make(WORLD)
    tasks = tasks_of(world, 100)
    tokens, _ = babble(world, tasks, seeded(1), thrifty=0.0)
    state, generator = world.reset(tasks), seeded(1)
    for column in range(world.num_columns):
        legal = world.legal(state)
        legal[:, world.answer] = False
        token = any_of(legal, generator)
        assert torch.equal(token, tokens[:, column])
        state, _ = world.step(state, token)


def test_thrifty_babble_meets_every_class() -> None:
    """All twelve polynomials of three operands, in as many programs as one small update babbles."""
    world = inwit.make(WORLD, min_operators=2, max_operators=2)
    _, achieved = babble(world, tasks_of(world, 512), seeded(1), thrifty=1.0)
    assert set(world.kinds.classes) <= set(achieved.flatten().tolist())


def test_thrift_counts_what_has_been_read_in_each_row_for_itself() -> None:
    """Rows with other letters, at other places of their programs."""
    world = inwit.make(WORLD, names="any", letters=4, max_operators=2)
    tasks = Tasks(
        torch.cat([world.task({"expression": text, "operands": [1, 2, 3]}).kind for text in ("a+(b+c)", "b+(c+d)")]),
        {"operands": torch.tensor([[1, 2, 3]] * 2), "letters": torch.tensor([[0, 1, 2], [1, 2, 3]])},
    )
    state = world.reset(tasks)
    thrift = world.thrift(state)
    programs = ["LOAD b ADD c STO m0", "LOAD d SUB b LOAD c"]  # the second drops what it computed
    for token in torch.tensor([world.vocabulary.ids(program.split()) for program in programs]).unbind(1):
        thrift.note(state, token)
        state, _ = world.step(state, token)
    told = [world.vocabulary.decode(row.nonzero()[:, 0].tolist()) for row in thrift.allowed(state)]
    assert told == [["LOAD"], []], "One must load what is left; the other has read all there is."
