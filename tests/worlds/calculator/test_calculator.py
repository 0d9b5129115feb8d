"""calculator-v0: the batched world against its scalar twin, and both against exact polynomials and plain Python."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import inwit
from calculating import calculator_agent
from inwit.core.errors import UserError
from inwit.worlds import make_scalar
from inwit.worlds.calculator.expressions import LETTERS, Exact, Tree, parse, polynomial_of, write
from inwit.worlds.calculator.rules import FIRST_OPERAND, FIRST_SLOT, IDENTITY_POINTS, expressions_of, vocabulary_of
from inwit.worlds.calculator.tables import FULL
from inwit.worlds.calculator.tools import DEFAULT_TOOLS, TOOLS, P, Tool, balanced
from support import batch_of, lockstep, python

WORLD = "calculator-v0"
TOOL_SETS = [DEFAULT_TOOLS, ("SUB",), ("MUL", "ADD"), ("ADD", "RSB", "MUL"), ("SUB", "MAX")]


def play(expression: str, operands: list[int], program: str, num_slots: int = 1, **settings: Any) -> Any:
    task = {"expression": expression, "operands": operands, "num_slots": num_slots}
    return inwit.play(WORLD, task, program.split(), **settings)


def sampled(world: Any, kinds: torch.Tensor, seed: int = 0) -> Any:
    return world.sample(kinds, torch.Generator().manual_seed(seed))


def machine(world: Any, state: dict[str, torch.Tensor], row: int) -> dict[str, Any]:
    """A row of the batched state, as the scalar twin tells its own."""
    mode, slots = int(state["mode"][row]), world.settings.num_slots
    cells = state["cells"][row, world.settings.num_letters :, 0].tolist()
    filled = state["readable"][row, FIRST_SLOT : FIRST_SLOT + slots].tolist()
    verbs = [None, "LOAD", *world.settings.tools, "STO"]
    return {
        "accumulator": int(state["acc"][row, 0]) if mode % 2 == FULL else None,
        "slots": [value if is_full else None for value, is_full in zip(cells, filled, strict=True)],
        "pending": verbs[mode // 2],
        **({"ticks": int(state["ticks"][row])} if "ticks" in state else {}),
    }


@st.composite
def settings(draw: st.DrawFn) -> dict[str, Any]:
    tools = draw(st.sampled_from(TOOL_SETS))
    most = draw(st.integers(1, 5 if len(tools) < 3 else 3))  # few tools keep large worlds small
    names = draw(st.sampled_from(["exact", "any"]))
    return {
        "num_slots": draw(st.integers(0, 4)),
        "min_operators": draw(st.integers(1, most)),
        "max_operators": most,
        "tools": tools,
        "crossed": tuple(name for name in tools if name in ("SUB", "RSB") and draw(st.booleans())),
        "names": names,
        "letters": draw(st.sampled_from([0, most + 1, 10])) if names == "any" else 0,
        "reward": draw(st.sampled_from(["identity", "value"])),
        "milestones": draw(st.sampled_from([0.0, 0.3])) if all(TOOLS[name].polynomial for name in tools) else 0.0,
        "step_cost": draw(st.sampled_from([0.0, 0.01])),
        "max_steps": draw(st.sampled_from([0, 0, 1, 9, 60])),
        "masks": draw(st.booleans()),
        "ticks": (ticks := draw(st.sampled_from([0, 0, 1, 8]))),
        "tick_price": draw(st.sampled_from([0.0, 0.125])) if ticks else 0.0,
    }


@given(values=settings(), seed=st.integers(0, 2**32), answer_late=st.booleans())
def test_batched_agrees_with_the_scalar_twin(values: dict[str, Any], seed: int, answer_late: bool) -> None:
    """Random programs, nine tokens in ten legal: legal tokens, registers, flags and rewards after every token."""
    world, generator = inwit.make(WORLD, **values), torch.Generator().manual_seed(seed)
    tasks = sampled(world, torch.randint(0, len(world.kinds), (4,), generator=generator), seed)
    described = world.describe(tasks)
    twins = [make_scalar(WORLD, task, **values) for task in described]
    programs = [list(random_program(twin, generator, answer_late)) for twin in twins]
    states, legal, steps = lockstep(world, batch_of(world, described), programs)
    for row, program in enumerate(programs):
        twin, earned, ticks = make_scalar(WORLD, described[row], **values), 0.0, 0
        for column, token in enumerate(program):
            where = f"{values}, {described[row]}, {world.vocabulary.decode(program[: column + 1])}"
            assert legal[column][row].nonzero()[:, 0].tolist() == twin.legal(), where
            assert int(world.forced(states[column])[row]) == -1, where
            twin.step(token)
            step = steps[column]
            earned += float(step.reward[row])
            assert machine(world, states[column + 1], row) == twin.state(), where
            for name in ("terminated", "truncated", "success"):
                assert bool(getattr(step, name)[row]) == getattr(twin, name), (name, where)
            assert {name: bool(flag[row]) for name, flag in step.extra.items()} == twin.extra, where
            assert earned == pytest.approx(twin.reward, abs=1e-9), where
            ticks += int(step.counts["ticks"][row]) if values["ticks"] else 0
            assert {"ticks": ticks} == twin.counts or not values["ticks"], where
        assert bool(states[len(program)]["ended"][row]) == twin.ended


def random_program(twin: Any, generator: torch.Generator, answer_late: bool) -> Iterator[int]:
    """Tokens to the end of the episode; `answer_late` avoids ANS, so that programs grow long."""

    def pick(choices: list[int]) -> int:
        return choices[int(torch.randint(0, len(choices), (), generator=generator))]

    ans = twin.vocabulary.id("ANS")
    while not twin.ended:
        choices = twin.legal() if float(torch.rand((), generator=generator)) < 0.9 else [*range(len(twin.vocabulary))]
        token = pick(choices)
        if answer_late and token == ans and twin.steps < twin.max_steps - 1:
            token = pick(choices)
        twin.step(token)
        yield token


def test_values_wrap_around() -> None:
    """Repeated MUL passes 2**30 and 2**31 many times: residues, in the balanced range, in every lane."""
    program = ["LOAD", "a"] + ["MUL", "a"] * 28
    episode = inwit.play(WORLD, {"expression": "a*b", "operands": [7, 9]}, program, max_steps=60)
    expected = [balanced(pow(7, power, P)) for power in range(1, 30)]
    assert [state["accumulator"] for state in episode.states[1::2]] == expected
    assert max(expected) > 2**29
    assert min(expected) < -(2**29)

    world = inwit.make(WORLD, max_steps=60)
    tasks = world.task({"expression": "a*b", "operands": [7, 9]})
    states, _, _ = lockstep(world, tasks, [world.vocabulary.ids(program)])
    for power, state in enumerate(states[2::2], 1):
        lanes = [7, *(point[0] for point in IDENTITY_POINTS)]
        assert state["acc"][0].tolist() == [balanced(pow(lane, power, P)) for lane in lanes]


def test_an_unfinished_program() -> None:
    episode = play("a+b", [3, 4], "LOAD a ADD b")
    assert (episode.terminated, episode.truncated, episode.success, episode.reward) == (False, False, False, 0.0)
    assert not episode.value_success
    assert not episode.identity_success
    assert episode.states[-1] == {"accumulator": 7, "slots": [None], "pending": None}
    assert play("a+b", [3, 4], "LOAD a ADD").states[-1] == {"accumulator": 3, "slots": [None], "pending": "ADD"}
    assert play("a+b", [3, 4], "LOAD a ANS LOAD b").unused == ["LOAD", "b"]


def test_an_answer_at_the_last_step_terminates() -> None:
    for max_steps, terminated in ((5, True), (4, False)):
        episode = play("a+b", [3, 4], "LOAD a ADD b ANS", max_steps=max_steps)
        assert (episode.terminated, episode.truncated, episode.success) == (terminated, not terminated, terminated)


def test_both_readings_of_success() -> None:
    """Right by luck on these digits only, right everywhere, and right by another expression of the same polynomial."""
    lucky = play("(a*b)-(c*d)", [3, 2, 2, 3], "LOAD a SUB a ANS")
    assert (lucky.value_success, lucky.identity_success, lucky.success, lucky.reward) == (True, False, False, 0.0)
    paid = play("(a*b)-(c*d)", [3, 2, 2, 3], "LOAD a SUB a ANS", reward="value")
    assert (paid.success, paid.reward) == (False, 1.0)
    exact = play("(a*b)-(c*d)", [3, 5, 2, 7], "LOAD c MUL d STO m0 LOAD a MUL b SUB m0 ANS")
    assert (exact.value_success, exact.identity_success, exact.success, exact.reward) == (True, True, True, 1.0)
    assert play("a-(b+c)", [1, 2, 3], "LOAD a SUB b SUB c ANS").identity_success
    assert play("a-(b*c)", [1, 2, 3], "LOAD b SUB b SUB b MUL c ADD a ANS", num_slots=0).identity_success


@pytest.mark.parametrize("operands", [7, 10])
def test_the_twin_plays_expressions_larger_than_any_world(operands: int) -> None:
    expression = LETTERS[0]
    for letter in LETTERS[1:operands]:
        expression = f"({expression}+{letter})"
    program = "LOAD a " + " ".join(f"ADD {letter}" for letter in LETTERS[1:operands]) + " ANS"
    episode = play(expression, [9] * operands, program)
    assert episode.identity_success
    assert episode.states[-1]["accumulator"] == 9 * operands
    idle = inwit.play(WORLD, episode.task, ["PAD"] * 99)
    assert (idle.steps, idle.truncated) == (6 * operands, True)


def test_the_table_of_kinds() -> None:
    """As many expressions and classes as published, in order; equal classes exactly for equal polynomials."""
    kinds = inwit.make(WORLD, max_operators=4).kinds
    assert [kinds.stages.count(stage) for stage in (1, 2, 3, 4)] == [3, 18, 135, 1134]
    assert kinds.names[:4] == ("a+b", "a-b", "a*b", "a+(b+c)")
    three = inwit.make(WORLD, min_operators=3)
    assert len(set(three.kinds.classes)) == 69
    assert three.class_of.tolist() == list(three.kinds.classes)
    a_minus_b_minus_c = [name for name, c in zip(kinds.names, kinds.classes, strict=True) if c == kinds.classes[6 + 1]]
    assert kinds.names[6 + 1] == "a-(b-c)"
    assert a_minus_b_minus_c == ["a-(b-c)", "(a-b)+c"]


def test_the_vocabulary_is_the_same_for_every_world() -> None:
    names = [
        "PAD",
        "(",
        ")",
        "+",
        "-",
        "*",
        "=",
        "a",
        "b",
        "c",
        "d",
        "e",
        "f",
        "g",
        "h",
        "i",
        "j",
        "m0",
        "m1",
        "m2",
        "m3",
        "LOAD",
        "ADD",
        "SUB",
        "MUL",
        "STO",
        "ANS",
    ]
    for values in ({}, {"num_slots": 0, "max_operators": 1}, {"tools": ["SUB"]}, {"tools": ["MUL", "SUB", "ADD"]}):
        assert list(inwit.make(WORLD, **values).vocabulary.names) == names
    more = inwit.make(WORLD, tools=["ADD", "MAX", "RSB"]).vocabulary
    assert list(more.names) == [*names, "^", "MAX", "~", "RSB"]


@pytest.mark.parametrize("names", ["exact", "any"])
def test_prompts(names: str) -> None:
    """The expression's own text and `=`, left-padded to the width of the world's largest expression."""
    world = inwit.make(WORLD, names=names, letters=7)
    tasks = sampled(world, torch.arange(len(world.kinds)))
    prompt, mask = world.prompt(tasks)
    assert prompt.shape == (156, len("(a*b)-(c*d)="))
    assert torch.equal(mask, prompt != world.vocabulary.id("PAD"))
    for row, task in enumerate(world.describe(tasks)):
        text = [*task["expression"], "="]
        padding = ["PAD"] * (world.prompt_width - len(text))
        assert world.vocabulary.decode(prompt[row].tolist()) == padding + text


def test_letters_are_an_increasing_draw() -> None:
    """Every set of letters comes equally often, and its letters are the only operands that are legal."""
    world = inwit.make(WORLD, names="any", letters=5, max_operators=2)
    kind = world.kinds.names.index("(a*b)-c")
    tasks = sampled(world, torch.full((20_000,), kind))
    letters = tasks.data["letters"]
    assert bool((letters.diff(dim=1) > 0).all())
    sets, counts = torch.unique(letters, dim=0, return_counts=True)
    assert [tuple(row) for row in sets.tolist()] == list(combinations(range(5), 3))
    assert int(counts.min()) > 1800
    assert int(counts.max()) < 2200

    state = world.reset(tasks)
    state, _ = world.step(state, torch.full_like(tasks.kind, world.vocabulary.id("LOAD")))
    present = torch.zeros(20_000, len(world.vocabulary), dtype=torch.bool).scatter(1, FIRST_OPERAND + letters, True)
    assert torch.equal(world.legal(state), present)

    small = sampled(world, torch.zeros(100, dtype=torch.int64))  # a+b among expressions of three operands
    assert bool((small.data["letters"][:, 2] == -1).all())
    assert not bool(small.data["operands"][:, 2].any())


def test_identity_does_not_depend_on_the_letters() -> None:
    world = inwit.make(WORLD, names="any", letters=10)
    tasks = batch_of(world, [{"expression": text, "operands": [2, 3]} for text in ("a-b", "c-j", "b-i")])
    programs = [world.vocabulary.ids(f"LOAD {x} SUB {y} ANS".split()) for x, y in ("ab", "cj", "bi")]
    states, _, steps = lockstep(world, tasks, programs)
    assert bool(steps[-1].success.all())
    assert world.achieved(states[4]).tolist() == [world.kinds.classes[1]] * 3


@given(seed=st.integers(0, 2**32), num_slots=st.integers(0, 2), names=st.sampled_from(["exact", "any"]))
def test_achieved_against_exact_polynomials(seed: int, num_slots: int, names: str) -> None:
    """After every token of random programs: the class or part whose exact polynomial the accumulator holds, else -1."""
    tools = ("ADD", "SUB", "MUL", "RSB") if seed % 2 else DEFAULT_TOOLS
    world = inwit.make(WORLD, num_slots=num_slots, names=names, tools=tools)
    generator = torch.Generator().manual_seed(seed)
    tasks = sampled(world, torch.randint(0, len(world.kinds), (4,), generator=generator), seed)
    described = world.describe(tasks)
    programs = [
        list(random_program(make_scalar(WORLD, t, **world.settings.to_dict()), generator, True)) for t in described
    ]
    states, _, _ = lockstep(world, tasks, programs)
    known = numbered(world)
    for row, program in enumerate(programs):
        story = exact_story(world.vocabulary.decode(program), parse(described[row]["expression"], "+-*~")[1], num_slots)
        for column, polynomial in enumerate(story):
            expected = -1 if polynomial is None else known.get(polynomial, -1)
            assert int(world.achieved(states[column])[row]) == expected, (described[row], program[:column])


def numbered(world: Any) -> dict[Exact, int]:
    """The number of each exact polynomial that a world knows: its kinds' by their classes, their parts' as they say."""
    table, count = tuple(TOOLS[name] for name in world.settings.tools), world.num_operands
    trees, parts = world.expressions.trees, world.lessons().parts.tolist()
    known = {polynomial_of(tree, table, count): kind for tree, kind in zip(trees, world.kinds.classes, strict=True)}
    for tree, told in zip(trees, parts, strict=True):
        for part, number in zip(sub_expressions(tree), told, strict=False):
            known.setdefault(polynomial_of(part, table, count), number)
    return {polynomial: number for polynomial, number in known.items() if polynomial is not None}


def sub_expressions(tree: Tree) -> list[Tree]:
    """Proper ones, without the operands, in the order in which they are evaluated."""
    sides = [] if isinstance(tree, int) else [side for side in tree[1:] if not isinstance(side, int)]
    return [part for side in sides for part in (*sub_expressions(side), side)]


FOUR_TOOLS = ("ADD", "SUB", "MUL", "RSB")


@pytest.mark.parametrize(
    ("tools", "least", "most"),
    [(DEFAULT_TOOLS, 1, 3), (FOUR_TOOLS, 1, 3), (DEFAULT_TOOLS, 3, 3), (DEFAULT_TOOLS, 1, 1), (("SUB",), 1, 5)],
)
def test_the_parts_of_every_expression(tools: tuple[str, ...], least: int, most: int) -> None:
    """Kind by kind, against exact polynomials: one number for each, classes first, and what is no class after them."""
    world = inwit.make(WORLD, tools=tools, min_operators=least, max_operators=most)
    lessons, known = world.lessons(), numbered(world)
    num_classes = max(world.kinds.classes) + 1
    assert torch.equal(lessons.class_of, world.class_of)
    assert sorted(known.values()) == list(range(lessons.num_polynomials)), "Each has a number of its own, none is free."
    assert lessons.parts.shape == (len(world.kinds), most - 1)
    table = tuple(TOOLS[name] for name in tools)
    classes = {polynomial_of(tree, table, most + 1) for tree in world.expressions.trees}
    for tree, told in zip(world.expressions.trees, lessons.parts.tolist(), strict=True):
        exact = [polynomial_of(part, table, most + 1) for part in sub_expressions(tree)]
        assert told == [known[part] for part in exact if part is not None] + [-1] * (most - 1 - len(exact)), write(tree)
        assert [number < num_classes for number in told if number >= 0] == [part in classes for part in exact]


def test_parts_have_the_numbers_that_achieved_gives() -> None:
    """The registers of each sub-expression, put into the accumulator."""
    world = inwit.make(WORLD, milestones=0.5)
    state, parts = world.reset(world.greedy_tasks()), world.lessons().parts
    for index in range(parts.shape[1]):
        acc = torch.cat([state["acc"][:, :1], state["parts"][:, index]], 1)
        told = world.achieved(state | {"acc": acc, "mode": torch.full_like(state["mode"], FULL)})
        exists = parts[:, index] >= 0
        assert torch.equal(told[exists], parts[:, index][exists])
        assert torch.equal(told[~exists], world.class_of[~exists]), "What stands there is a copy of the value."


def test_what_hindsight_is_told_of_the_expressions() -> None:
    """Operands, budgets, letters and the test set."""
    world = inwit.make(WORLD, split="classes", max_operators=3)
    lessons = world.lessons()
    letters = [sum(sign in LETTERS for sign in name) for name in world.kinds.names]
    assert lessons.num_operands.tolist() == letters
    assert lessons.budget.tolist() == [6 * count for count in letters]
    assert inwit.make(WORLD, max_steps=9).lessons().budget.tolist() == [9] * len(letters)
    assert tuple((~lessons.may_teach).nonzero()[:, 0].tolist()) == world.kinds.held_out
    places = {name: place for place, name in enumerate("abcd")} | dict.fromkeys("efghij", 4)
    assert lessons.argument.tolist() == [places.get(name, -1) for name in world.vocabulary.names]


def exact_story(program: list[str], letters: str, num_slots: int) -> Iterator[Exact | None]:
    """What the accumulator holds before each token, as a polynomial; None while it is empty or a verb is pending."""
    cells: dict[str, Exact | None] = {letter: Exact.variable(i, 4) for i, letter in enumerate(letters)}
    cells |= {f"m{slot}": None for slot in range(num_slots)}
    acc, pending = None, None
    for token in program:
        yield None if pending else acc
        if pending == "STO" and token[0] == "m" and token in cells:
            cells[token], pending = acc, None
        elif pending and pending != "STO" and cells.get(token) is not None:
            acc = cells[token] if pending == "LOAD" else TOOLS[pending].apply(acc, cells[token])
            pending = None
        elif not pending and (token == "LOAD" or (acc is not None and (token in TOOLS or token == "STO"))):
            pending = token if token != "STO" or num_slots else None


def test_every_kind_achieves_its_own_class() -> None:
    """The registers of a goal are found as the kind's class, among all 1,290 expressions."""
    world = inwit.make(WORLD, max_operators=4)
    tasks = world.greedy_tasks()
    state = world.reset(tasks)
    state = state | {"acc": state["goal"], "mode": torch.full_like(state["mode"], FULL)}
    assert torch.equal(world.achieved(state), world.class_of)
    assert bool((world.achieved(state | {"mode": torch.full_like(state["mode"], 3)}) == -1).all())
    assert bool((world.achieved(state | {"acc": state["goal"] + 1}) == -1).all())


