"""What is best and what is known in a world that answers: asked of Python, and read by the page from its table."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from advised_pages import held_against_python, helpers, walked
from inwit.core.capabilities import capable
from inwit.core.errors import UserError
from inwit.playground.advice_table import advice_table
from inwit.playground.advising import advised
from inwit.playground.contents import world_told
from inwit.playground.problems import cells, problems
from inwit.playground.scripts import MODEL, script
from inwit.worlds import make_scalar
from inwit.worlds.oracle.from_state import Limits
from javascript import needs_javascript, run_javascript
from parity import page_of
from support import make_world

ASKED = """
async function main({ page, task, told }) {
  const engine = engineOf(page, bytesOf(page.blob.data)), session = await sessionOf(engine, taskFor(engine.page, task));
  const asked = [], waiting = [];
  const ways = askedAdvice((path) => {
    asked.push(path);
    return new Promise((found, lost) => { waiting.push({ found, lost }); });
  });
  const before = ways.at(session.root), [token] = session.allowed(session.root);
  const late = ways.search(session.root), next = await session.advance(session.root, token);
  const newer = ways.search(next);
  waiting[0].lost(new Error("a newer question"));
  waiting[1].lost(new Error("no answer"));
  await late;
  await newer;
  const unanswered = [ways.at(session.root), ways.at(next)], again = ways.search(session.root);
  waiting[2].found(told);
  await again;
  await ways.search(session.root);
  const costs = Object.keys(told.values).map((each) => ways.cost(session.root, Number(each)));
  return { before: before === undefined, unanswered: unanswered.map((each) => each === undefined), asked, costs,
    found: ways.at(session.root) };
}
"""
POSED = """
function main({ page }) {
  const known = page.advice.problems.map((problem) => JSON.stringify(problem[0]));
  const seeds = [1, 2, 3, 4, 5, 6, 7, 8], of = ({ kind, cells }) => JSON.stringify([kind, cells]);
  const posed = page.problems.flatMap((_, kind) => seeds.map((seed) => drawnProblem(page, kind, seed)));
  return {
    known: posed.every((problem) => known.includes(of(problem))),
    count: new Set(posed.map(of)).size,
    another: posed.every((problem) => of(anotherProblem(page, problem)) !== of(problem)),
  };
}
"""
NONE = """
const main = ({ page, problem }) => engineOf(page, bytesOf(page.blob.data)).ways(problem);
"""


@pytest.fixture(scope="module")
def small() -> Any:
    """A world and its graphs."""
    world = make_world("lookup-v0", queries=["Tx", "Tx?y:z"])
    return world, page_of(world, {})


@needs_javascript
def test_the_page_knows_what_python_knows(small: Any, tmp_path: Path) -> None:
    world, page = small
    assert held_against_python(world, 400, 25, tmp_path, page) > 0.7


@needs_javascript
@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "share"),
    [
        ({"queries": ["TUx", "Tx?Uy:Vz"]}, 0.6),
        ({"queries": ["Tx"], "fail": 0.5, "broken": 0.2, "sure_price": 0.1}, 0.4),
        ({"queries": ["Tx"], "masks": False, "max_steps": 4}, 0.5),
        ({"queries": ["Tx"], "lie": 0.1, "sure_price": 0.1, "max_steps": 6}, 0.3),
    ],
)
def test_the_page_knows_what_python_knows_in_other_worlds(
    settings: dict[str, Any], share: float, tmp_path: Path
) -> None:
    assert held_against_python(make_world("lookup-v0", **settings), 500, 40, tmp_path) > share


def test_what_is_hidden_is_not_told() -> None:
    """The same tokens, whatever else is hidden: the same answer, as far as they can come."""
    world, draws = make_world("lookup-v0"), random.Random(0)
    plain = world.task({"query": "G F 3"})
    hidden = [make_scalar("lookup-v0", {"query": "G F 3", "seed": seed}).task_dict() for seed in range(20)]
    held = 0
    for _ in range(15):
        path = walked(world, plain, draws, 0.7)
        told = advised(world, plain, path)
        for task in hidden:
            try:
                drawn = advised(world, world.task(task), path)
            except UserError:  # other answers are hidden there
                continue
            held += 1
            assert {name: drawn[name] for name in ("best", "values", "facts")} == {
                name: told[name] for name in ("best", "values", "facts")
            }
    assert held > 30


def test_before_the_worlds_token_the_value_is_expected() -> None:
    world = make_world("lookup-v0")
    task, [tool, cell, four] = world.task({"query": "F 3"}), world.vocabulary.ids(["F", "3", "4"])
    start, opened, asked = (advised(world, task, [tool, cell][:k]) for k in range(3))
    assert [each["value"] for each in (start, opened)] == [0.98, 0.98]
    assert (asked["value"], asked["best"], asked["values"]) == (1.0, [], {}), "The call is paid."
    assert asked["facts"] == {"asked": "F 3", "answered": "·", "known": "none", "needed": "F 3"}
    heard = advised(world, task, [tool, cell, four])
    assert heard["facts"] == {"asked": "F 3", "answered": "4", "known": "F 3 = 4", "needed": "·"}
    guessed = [*world.vocabulary.ids(["ANS", "4"])]
    assert advised(world, task, guessed)["value"] == pytest.approx(0.2), "The verdict draws the cell."
    assert advised(world, task, [*guessed, four])["value"] == 0


def test_tokens_that_cannot_come_are_said() -> None:
    world = make_world("lookup-v0")
    task, ids = world.task({"query": "F 3"}), world.vocabulary.ids
    with pytest.raises(UserError, match="token 2 cannot be F: there it is one of 0 1 2 3 4"):
        advised(world, task, ids(["F", "F"]))
    with pytest.raises(UserError, match="token 3 cannot be ERR"):
        advised(world, task, ids(["F", "3", "ERR"]))
    with pytest.raises(UserError, match="ends after 3 tokens"):
        advised(world, task, ids(["ANS", "3", "3", "F"]))


def test_where_no_optimum_is_claimed_there_are_facts() -> None:
    world = make_world("lookup-v0", num_values=2, queries=["Tx"])
    told = advised(world, world.task({"query": "F 1"}), world.vocabulary.ids(["F", "1", "0"]))
    assert (told["best"], told["values"], told["value"]) == ([], {}, None)
    assert told["facts"]["known"] == "F 1 = 0"


def test_where_the_time_is_up_no_value_is_known() -> None:
    """Before the world's token the value is an expectation over all answers: seconds, in a large world."""
    world = make_world("lookup-v0", num_values=3, queries=["Tx"], fail=0.5, sure_price=0.1)
    task, path = world.task({"query": "F 1"}), world.vocabulary.ids(["F", "1"])
    known, given_up = (advised(world, task, path, limits) for limits in (None, Limits(stopped=lambda: True)))
    assert known["value"] is not None
    assert given_up == known | {"value": None}


