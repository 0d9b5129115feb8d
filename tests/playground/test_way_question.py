"""The question for the way from where a person stands, as Python answers it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from inwit.core.errors import UserError
from inwit.core.types import Register
from inwit.playground.way_question import answer_luck, answer_way
from support import make_world

TASK: dict[str, Any] = {"stage": 2, "operands": [5, 5, 7, 9, 8]}


WORLD = make_world("tutorial-v1")
ROW = WORLD.task(TASK)


def ids(text: str) -> list[Any]:
    return WORLD.vocabulary.ids(text.split())


def test_the_way_from_where_tokens_lead() -> None:
    found = answer_way(WORLD, ROW, ids("MUL"), with_costs=True)
    assert WORLD.vocabulary.decode(found["program"]) == ["ADD", "STO", "MUL", "RCL", "SUB", "ANS"]
    costs = {WORLD.vocabulary.names[token]: cost for token, cost in found["costs"]}
    assert costs == {"ADD": 0, "MUL": -1, "SUB": -1, "STO": -1, "ANS": -1}
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_ends_and_what_is_lost() -> None:
    whole = ids("MUL ADD STO MUL RCL SUB ANS")
    assert answer_way(WORLD, ROW, whole)["length"] == 0
    assert answer_luck(WORLD, ROW, whole) == {"right": 200, "of": 200}
    for path in (ids("ADD"), ids("MUL ANS"), [*whole, whole[0]][1:]):
        found = answer_way(WORLD, ROW, path, with_costs=True)
        assert (found["known"], found["length"], found["program"]) == (True, None, None), path


def test_luck_is_counted_on_other_problems() -> None:
    """MUL ADD ANS is right in stage 2 where d * e = 0: on 19 problems of 100."""
    lucky = WORLD.task({"stage": 2, "operands": [5, 5, 7, 0, 8]})
    counted = answer_luck(WORLD, lucky, ids("MUL ADD ANS"))
    assert counted["of"] == 200
    assert 20 < counted["right"] < 60
    assert answer_way(WORLD, lucky, ids("MUL ADD ANS"))["length"] is None


def test_after_a_change_the_search_starts_from_the_one_row() -> None:
    """The goal is 25 + 7 - 72 = -40: where the accumulator holds it, an answer is all that is to do."""
    path = [*ids("MUL"), {"index": 0, "value": -40}]
    found = answer_way(WORLD, ROW, path)
    assert WORLD.vocabulary.decode(found["program"]) == ["ANS"]
    assert answer_way(WORLD, ROW, [*path, *ids("ANS")])["length"] == 0
    assert answer_way(WORLD, ROW, [*path, *ids("ADD")])["length"] != 0
    assert answer_luck(WORLD, ROW, path) == {"right": None, "of": 200}
    emptied = answer_way(WORLD, ROW, [*ids("MUL"), {"index": 0, "value": None}])
    assert emptied["known"]


def test_a_search_that_gives_up_does_not_know() -> None:
    for limits in ({"most": 10}, {"seconds": 0}, {"stopped": lambda: True}):
        found = answer_way(WORLD, ROW, [], with_costs=True, **limits)
        assert (found["known"], found["length"]) == (False, None)
        assert {cost for _, cost in found["costs"]} <= {None}


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ([99], "token = 99 does not exist"),
        ([-1], "token = -1 does not exist"),
        ([True], "token = True does not exist"),
        ([None], "token = None does not exist"),
        ([{}], "register None does not exist: tutorial-v1 has 4, from 0"),
        ([{"index": 4, "value": 3}], "register 4 does not exist"),
        ([{"index": 0, "value": 100_000}], "acc = 100000 is no number from -99999 to 99999"),
        ([{"index": 0, "value": "3"}], "acc = '3' is no number from"),
        ([{"index": 3, "value": None}], "cursor cannot be empty"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(path: list[Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        answer_way(WORLD, ROW, path)


def test_a_register_holds_none_but_its_tokens() -> None:
    """As where the register is written: the way never starts from a position that cannot be made."""
    world = make_world("calculator-v0", max_operators=1)
    last = Register("pending", "token", 21, 25, tokens=(21, 22, 24, 25))
    world.machine_registers = (*world.machine_registers[:-1], last)
    row, index = world.task({"expression": "a+b", "operands": [1, 2]}), len(world.machine_registers) - 1
    with pytest.raises(UserError, match="pending = 23 is none of the tokens that pending may hold: "):
        answer_way(world, row, [{"index": index, "value": 23}])
    assert answer_way(world, row, [{"index": index, "value": 22}])["known"]


def test_worlds_that_draw_have_no_way() -> None:
    world = make_world("lookup-v0")
    row = world.task({"query": "F 1", "seed": 0})
    for answer in (answer_way, answer_luck):
        with pytest.raises(UserError, match="advice"):
            answer(world, row, [])