def test_greedy_tasks_are_one_row_for_each_kind() -> None:
    world = inwit.make(WORLD, names="any", letters=6)
    tasks = world.greedy_tasks()
    assert [task["expression"] for task in world.describe(tasks)] == list(world.kinds.names)
    assert torch.equal(tasks.data["operands"], world.greedy_tasks().data["operands"])
    with pytest.raises(UserError, match="one greedy run of each kind"):
        world.all_tasks([0])


def test_milestones_are_paid_once() -> None:
    """Two sub-expressions share 0.5; leaving a value again, or in a slot, pays no more."""
    program = ["LOAD", "a", "ADD", "b", "STO", "m0", "SUB", "c", "LOAD", "m0", "MUL", "c", "MUL", "c", "ANS"]
    task = {"expression": "(a+b)*c", "operands": [0, 0, 0]}
    world = inwit.make(WORLD, milestones=0.5, step_cost=0.125)
    _, _, steps = lockstep(world, world.task(task), [world.vocabulary.ids(program)])
    bonus = [float(step.reward) + 0.125 for step in steps]
    assert [index for index, paid in enumerate(bonus) if paid] == [3, 11], "after `ADD b` and after the first `MUL c`"
    assert bonus[3] == bonus[11] == 0.25
    episode = inwit.play(WORLD, task, program, milestones=0.5, step_cost=0.125)
    assert episode.reward == 0.5 - 0.125 * len(program)
    assert episode.value_success
    assert not episode.success


