"""What a page asks, answered by Python as the page's own engine answers it; and refused in one sentence."""

from __future__ import annotations

import base64
import json
import random
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import torch

import inwit
from inwit.core.contracts import Agent
from inwit.core.errors import UserError
from inwit.core.seeding import stream
from inwit.core.types import Output, Tasks
from inwit.playground.page import described
from inwit.playground.problems import problems
from inwit.playground.questions import answer, answer_at
from inwit.playground.scripts import script
from inwit.playground.tables import Table, Tables
from inwit.policies import POLICIES
from inwit.rollout.collect import collect
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
        writes.append([written(table, position, draws)] if table.machine.write else [])
        token = chosen(position, draws)
        position = asked(table, "advance", token=token, state=position["state"], agents=memories(position))
        steps.append({"token": token, "read": read, "answer": position})
    return {"begun": {"task": task, "answer": begun}, "readings": readings, "steps": steps, "writes": writes}


def written(table: Table, position: Any, draws: torch.Generator) -> dict[str, Any]:
    """A register changed to some value that it may have."""
    index = int(torch.randint(len(table.machine.registers), (), generator=draws))
    register = table.machine.registers[index]
    empty = register.optional and float(torch.rand((), generator=draws)) < 0.3
    most = min(register.most, register.least + 40 if register.kind != "number" else 40)
    least = register.least if register.kind != "number" else max(register.least, -40)
    if register.tokens:
        least, most = 0, len(register.tokens) - 1
    value = None if empty else int(torch.randint(least, most + 1, (), generator=draws))
    value = register.tokens[value] if register.tokens and value is not None else value
    told = asked(table, "write", state=position["state"], index=index, value=value)
    return {"index": index, "value": value, "told": told}


def policies_of(world: Any, first: int, each: int = 2) -> dict[str, Any]:
    """Every second policy, or every third, ..., small."""
    chosen: dict[str, dict[str, Any]] = {"lstm": {"matrix_dtype": "float32"}, "transformer": {"layers": 2}}
    made = {}
    for name in POLICIES.names()[first::each]:
        known = {field.name for field in fields(POLICIES.settings(name))}
        made[name] = small_policy(name, world, **{k: v for k, v in chosen.get(name, {}).items() if k in known})
    return made


@pytest.mark.slow
@needs_javascript
@pytest.mark.parametrize("world_id", WORLDS.names())
def test_page_and_server_give_the_same_tree(world_id: str, tmp_path: Path) -> None:
    """The same questions, asked both: in each world another part of the policies, together all of them."""
    world, worlds = make_world(world_id, max_operators=1), WORLDS.names()
    check_same(world, policies_of(world, worlds.index(world_id), len(worlds)), tmp_path)


@needs_javascript
def test_page_and_server_give_the_same_tree_of_the_tutorial(tmp_path: Path) -> None:
    world = make_world("tutorial-v1")
    check_same(world, {"gru": small_policy("gru", world)}, tmp_path)


def check_same(world: Any, policies: dict[str, Any], folder: Path) -> None:
    table = table_of(world, **policies)
    renamed = dict(zip(table.seats, policies.values(), strict=True))
    draws = stream(0, "asked")
    episodes = [played(table, task, draws) for task in tasks_of(world, EPISODES)]
    code = script() + REPLAY.read_text(encoding="utf-8").replace("function main(", "function replayed(")
    code += ASKED.read_text(encoding="utf-8")
    told = run_javascript(code, {"page": page_of(world, renamed), "episodes": episodes}, folder)
    assert told["wrong"] == {}, told["first"]
    assert told["positions"] >= EPISODES
    assert told["worst"]["f"] < 1e-4


def test_the_same_is_told_by_a_page_and_by_the_server() -> None:
    agent = untrained()
    page = described([agent], lambda _: None)
    told = asked(Table(agent.world, [agent], ["one"]), "open")["page"]
    assert told.pop("table") == ["one"]
    assert (told.pop("golden"), page.pop("golden")[0]["agent"]) == ([], "gru"), "it checks nothing against itself"
    assert told["agents"].keys() == page["agents"].keys()
    for name, shown in told.pop("agents").items():
        assert {key: page["agents"][name][key] for key in shown} == shown
    assert {key: page[key] for key in told} == told
    assert {*told} >= {
        "vocabulary",
        "kinds",
        "columns",
        "masks",
        "limit",
        "problems",
        "yardsticks",
        "registers",
        "draws",
    }


