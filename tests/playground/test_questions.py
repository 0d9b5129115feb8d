"""What a page asks, answered by Python as the page's own engine answers it; and refused in one sentence."""

from __future__ import annotations

import base64
import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import torch

from inwit.core.contracts import Agent
from inwit.core.seeding import stream
from inwit.playground.page import described
from inwit.playground.questions import answer_at
from inwit.playground.scripts import script
from inwit.playground.tables import Table
from inwit.policies import POLICIES
from inwit.worlds import WORLDS
from javascript import needs_javascript, run_javascript
from parity import REPLAY, page_of, some_tasks
from support import make_world, small_policy, untrained

ASKED = Path(__file__).parents[1] / "helpers" / "asked.js"
EPISODES = 4


def table_of(world: Any, **policies: Any) -> Table:
    """A table whose agents are called as their policies are."""
    agents = [Agent(world, policy, script="") for policy in policies.values()]
    return Table(world, agents, ["words"])


def asked(table: Table, ask: str, **message: Any) -> Any:
    """A question that goes through JSON both ways."""
    sent = json.loads(json.dumps({"ask": ask, "table": list(table.words), **message}, allow_nan=False))
    return json.loads(json.dumps(answer_at(table, sent), allow_nan=False))


def tasks_of(world: Any, count: int) -> list[list[list[int]]]:
    tasks = some_tasks(world, count)
    columns = [tasks.kind, *tasks.data.values()]
    return [[each[row].flatten().tolist() for each in columns] for row in range(count)]


def memories(position: Any) -> dict[str, Any]:
    return {name: own and own["memory"] for name, own in position["agents"].items()}


def chosen(position: Any, draws: torch.Generator) -> int:
    """A random token: by the one whose turn it is, mostly a legal one."""
    if position["forced"] >= 0:
        return position["forced"]
    weights = torch.tensor(position["legal"], dtype=torch.float64)
    if position["forced"] == -2:
        weights = torch.frombuffer(bytearray(base64.b64decode(position["chance"][2])), dtype=torch.float64)
    elif float(torch.rand((), generator=draws)) < 0.1 or not bool(weights.any()):
        weights = torch.ones_like(weights)
    return int(torch.multinomial(weights, 1, generator=draws))


def played(table: Table, task: list[list[int]], draws: torch.Generator) -> dict[str, Any]:
    """An episode of random tokens: every question with its answer."""
    begun = asked(table, "begin", task=task)
    names, steps, writes, position = list(table.seats), [], [], begun
    readings = {name: asked(table, "reading", agent=name, task=task)["answers"] for name in names}
    while not steps or not (position["terminated"] or position["truncated"]):
        read = {name: asked(table, "read", agent=name, memory=memories(position)[name])["answer"] for name in names}
        writes.append([written(table, position, draws)] if table.registers else [])
        token = chosen(position, draws)
        position = asked(table, "advance", token=token, state=position["state"], agents=memories(position))
        steps.append({"token": token, "read": read, "answer": position})
    return {"begun": {"task": task, "answer": begun}, "readings": readings, "steps": steps, "writes": writes}


def written(table: Table, position: Any, draws: torch.Generator) -> dict[str, Any]:
    """A register changed to some value that it may have."""
    index = int(torch.randint(len(table.registers), (), generator=draws))
    register = table.registers[index]
    empty = register.optional and float(torch.rand((), generator=draws)) < 0.3
    most = min(register.most, register.least + 40 if register.kind != "number" else 40)
    least = register.least if register.kind != "number" else max(register.least, -40)
    value = None if empty else int(torch.randint(least, most + 1, (), generator=draws))
    told = asked(table, "write", state=position["state"], index=index, value=value)
    return {"index": index, "value": value, "told": told}


def policies_of(world: Any) -> dict[str, Any]:
    """One of each, small."""
    chosen: dict[str, dict[str, Any]] = {"lstm": {"matrix_dtype": "float32"}, "transformer": {"layers": 2}}
    made = {}
    for name in POLICIES.names():
        known = {field.name for field in fields(POLICIES.settings(name))}
        made[name] = small_policy(name, world, **{k: v for k, v in chosen.get(name, {}).items() if k in known})
    return made


@needs_javascript
@pytest.mark.parametrize("world_id", WORLDS.names())
def test_page_and_server_give_the_same_tree(world_id: str, tmp_path: Path) -> None:
    """Every registered world with every registered policy: the same questions, asked both."""
    world = make_world(world_id, max_operators=1)
    policies, draws = policies_of(world), stream(0, "asked")
    table = table_of(world, **policies)
    renamed = dict(zip(table.seats, policies.values(), strict=True))
    episodes = [played(table, task, draws) for task in tasks_of(world, EPISODES)]
    code = script() + REPLAY.read_text(encoding="utf-8").replace("function main(", "function replayed(")
    code += ASKED.read_text(encoding="utf-8")
    told = run_javascript(code, {"page": page_of(world, renamed), "episodes": episodes}, tmp_path)
    assert told["wrong"] == {}, told["first"]
    assert told["positions"] >= EPISODES
    assert told["worst"]["f"] < 1e-4


@pytest.mark.parametrize("words", [["tutorial"], ["calculator"]])
def test_the_same_is_told_by_a_page_and_by_the_server(words: list[str]) -> None:
    agents = [untrained(), untrained(seed=1)] if words == ["tutorial"] else [calculating()]
    page = described(agents, lambda _: None)
    table = Table(agents[0].world, agents, words)
    told = asked(table, "open")
    assert told["table"] == words
    assert {name: page[name] for name in told if name not in ("table", "agents")} == {
        name: each for name, each in told.items() if name not in ("table", "agents")
    }
    assert {name: {key: own[key] for key in told["agents"][name]} for name, own in page["agents"].items()} == told[
        "agents"
    ]
    assert set(told["agents"]) == set(page["agents"])


def calculating() -> Agent:
    world = make_world("calculator-v0", max_operators=1)
    return Agent(world, small_policy("transformer", world))