def test_rsb_is_one_entry() -> None:
    """value - acc: in expressions, prompts, legal tokens, classes and identity, from its line in the table alone."""
    world = inwit.make(WORLD, tools=["ADD", "SUB", "MUL", "RSB"])
    assert world.identity_defined
    assert [world.kinds.stages.count(stage) for stage in (1, 2, 3)] == [4, 32, 320]
    classes = dict(zip(world.kinds.names, world.kinds.classes, strict=True))
    assert classes["(a~b)+c"] == classes["(a-b)~c"]
    episode = play("a~b", [3, 5], "LOAD a RSB b ANS", tools=["ADD", "RSB"])
    assert episode.success
    assert episode.states[-1]["accumulator"] == 2
    assert play("a~b", [3, 5], "LOAD b SUB a ANS", tools=["SUB", "RSB"]).success
    assert not play("a~b", [3, 5], "LOAD a SUB b ANS", tools=["SUB", "RSB"]).success


def test_max_leaves_identity_undefined() -> None:
    """Not polynomial: success is by value, and expressions with it are their own classes."""
    world = inwit.make(WORLD, tools=["ADD", "MAX"])
    assert not world.identity_defined
    assert not world.capabilities & {"identity", "exam", "best_programs", "achieved"}
    classes = dict(zip(world.kinds.names, world.kinds.classes, strict=True))
    assert classes["(a+b)+c"] == classes["a+(b+c)"]
    assert classes["(a^b)^c"] != classes["a^(b^c)"]
    with pytest.raises(UserError, match="not all are polynomial"):
        world.achieved(world.reset(world.greedy_tasks()))
    episode = play("a^b", [3, 5], "LOAD a MAX b ANS", tools=["ADD", "MAX"])
    assert (episode.success, episode.value_success) == (True, True)
    assert episode.reward == 1.0
    lucky = play("a^b", [3, 5], "LOAD b ANS", tools=["ADD", "MAX"])
    assert lucky.success


