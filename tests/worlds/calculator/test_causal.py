"""How far the calculator's states are from a right end, against every program; exchanged operators; registers."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from calculating import value_of
from inwit.core.capabilities import FAR, capable
from inwit.core.errors import UserError
from inwit.worlds.calculator.expressions import Tree, write
from inwit.worlds.calculator.tools import TOOLS, Tool
from inwit.worlds.oracle.shortest import shortest
from support import make_world
from ways_brute import empty, ends, paths


@pytest.fixture(autouse=True)
def a_tool_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """One by which what the accumulator holds, added to itself, is a goal."""
    monkeypatch.setitem(TOOLS, "TWICE", Tool("TWICE", "&", lambda acc, value: acc + acc + value + value))


def world_of(**settings: Any) -> Any:
    return capable(make_world("calculator-v0", **settings), "causal")


def state_after(world: Any, tasks: Any, programs: list[list[str]]) -> dict[str, torch.Tensor]:
    """The state of each row after its program: rows with shorter ones wait."""
    state = world.reset(tasks)
    for column in range(max(map(len, programs))):
        rows = torch.tensor([row for row, program in enumerate(programs) if column < len(program)])
        token = torch.tensor([world.vocabulary.id(programs[row][column]) for row in rows.tolist()])
        some, _ = world.step({name: each[rows] for name, each in state.items()}, token)
        state = {name: each.index_copy(0, rows, some[name]) for name, each in state.items()}
    return state


@pytest.mark.parametrize(
    ("operators", "slots", "depth", "most"),
    [
        (1, 0, 7, 8),
        (1, 1, 6, 8),
        (1, 2, 6, 7),
        (2, 0, 4, 8),
        (2, 1, 4, 8),
        (2, 2, 4, 7),
        pytest.param(1, 1, 7, 10, marks=pytest.mark.slow),
        pytest.param(1, 2, 7, 8, marks=pytest.mark.slow),
        pytest.param(2, 1, 6, 8, marks=pytest.mark.slow),
        pytest.param(2, 1, 4, 9, marks=pytest.mark.slow),
        pytest.param(2, 2, 5, 8, marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("tools", [("ADD", "SUB", "MUL"), ("MUL", "RSB"), ("TWICE", "ADD")])
def test_to_go_is_the_shortest_of_all_programs(
    operators: int, slots: int, depth: int, most: int, tools: tuple[str, ...]
) -> None:
    """From every state that `depth` tokens reach, for every expression of that size."""
    world = world_of(min_operators=operators, max_operators=operators, num_slots=slots, tools=tools, max_steps=60)
    reached = paths(empty(operators + 1, slots, tools), depth)
    kinds = len(world.kinds)
    tasks = world.greedy_tasks()[torch.arange(kinds).repeat(len(reached))]
    state = state_after(world, tasks, [path for path in reached.values() for _ in range(kinds)])
    goals = [value_of(tree) for tree in world.expressions.trees]
    expected = [ends(machine, most, frozenset(goals)).get(goal, FAR) for machine in reached for goal in goals]
    assert world.to_go(tasks, state, most).tolist() == expected
    assert len(set(expected)) > 4


def test_a_token_of_a_shortest_way_is_one_token_nearer_and_none_is_nearer_than_that() -> None:
    """From random legal states of expressions of three operators, under any letters, with one slot."""
    world = world_of(max_operators=3, names="any", letters=6)
    generator = torch.Generator().manual_seed(0)
    tasks = world.sample(torch.arange(len(world.kinds)).repeat(4), generator)
    state = world.reset(tasks)
    most = torch.randint(4, 12, (len(tasks),), generator=generator)
    for column in range(7):
        random = torch.rand(world.legal(state).shape, generator=generator).masked_fill(~world.legal(state), -1.0)
        going_on = torch.randint(0, 4, (len(tasks),), generator=generator) > 0
        token = torch.where(going_on | (column == 0), random.argmax(1), 0)  # PAD is illegal: it only spends a token
        state, _ = world.step(state, token)
    to_go = world.to_go(tasks, state, most)
    rows, token = (world.legal(state) & ~state["ended"][:, None]).nonzero().unbind(1)
    after, step = world.step({name: each[rows] for name, each in state.items()}, token)
    left = world.to_go(tasks[rows], after, most[rows] - 1)
    left = left.masked_fill(step.terminated & ~step.success, FAR)
    nearest = torch.full_like(to_go, FAR).scatter_reduce_(0, rows, left, "amin")
    alive = ~state["ended"]
    assert torch.equal(to_go[alive], torch.where(nearest == FAR, FAR, nearest + 1)[alive])
    assert 100 < (to_go[alive] < FAR).sum() < alive.sum() - 100
    assert not to_go[~alive].any()
    assert (~alive).sum() > 5


@pytest.mark.parametrize("slots", [0, 1, 2])
def test_from_the_empty_machine_it_is_the_length_of_the_shortest_program(slots: int) -> None:
    world = world_of(max_operators=3, num_slots=slots)
    tasks = world.greedy_tasks()
    lengths = [shortest(name, slots).length or FAR for name in world.kinds.names]
    assert world.to_go(tasks, world.reset(tasks), 13).tolist() == lengths
    assert len(set(lengths)) >= 4


def test_the_budget_limits_it_too() -> None:
    world = world_of(max_operators=1, max_steps=6)
    tasks = world.greedy_tasks()
    state = world.reset(tasks)
    assert world.to_go(tasks, state, 9).tolist() == [5, 5, 5]
    for token in ("LOAD", "b"):
        state, _ = world.step(state, torch.full((3,), world.vocabulary.id(token)))
    assert world.to_go(tasks, state, 9).tolist() == [3, FAR, 3]  # a-b would have to start anew: 5 tokens, 4 are left


def test_what_is_stored_and_read_at_once() -> None:
    """From a+b+c, doubled by adding it to itself: STO m0 ADD m0 ANS; without a slot it would take a new start."""
    for slots, expected in ((1, 5), (0, 7)):
        world = world_of(min_operators=2, max_operators=2, num_slots=slots, tools=("TWICE", "ADD"))
        tasks = world.greedy_tasks()[torch.tensor([world.kinds.names.index("(a+b)&c")])]
        state = state_after(world, tasks, [["LOAD", "a", "ADD", "b", "ADD", "c"]])
        assert [int(world.to_go(tasks, state, most)) for most in (expected - 1, expected, 9)] == [
            FAR,
            expected,
            expected,
        ]


def exchanged(tree: Tree, place: int, sign: str) -> Tree:
    """With the operator at this place, in the order of evaluation, exchanged."""
    count = 0

    def walk(node: Tree) -> Tree:
        nonlocal count
        if isinstance(node, int):
            return node
        left, right = walk(node[1]), walk(node[2])
        count += 1
        return (sign if count == place else node[0], left, right)

    return walk(tree)


def operators(tree: Tree) -> list[str]:
    return [] if isinstance(tree, int) else [*operators(tree[1]), *operators(tree[2]), tree[0]]


def test_exchange_takes_the_donors_operator() -> None:
    """Every pair of a base and a donor of up to two operators, every pair of variables."""
    world = world_of(max_operators=2, names="any", letters=5)
    kinds = torch.arange(len(world.kinds))
    tasks = world.sample(kinds, torch.Generator().manual_seed(1))
    trees = world.expressions.trees
    has = world.has(tasks)
    assert has.tolist() == [[place < len(operators(tree)) for place in range(2)] for tree in trees]
    tried = 0
    for to, name in enumerate(world.variables):
        for fro, source in enumerate(world.variables):
            base = kinds[has[:, to]].repeat_interleave(int(has[:, fro].sum()))
            donor = kinds[has[:, fro]].repeat(int(has[:, to].sum()))
            mixed = world.exchange(tasks[base], tasks[donor], name, source)
            signs = [operators(trees[kind])[fro] for kind in donor.tolist()]
            pairs = zip(base.tolist(), signs, strict=True)
            expected = [write(exchanged(trees[kind], to + 1, sign)) for kind, sign in pairs]
            assert [world.kinds.names[kind] for kind in mixed.kind.tolist()] == expected
            assert all(torch.equal(mixed.data[part], tasks[base].data[part]) for part in mixed.data)
            tried += len(base)
    same = world.exchange(tasks[kinds[has[:, 1]]], tasks[kinds[has[:, 1]]], "call 2")
    assert torch.equal(same.kind, kinds[has[:, 1]])
    assert tried > 1000


def test_exchange_refuses_what_is_not_there() -> None:
    world = world_of(max_operators=2)
    tasks = world.greedy_tasks()
    with pytest.raises(UserError, match=r"a\+b has no call 2"):
        world.exchange(tasks, tasks, "call 2")
    with pytest.raises(UserError, match="call 3"):
        world.exchange(tasks, tasks, "call 3")


def test_registers_are_the_numbers_of_what_they_hold() -> None:
    world = world_of(max_operators=2, num_slots=2)
    name = "(a*b)-c"
    tasks = world.greedy_tasks()[torch.tensor([world.kinds.names.index(name)])]
    program = "LOAD a MUL b STO m1 LOAD c SUB m1 LOAD b MUL b ADD"
    state, told = world.reset(tasks), []
    told.append(world.registers(state).tolist()[0])
    for token in program.split():
        state, _ = world.step(state, torch.tensor([world.vocabulary.id(token)]))
        told.append(world.registers(state).tolist()[0])
    product = world.kinds.classes[world.kinds.names.index("a*b")]
    first = int(world.lessons().num_polynomials)
    a, b, c = first, first + 1, first + 2
    load, add, sub, mul, sto = 1, 2, 3, 4, 5
    assert world.register_names == ("pending", "accumulator", "m0", "m1")
    assert told == [
        *([0, -2, -2, -2], [load, -2, -2, -2], [0, a, -2, -2], [mul, a, -2, -2], [0, product, -2, -2]),
        *([sto, product, -2, -2], [0, product, -2, product], [load, product, -2, product], [0, c, -2, product]),
        *([sub, c, -2, product], [0, -1, -2, product], [load, -1, -2, product], [0, b, -2, product]),
        *([mul, b, -2, product], [0, -1, -2, product], [add, -1, -2, product]),
    ]


def test_a_world_where_it_is_not_known_does_not_declare_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without identity; with a tool whose calls cannot be undone; with one that ignores its argument."""
    monkeypatch.setitem(TOOLS, "SQUARE", Tool("SQUARE", "$", lambda acc, value: acc * acc + value))
    monkeypatch.setitem(TOOLS, "IGNORE", Tool("IGNORE", "$", lambda acc, value: acc + value * 0))
    assert [world_of(tools=("ADD", other)) for other in ("MAX", "SQUARE", "IGNORE")] == [None] * 3
    assert world_of(tools=("ADD", "TWICE")) is not None


