"""The page's search for the shortest way, against the oracle and against a search through all programs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import inwit
from inwit.core.capabilities import capable
from inwit.core.seeding import stream
from inwit.core.types import Tasks, map_rows
from inwit.playground.blob import Blob
from inwit.playground.scripts import script
from inwit.playground.together import rules_together
from inwit.worlds.oracle.clocks import clocks
from inwit.worlds.oracle.programs import oracle_program
from javascript import needs_javascript, run_javascript
from parity import REPLAY, packed
from support import make_world

MAIN = """
function main({ page, asked, most }) {
  const constants = constantsOf(page.blob, bytesOf(page.blob.data)), rules = rulesTogether(page, constants);
  return asked.map(({ numbers, tokens, alone, skipped }) => {
    let state = rules.open(numbers.map((number) => constants[number]));
    for (const token of tokens) ({ state } = rules.step(state, token));
    const first = (tensor) => {
      const size = tensor.data.length / rules.rows;
      return { ...tensor, shape: [1, ...tensor.shape.slice(1)], data: tensor.data.slice(0, size) };
    };
    const own = Object.fromEntries(Object.entries(state).map(([name, tensor]) => [name, first(tensor)]));
    const start = alone ? inAllRows(own, rules.rows) : state;
    return wayAtOnce(skipped ? { ...rules, clocks: [] } : rules, start, most);
  });
}
"""


def ways(world: Any, asked: list[dict[str, Any]], folder: Path, most: int = 300_000) -> list[dict[str, Any]]:
    """For each of `asked`: its tasks' way after some tokens, in all rows or in the first row alone."""
    blob = Blob()
    together = rules_together(world, blob)
    questions = []
    for question in asked:
        tasks: Tasks = question["tasks"]
        numbers = [blob.add(tensor) for tensor in (tasks.kind, *tasks.data.values())]
        plain = {"numbers": numbers, "tokens": question.get("tokens", []), "alone": question.get("alone", False)}
        questions.append(plain | {"skipped": question.get("skipped", False)})
    page = {"together": together, "blob": packed(blob)}
    whole = script() + REPLAY.read_text(encoding="utf-8").replace("function main", "function replay") + MAIN
    return run_javascript(whole, {"page": page, "asked": questions, "most": most}, folder, seconds=300)


def rows_of(world: Any, kind: int, seed: int = 0) -> Tasks:
    rows = 1 if capable(world, "identity") else 8
    return world.sample(torch.full((rows,), kind), stream(seed, "ways"))


@needs_javascript
def test_from_the_start_the_way_is_the_oracles(tmp_path: Path) -> None:
    world = make_world("tutorial-v1")
    found = ways(world, [{"tasks": rows_of(world, kind)} for kind in range(3)], tmp_path)
    for kind, way in enumerate(found):
        assert way["known"]
        assert len(way["tokens"]) == len(oracle_program(world, kind) or ())


@needs_javascript
@pytest.mark.slow
def test_of_every_expression_the_way_is_as_long_as_the_proven_one(tmp_path: Path) -> None:
    world = make_world("calculator-v0", max_operators=2)
    found = ways(world, [{"tasks": rows_of(world, kind)} for kind in range(len(world.kinds))], tmp_path)
    for kind, way in enumerate(found):
        assert len(way["tokens"]) == len(world.best_program(kind)), world.kinds.names[kind]


@needs_javascript
@pytest.mark.slow
def test_from_any_state_the_way_is_the_shortest_of_all_programs(tmp_path: Path) -> None:
    """From 60 states after random legal tokens, on one problem alone: where the search finds none, there is none."""
    world, draws = make_world("tutorial-v1", max_steps=6), stream(3, "states")
    asked, expected = [], []
    for number in range(60):
        tasks, tokens = rows_of(world, number % 3, number), []
        state = map_rows(world.reset(tasks), lambda tensor: tensor[:1])
        for _ in range(number % 4):
            token = torch.multinomial(world.legal(state).double(), 1, generator=draws)[:, 0]
            if int(token) == world.vocabulary.id("ANS"):
                break
            state, _ = world.step(state, token)
            tokens.append(int(token))
        asked.append({"tasks": tasks, "tokens": tokens, "alone": True})
        expected.append(shortest(world, state))
    for way, length, question in zip(ways(world, asked, tmp_path), expected, asked, strict=True):
        assert way["known"]
        assert (None if way["tokens"] is None else len(way["tokens"])) == length
        assert_python_finds_the_same(world, question, way)
    together = [question | {"alone": False} for question in asked]
    for way, question in zip(ways(world, together, tmp_path), together, strict=True):
        assert_python_finds_the_same(world, question, way)
    assert None in expected
    assert len(set(expected)) > 3


def assert_python_finds_the_same(world: Any, question: dict[str, Any], way: dict[str, Any]) -> None:
    """The same program, after as many positions."""
    state = world.reset(question["tasks"])
    for token in question["tokens"]:
        state, _ = world.step(state, torch.full((len(state["ended"]),), token))
    found = inwit.way(world, map_rows(state, lambda tensor: tensor[:1]) if question["alone"] else state)
    assert (found.length, found.looked) == (way["tokens"] and len(way["tokens"]), way["looked"])
    assert found.program == (None if way["tokens"] is None else tuple(way["tokens"]))


def shortest(world: Any, state: dict[str, torch.Tensor]) -> int | None:
    """The length of the shortest program that is right from here, by running all programs."""
    for length in range(1, world.max_steps + 1):
        rows, token = world.legal(state).nonzero().unbind(1)
        if not len(rows):
            return None
        state, step = world.step(map_rows(state, lambda tensor, rows=rows: tensor[rows]), token)
        if bool(step.success.any()):
            return length
        state = map_rows(state, lambda tensor, live=~(step.terminated | step.truncated): tensor[live])
    return None


@needs_javascript
@pytest.mark.slow
def test_a_search_that_gives_up_does_not_know(tmp_path: Path) -> None:
    world = make_world("tutorial-v1")
    [way] = ways(world, [{"tasks": rows_of(world, 2)}], tmp_path, most=10)
    assert way == {"tokens": None, "looked": 10, "known": False}


def test_clocks_are_found_by_running() -> None:
    assert clocks(make_world("tutorial-v1")) == ["steps"]
    assert clocks(make_world("calculator-v0")) == ["steps"]
    assert clocks(make_world("calculator-v0", ticks=2)) == [], "A THINK spends nothing."


def test_a_world_that_answers_by_chance_has_no_programs() -> None:
    assert rules_together(make_world("lookup-v0"), Blob()) is None