@pytest.mark.parametrize("tools", [("MAX",), ("ADD", "MAX"), ("MAX", "SUB", "MUL")])
def test_a_world_without_identity_has_no_such_outcome(tools: tuple[str, ...]) -> None:
    """Neither before the answer nor after it, in the twin, in the batched world and in an evaluation's rows."""
    task, tokens = {"expression": "a^b", "operands": [3, 5]}, "LOAD a MAX b ANS"
    assert play("a^b", [3, 5], "LOAD a", tools=tools).extra == {"value_success": False}
    assert play("a^b", [3, 5], tokens, tools=tools).extra == {"value_success": True}
    world = inwit.make(WORLD, tools=tools, max_operators=1)
    assert world.extra_outcomes == ("value_success",)
    _, _, steps = lockstep(world, world.task(task), [world.vocabulary.ids(tokens.split())])
    assert [set(step.extra) for step in steps] == [{"value_success"}] * 5
    seen = inwit.evaluate(calculator_agent(world={"tools": tools, "max_operators": 1}))
    assert all("value_success" in row.extra and "identity_success" not in row.extra for row in seen.rows)


def test_a_tool_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Anything made of + - * is a tool, constants too."""
    monkeypatch.setitem(TOOLS, "TWI", Tool("TWI", "@", lambda acc, value: 2 * acc + (value - 1)))
    world = inwit.make(WORLD, tools=["ADD", "TWI"], max_operators=2)
    assert world.vocabulary.names[-2:] == ("@", "TWI")
    task = {"expression": "(a@b)+c", "operands": [3, 5, 2]}
    program = world.vocabulary.ids(["LOAD", "a", "TWI", "b", "ADD", "c", "ANS"])
    states, _, steps = lockstep(world, world.task(task), [program])
    assert bool(steps[-1].success)
    assert int(states[-1]["acc"][0, 0]) == 12
    assert int(world.achieved(states[-1])) == world.kinds.classes[world.kinds.names.index("(a@b)+c")]


BAD_TASKS = [
    ({"expression": "a"}, "expression 'a', column 2: an operator should stand here"),
    ({"expression": "a/b"}, r"column 2: an operator should stand here: \+ - \*"),
    ({"expression": "a~b"}, "column 2: an operator"),
    ({"expression": "a+"}, "column 3: an operand"),
    ({"expression": "a+k"}, "column 3: an operand"),
    ({"expression": "b+a"}, "column 3: operand a stands after b"),
    ({"expression": "a+a"}, "column 3: operand a stands after a"),
    ({"expression": "(a+b"}, "column 5: a closing parenthesis"),
    ({"expression": "a+b+c"}, "column 4: the expression should end here"),
    ({"expression": "(a+b)*(c+d))"}, "column 12"),
    ({"expression": ""}, "column 1"),
    ({"expression": 7}, "expression 7 is not text"),
    ({"expression": "a+b", "operands": [1]}, "1 operands were given: the expression a[+]b has 2"),
    ({"expression": "a+b", "operands": [1, 12]}, "operand 12 is out of range"),
    ({"expression": "a+b", "operands": [1, "x"]}, "operand = 'x' is not a whole number"),
    ({"expression": "a+b", "operands": 12}, "operands 12 are not a list"),
    ({"expression": "a+b", "num_slots": 5}, "num_slots = 5 is too large: it must be at most 4"),
    ({"expression": "a+b", "num_slots": -1}, "num_slots = -1 is too small"),
    ({"expression": "a+b", "slots": 1}, "unknown task field of calculator-v0 'slots': did you mean 'num_slots'"),
]
ONLY_BATCHED = [
    ({"expression": "(((a+b)+c)+d)+e", "operands": [1] * 5}, "has 4 operators: this world's have 1 to 3"),
    ({"expression": "a+c"}, "operand c does not exist in a[+]c: with names = exact its operands are a..b"),
    ({"expression": "a+b", "num_slots": 2}, "num_slots = 2 does not fit: this world was made with 1"),
]


@pytest.mark.parametrize(("task", "message"), BAD_TASKS)
def test_bad_tasks(task: dict[str, Any], message: str) -> None:
    task = {"operands": [1, 2]} | task
    with pytest.raises(UserError, match=message):
        inwit.play(WORLD, task, ["ANS"])
    with pytest.raises(UserError, match=message):
        inwit.make(WORLD).task(task)


@pytest.mark.parametrize(("task", "message"), ONLY_BATCHED)
def test_tasks_outside_the_world(task: dict[str, Any], message: str) -> None:
    task = {"operands": [1, 2]} | task
    with pytest.raises(UserError, match=message):
        inwit.make(WORLD).task(task)
    inwit.play(WORLD, task, ["LOAD"])


def test_a_task_must_be_whole() -> None:
    with pytest.raises(UserError, match="the task has no operands"):
        inwit.play(WORLD, {"expression": "a+b"}, ["ANS"])
    with pytest.raises(UserError, match="the task has no expression"):
        inwit.play(WORLD, {"operands": [1, 2]}, ["ANS"])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"num_slots": 5}, "num_slots = 5 is too large"),
        ({"min_operators": 3, "max_operators": 2}, "min_operators = 3 is too large: it must be at most"),
        ({"max_operators": 6}, "max_operators = 6 is too large"),
        ({"max_steps": 61}, "max_steps = 61 is too large"),
        ({"tools": ["ADD", "RSV"]}, "tools: unknown tool 'RSV': did you mean 'RSB'"),
        ({"tools": ["ADD", "ADD"]}, "tools: ADD is named twice"),
        ({"tools": []}, "tools is empty"),
        ({"names": "any", "letters": 3}, "letters = 3 is too small"),
        ({"reward": "luck"}, "reward: unknown choice 'luck'"),
        ({"split": "longest", "min_operators": 3}, "split = longest holds out every expression"),
        ({"split": "long"}, "split: unknown choice 'long': did you mean 'longest'"),
    ],
)
def test_bad_settings(values: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        inwit.make(WORLD, **values)


@pytest.mark.parametrize(("least", "most"), [(1, 2), (1, 3), (2, 4)])
def test_the_longest_expressions_are_held_out(least: int, most: int) -> None:
    """All of the most operators, none of fewer; so no polynomial is on both sides."""
    kinds = inwit.make(WORLD, min_operators=least, max_operators=most, split="longest").kinds
    signs = [sum(sign in "+-*" for sign in name) for name in kinds.names]
    assert kinds.held_out == tuple(kind for kind, count in enumerate(signs) if count == most)
    held_out = {kinds.classes[kind] for kind in kinds.held_out}
    assert not held_out & {kinds.classes[kind] for kind in range(len(kinds)) if kind not in kinds.held_out}


def test_the_identity_points_never_change() -> None:
    """Stored runs and programs were judged at these: a new draw would be a new world."""
    assert len({value for lane in IDENTITY_POINTS for value in lane}) == 30
    assert [lane[0] for lane in IDENTITY_POINTS] == PINNED
    assert all(-(P - 1) // 2 <= value <= (P - 1) // 2 for lane in IDENTITY_POINTS for value in lane)


PINNED = [1004996145, -638871542, -208744082]


def test_playing_needs_no_torch() -> None:
    code = (
        "import sys, inwit; inwit.play('calculator-v0', {'expression': 'a+b', 'operands': [1, 2]}, ['LOAD', 'a']); "
        "assert 'torch' not in sys.modules"
    )
    done = python(code)
    assert done.returncode == 0, done.stderr


def test_texts_and_trees_are_inverse() -> None:
    for tree in expressions_of(DEFAULT_TOOLS, 1, 4).trees[::7]:
        assert parse(write(tree), "+-*")[0] == tree
    assert vocabulary_of(DEFAULT_TOOLS).names[FIRST_OPERAND] == "a"
