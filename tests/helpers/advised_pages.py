"""The optimum that a page's table tells, held against Python's at random positions."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from inwit.core.vocabulary import CHOICE
from inwit.playground.advice_table import AdviceTable
from inwit.playground.advising import Episodes, advised, chances
from inwit.playground.problems import advised_examples, cells
from inwit.playground.scripts import MODEL, script
from javascript import run_javascript
from parity import REPLAY, page_of

WALK = """
async function main({ page, problems, paths }) {
  const engine = engineOf(page, bytesOf(page.blob.data)), told = [];
  for (const [k, path] of paths.entries()) {
    const problem = problems[k], ways = engine.ways(problem);
    const session = await sessionOf(engine, taskFor(engine.page, problem));
    let node = session.root;
    for (const token of path) node = await session.advance(node, token);
    const costs = session.allowed(node).map((token) => [token, ways.cost(node, token)]);
    told.push({ found: ways.at(node), costs: Object.fromEntries(costs), ended: node.ended });
  }
  return told;
}
"""


def walked(world: Any, task: Any, draws: random.Random, care: float) -> list[int]:
    """Some tokens of an episode: the world's, and own ones, with this share of best ones."""
    episodes, path = Episodes(world, world.describe(task)[0]), []
    for _ in range(draws.randrange(12)):
        twin = episodes.after(path)
        if twin.ended:
            break
        if twin.forced() != CHOICE:
            path.append(draws.choice(list(chances(twin))))
        else:
            best = world.advice(twin).best
            path.append(draws.choice(best if best and draws.random() < care else twin.legal()))
    return path


def in_page(page: dict[str, Any], asked: list[tuple[Any, list[int]]], folder: Path) -> list[dict[str, Any]]:
    problems = [{"kind": int(task.kind), "cells": cells(task), "seed": 1} for task, _ in asked]
    data = {"page": page, "problems": problems, "paths": [path for _, path in asked]}
    return run_javascript(script(MODEL) + helpers() + WALK, data, folder)


def held_against_python(world: Any, looks: int, walks: int, folder: Path, page: dict[str, Any] | None = None) -> float:
    """Lets the page answer at random positions, holds it against Python, and returns the share that the page knows.
    `page` are the world's graphs, if they are made."""
    table, asked, draws = AdviceTable(world), [], random.Random(5)
    for kind in range(len(world.kinds)):
        task = advised_examples(world, kind)[0]
        table.add(task, looks)
        asked += [(task, walked(world, task, draws, 0.8)) for _ in range(walks)]
    known = 0
    page = (page or page_of(world, {})) | {"advice": table.to_json()}
    for (task, path), told in zip(asked, in_page(page, asked, folder), strict=True):
        found = told["found"]
        if found is None:
            assert path, "The start of each problem is known."
            continue
        right = advised(world, task, path)
        assert found["value"] == pytest.approx(right["value"], abs=1e-9)
        if not found["facts"]:  # one token beyond the table
            continue
        known += 1
        assert found["facts"] == right["facts"]
        assert found["best"] == right["best"]
        assert found["values"] == pytest.approx(right["values"], abs=1e-9)
        if right["values"]:
            regrets = {token: right["value"] - value for token, value in right["values"].items()}
            assert told["costs"] == pytest.approx(regrets, abs=1e-8)
            assert {int(token) for token, cost in told["costs"].items() if cost == 0} >= set(right["best"])
    return known / len(asked)


def helpers() -> str:
    return REPLAY.read_text(encoding="utf-8").replace("function main", "function replay")