def test_advice_without_a_registered_twin_is_told_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """By page and server alike: only a twin can be asked."""
    world = make_world("lookup-v0", queries=["Tx"])
    task = world.task({"query": "F 1"})
    monkeypatch.setattr(type(world), "id", "unknown-v0")
    assert capable(world, "advice") is not None
    assert not world_told(world, lambda _: None)["advises"]
    assert advice_table(world) is None
    assert advised(world, task, []) == {"best": [], "values": {}, "value": None, "facts": {}}


@needs_javascript
def test_a_world_without_advice_has_no_optimum(small: Any, tmp_path: Path) -> None:
    advised_world, page = small

    class Silent(type(advised_world)):
        capabilities = frozenset({"all_tasks", "chance"})

    world = Silent(advised_world.settings)
    assert capable(world, "advice") is None
    assert advice_table(world) is None
    task = world.task({"query": "F 1"})
    assert advised(world, task, []) == {"best": [], "values": {}, "value": None, "facts": {}}
    page |= {"advice": None, "together": None}
    problem = {"kind": 0, "cells": cells(task), "seed": 1}
    assert run_javascript(script(MODEL) + helpers() + NONE, {"page": page, "problem": problem}, tmp_path) is None


@needs_javascript
def test_what_python_is_asked_is_asked_again_where_another_question_came_between(small: Any, tmp_path: Path) -> None:
    world, page = small
    task = world.task({"query": "F 1"})
    told = advised(world, task, [])
    data = {"page": page, "task": {"kind": 0, "cells": cells(task), "seed": 1}, "told": told}
    seen = run_javascript(script(MODEL) + helpers() + ASKED, data, tmp_path)
    assert seen["before"]
    assert seen["unanswered"] == [True, False], "The newest question has no answer for good."
    first = world.vocabulary.id("ANS")
    assert seen["asked"] == [[], [first], []], "What is known is not asked again."
    assert seen["found"] == told
    assert seen["costs"] == pytest.approx([0.98 - value for value in told["values"].values()])


@needs_javascript
def test_a_page_poses_the_problems_of_which_it_knows_the_optimum(
    small: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, _ = small
    monkeypatch.setattr("inwit.playground.advice_table.LOOKS", 60)
    page = {"advice": advice_table(world), "problems": problems(world)}
    seen = run_javascript(script(MODEL) + helpers() + POSED, {"page": page}, tmp_path)
    assert seen == {"known": True, "count": 6, "another": True}, "Three of each of two kinds."