def test_a_script_goes_on_on_another_server() -> None:
    """Its memory is what it was told: no number that only this process knows."""
    here, there = (Tables().table(["pipeline"]) for _ in range(2))
    task = tasks_of(here.world, 1)[0]
    position = asked(here, "begin", task=task)
    asked(there, "begin", task=tasks_of(here.world, 3)[2])
    program = []
    while not (position.get("terminated") or position.get("truncated")):
        logits = torch.frombuffer(
            bytearray(base64.b64decode(position["agents"]["pipeline"]["logits"][2])), dtype=torch.float32
        )
        program.append(int(logits.argmax()))
        own = {"token": program[-1], "state": position["state"], "agents": memories(position)}
        position = asked([here, there][len(program) % 2], "advance", **own)
    assert position["success"]
    kind, data = task[0], dict(zip(here.data, task[1:], strict=True))
    tasks = Tasks(torch.tensor(kind), {name: torch.tensor([cells]) for name, cells in data.items()})
    agent = inwit.load("pipeline")
    assert collect(agent.world, agent.policy, tasks).tokens[0, : len(program)].tolist() == program


def test_the_prompt_is_read_token_by_token() -> None:
    table = table_of(make_world("tutorial-v1"), gru=small_policy("gru", make_world("tutorial-v1")))
    task = tasks_of(table.world, 1)[0]
    [name] = table.seats
    answers = asked(table, "reading", agent=name, task=task)["answers"]
    assert len(answers) == 6
    assert answers[-1] == asked(table, "begin", task=task)["agents"][name]
    assert asked(Tables().table(["pipeline"]), "reading", agent="pipeline", task=task) == {"answers": []}


class Flighty(torch.nn.Module):
    """Keeps no gradients away by itself, draws nothing, and cannot answer from a memory alone."""

    def begin(self, prompt: Any, prompt_mask: Any, stage: Any) -> Any:
        return self.step(stage, {"half": torch.ones(len(prompt), 2, dtype=torch.bfloat16, requires_grad=True)})

    def step(self, token: Any, memory: Any) -> Any:
        memory = {"half": memory["half"] * 2}
        value = torch.full((len(token),), float("nan"))
        return Output(torch.full((len(token), 18), float("-inf")), value), memory


def test_what_json_has_not_and_a_policy_that_cannot_read() -> None:
    table = table_of(make_world("tutorial-v1"), odd=Flighty())
    begun = asked(table, "begin", task=tasks_of(table.world, 1)[0])
    own = begun["agents"]["Flighty"]
    assert own["value"] == "NaN"
    assert base64.b64decode(own["memory"]["half"][2]) == torch.tensor([2.0, 2.0]).numpy().tobytes()
    assert asked(table, "read", agent="Flighty", memory=own["memory"]) == {"answer": None}


def test_nothing_is_drawn_from_the_global_random_state() -> None:
    tables = Tables()
    before = torch.get_rng_state(), random.getstate()
    grads = torch.is_grad_enabled()
    told = answer(tables, {"ask": "open", "table": ["lookup-v0"]})["page"]
    begun = answer(tables, {"ask": "begin", "table": told["table"], "task": tasks_of(make_world("lookup-v0"), 1)[0]})
    answer(tables, {"ask": "advance", "table": told["table"], "token": 0, "state": begun["state"]})
    assert torch.equal(torch.get_rng_state(), before[0])
    assert random.getstate() == before[1]
    assert torch.is_grad_enabled() == grads


@pytest.fixture(scope="module")
def table() -> Table:
    agents = [untrained(), untrained(policy={"id": "transformer"})]
    return Table(agents[0].world, agents, ["one", "other"])