def test_a_register_that_is_left_alone_keeps_its_polynomial() -> None:
    """And one that a person writes is a constant: right on the digits, and no identity."""
    world = make_world("calculator-v0", max_operators=1, num_slots=1)
    tasks = world.task({"expression": "a*b", "operands": [3, 4]})
    ids, state = world.vocabulary.ids, world.reset(tasks)
    for token in ids(["LOAD", "a", "STO", "m0", "MUL", "b"]):
        state, _ = world.step(state, torch.tensor([token]))
    values, present = world.read_registers(state)
    assert values.tolist() == [[12, 3, 0]]
    assert present.tolist() == [[True, True, False]]
    slot = world.settings.num_letters
    other = world.write_registers(state, torch.tensor([[12, 5, 0]]), present)
    assert torch.equal(other["acc"], state["acc"])
    assert other["cells"][0, slot].tolist() == [5, 5, 5, 5]
    assert torch.equal(other["cells"][0, :slot], state["cells"][0, :slot])
    by_hand = world.write_registers(world.write_registers(state, values * 0, present & False), values, present)
    assert by_hand["acc"].tolist() == [[12] * 4]
    answers = [world.step(each, torch.tensor(ids(["ANS"])))[1] for each in (state, other, by_hand)]
    assert [bool(step.success) for step in answers] == [True, True, False]
    assert [bool(step.extra["value_success"]) for step in answers] == [True, True, True]


def test_a_tool_that_waits_beside_an_empty_accumulator_takes_its_argument_in_vain() -> None:
    """A way from there is one token longer than from the start."""
    world = make_world("calculator-v0", max_operators=1, num_slots=1)
    tasks = world.task({"expression": "a+b", "operands": [3, 4]})
    start = world.reset(tasks)
    for verb, argument in (("MUL", "a"), ("STO", "m0")):
        values = torch.tensor([[0, 7, world.vocabulary.id(verb)]])
        waiting = world.write_registers(start, values, torch.tensor([[False, True, True]]))
        assert int(world.to_go(tasks, waiting, 9)) == int(world.to_go(tasks, start, 9)) + 1 == 6
        assert int(world.to_go(tasks, waiting, 5)) == FAR
        after, _ = world.step(waiting, torch.tensor([world.vocabulary.id(argument)]))
        assert world.read_registers(after)[0].tolist() == [[0, 7, 0]]
        assert world.read_registers(after)[1].tolist() == [[False, True, False]]