def wrong_messages() -> list[tuple[str, dict[str, Any], str]]:
    """A question, what is changed in a right message, and what the refusal says."""
    task = [[0], [1, 2, 3, 4, 5]]
    return [
        ("begin", {"task": None}, "task = None is not the kind and 1 lists"),
        ("begin", {"task": [[0]]}, "is not the kind and 1 lists"),
        ("begin", {"task": [[0], [1, 2]]}, r"operands = \[1, 2\] of the task is not 5 whole numbers from -9"),
        (
            "begin",
            {"task": [[0], [1, 2, 3, 4, 2**63]]},
            r"not 5 whole numbers from -9\d* to 9\d*: open",
        ),
        ("begin", {"task": [[0], [1, 2, 3, 4, True]]}, "operands = .* is not 5 whole numbers"),
        ("begin", {"task": [[7], [1, 2, 3, 4, 5]]}, "kind = 7 does not exist: kinds are 0..2"),
        ("begin", {"task": [[-1], [1, 2, 3, 4, 5]]}, "kind = -1 does not exist"),
        (
            "begin",
            {"task": [[2], [1, 2, 3, 4, 2**62]]},
            "^operand 4611686018427387904 is out of range",
        ),
        ("begin", {"task": [[0], [1, 2, 3, 4, 5]]}, "the task is none of tutorial-v1, which reads it as"),
        ("advance", {"token": 18}, "token = 18 does not exist: tokens are 0..17"),
        ("advance", {"token": True}, "token = True does not exist"),
        ("advance", {"token": 1.0}, "token = 1.0 does not exist"),
        ("advance", {"state": {}}, "the state does not have the tensors"),
        ("advance", {"agents": []}, r"agents = \[\] is not the memory"),
        ("advance", {"agents": {"nobody": {}}}, "no agent here is called 'nobody': open are gru, transformer"),
        ("advance", {"agents": {"gru": {}}}, "the memory of gru does not have the tensors hidden"),
        ("read", {"agent": None}, "no agent here is called None"),
        ("read", {"agent": ["gru"]}, "no agent here is called"),
        ("read", {"memory": None}, "does not have the tensors"),
        ("reading", {"agent": "gru", "task": task[:1]}, "is not the kind"),
        ("write", {"index": 99}, "register 99 does not exist: tutorial-v1 has"),
        ("write", {"index": 0, "value": 2**40}, "is no number from"),
        ("write", {"index": 0, "value": "1"}, "is no number from"),
        ("way", {"path": [99]}, "token = 99 does not exist"),
        ("way", {"path": "1"}, "path = '1' is not a list"),
        ("way", {"path": ["1"]}, "token = '1' does not exist"),
        ("way", {"path": [{"index": -1}]}, "register -1 does not exist"),
    ]


@pytest.mark.parametrize(("ask", "change", "why"), wrong_messages())
def test_what_is_wrong_is_said_in_one_sentence(table: Table, ask: str, change: dict[str, Any], why: str) -> None:
    task = tasks_of(table.world, 1)[0]
    position = asked(table, "begin", task=task)
    held = memories(position)
    right = {"task": task, "token": 0, "state": position["state"], "agents": held, "path": [], "index": 0, "value": 1}
    right |= {"agent": "gru", "memory": held["gru"]}
    asked(table, ask, **right)
    with pytest.raises(UserError, match=why) as refused:
        asked(table, ask, **(right | change))
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize(
    ("world_id", "cells", "why"),
    [
        ("lookup-v0", {"values": [7, -1, -1]}, r"^value 7 of the query is out of range: values are 0\.\.4$"),
        ("lookup-v0", {"table": [2**62] * 35}, "is not 35 whole numbers from -128 to 127: open the page again$"),
        ("calculator-v0", {"operands": [2**40, 0]}, "^operand 1099511627776 is out of range"),
        ("calculator-v0", {"letters": [99, 1]}, "^the task has numbers that calculator-v0 does not know: open"),
    ],
)
def test_a_task_that_the_world_cannot_have_is_refused(world_id: str, cells: dict[str, list[int]], why: str) -> None:
    table = Table(make_world(world_id, max_operators=1), [])
    example = dict(zip(table.data, problems(table.world)[0]["examples"][0], strict=True))
    asked(table, "begin", task=[[0], *example.values()])
    for ask in ("begin", "way"):
        with pytest.raises(UserError, match=why):
            asked(table, ask, task=[[0], *(example | cells).values()], path=[])


def test_after_a_change_no_optimum_is_known_in_a_world_that_draws() -> None:
    table = Table(make_world("lookup-v0"), [])
    [tool, cell], task = table.world.vocabulary.ids(["F", "3"]), tasks_of(table.world, 1)[0]
    known = asked(table, "way", task=task, path=[tool])
    assert known["best"]
    for path in ([tool, {"index": 0, "value": 8}], [{"index": 0, "value": None}, tool, cell]):
        assert asked(table, "way", task=task, path=path) == {"best": [], "values": {}, "value": None, "facts": {}}
    for change, why in (
        ({"index": 0, "value": 1}, "open = 1 is no number from 7 to 10"),
        ({"index": 99}, "register 99 does not exist"),
    ):
        with pytest.raises(UserError, match=why):
            asked(table, "way", task=task, path=[change])


@pytest.mark.parametrize("world_id", WORLDS.names())
def test_any_whole_numbers_are_safe(world_id: str) -> None:
    """States and memories whose numbers name what no table has: an answer or one sentence, and the process lives."""
    world = make_world(world_id, max_operators=1)
    table = table_of(world, **policies_of(world, 0), **policies_of(world, 1))
    position, draws = asked(table, "begin", task=tasks_of(world, 1)[0]), stream(0, "wild")
    answered, refused = 0, list[str]()
    for _ in range(40):
        state = wild(position["state"], draws)
        held = {name: wild(own, draws) for name, own in memories(position).items()}
        for ask in ("advance", "write", *("read",) * len(held)):
            name = list(held)[int(torch.randint(len(held), (), generator=draws))]
            own = {"token": 1, "state": state, "agents": held, "agent": name, "memory": held[name]}
            try:
                asked(table, ask, **own, index=0, value=1)
                answered += 1
            except UserError as error:
                refused.append(str(error))
    assert answered > 0
    assert refused
    assert not any("\n" in sentence for sentence in refused)


def wild(tensors: dict[str, Any], draws: torch.Generator) -> dict[str, Any]:
    """The tensors with some of them filled with extremes."""
    made = {}
    for name, (letter, shape, text) in tensors.items():
        raw = bytearray(base64.b64decode(text))
        if float(torch.rand((), generator=draws)) < 0.4:
            word = [b"\xff" * 8, b"\0" * 7 + b"\x80", b"\xff" * 7 + b"\x7f", b"\x7f" + b"\0" * 7][
                int(torch.randint(4, (), generator=draws))
            ]
            raw[:] = (word * (len(raw) // 8 + 1))[: len(raw)]
        made[name] = [letter, shape, base64.b64encode(raw).decode()]
    return made


class Endless(torch.nn.Module):
    """A memory that is too large to travel at every token."""

    def begin(self, prompt: Any, prompt_mask: Any, stage: Any) -> Any:
        return self.step(stage, {"cell": torch.zeros(len(prompt), 300_000)})

    def step(self, token: Any, memory: Any) -> Any:
        return Output(torch.zeros(len(token), 18), torch.zeros(len(token))), memory


class Changing(Endless):
    """A memory that changes its rank."""

    def step(self, token: Any, memory: Any) -> Any:
        return Output(torch.zeros(len(token), 18), torch.zeros(len(token))), {"cell": memory["cell"][..., None]}


def test_agents_whose_memory_cannot_travel_are_not_opened() -> None:
    world = make_world("tutorial-v1")
    with pytest.raises(UserError, match=r"a position of Endless has 1\.6 MB, and 0\.9 may be sent: open fewer agents"):
        table_of(world, odd=Endless())
    with pytest.raises(UserError, match="the memory of Changing: cell changes its rank or type"):
        table_of(world, odd=Changing())
