"""What an explanation says each token cost, against the search from each of its states."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
import torch
from rich.console import Console

import inwit
from inwit.core.contracts import Agent
from inwit.evaluation.explained import Explanation
from inwit.worlds.oracle.rows import with_others
from scripts import ORACLES, scripted
from support import untrained

TASK: dict[str, Any] = {"stage": 2, "operands": [5, 5, 7, 9, 8]}
SUM: dict[str, Any] = {"expression": "(a+b)*c", "operands": [2, 3, 4]}
SMALL: dict[str, Any] = {"world": {"id": "calculator-v0", "max_operators": 2}, "curriculum": {"id": "uniform"}}


def calculating(program: str) -> Agent:
    return scripted(*[program] * 3, **SMALL)


def lefts(agent: Agent, task: dict[str, Any], explanation: Explanation) -> list[int | None]:
    """Tokens to a right end before each token of an episode, and after its last, by a search from each state."""
    world: Any = agent.world
    state, found, right = world.reset(with_others(world, world.task(task))), list[int | None](), False
    for token in world.vocabulary.ids(explanation.program):
        found.append(inwit.way(world, state).length)
        state, step = world.step(state, torch.full((len(state["ended"]),), token))
        right = bool(step.success.all())
    return [*found, 0 if right else None]


CASES = [(untrained(seed=seed), TASK) for seed in range(3)] + [(scripted(*ORACLES), TASK)]
CASES += [(scripted(*["MUL STO RCL ADD STO MUL RCL SUB ANS"] * 3), TASK)]
CASES += [(calculating(text), SUM) for text in ("LOAD a ADD b MUL c ANS", "LOAD a ADD b ADD b SUB b MUL c ANS")]
CASES += [(calculating("LOAD c LOAD b ADD a MUL c ANS"), SUM), (calculating("LOAD a ADD b ANS"), SUM)]


@pytest.mark.parametrize(("agent", "task"), CASES)
@pytest.mark.parametrize("known", [True, False])
def test_each_cost_is_the_difference_of_two_ways(agent: Agent, task: dict[str, Any], known: bool) -> None:
    explanation = inwit.explain(agent, task, None if known else [])
    before, *after = lefts(agent, task, explanation)
    for choice, there in zip(explanation.choices, after, strict=True):
        assert (choice.to_go, choice.lost) == (there, there is None)
        assert choice.cost == (None if there is None or before is None else 1 + there - before)
        before = there
    plain = json.loads(json.dumps(explanation.to_dict(), allow_nan=False))
    assert [each["cost"] for each in plain["choices"]] == [choice.cost for choice in explanation.choices]


def test_how_costs_look() -> None:
    detour = inwit.explain(calculating("LOAD a ADD b ADD b SUB b MUL c ANS"), SUM)
    assert [choice.cost for choice in detour.choices] == [0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0]
    text = printed(detour)
    for cell in ("to go", "6 ✓ best", "6 +4", "0 ✓ best"):
        assert cell in text
    lost = printed(inwit.explain(calculating("LOAD a ADD b ANS"), SUM))
    assert lost.count("✕ lost") == 1
    assert "1 ✓ best" not in lost


def test_a_lucky_program_is_not_said_to_have_lost() -> None:
    """d = 0, so MUL ADD ANS is right here, and on few other problems."""
    lucky = inwit.explain(scripted(*["MUL ADD ANS"] * 3), {"stage": 2, "operands": [5, 2, 4, 0, 8]})
    assert (lucky.success, lucky.lucky) == (True, True)
    assert [choice.lost for choice in lucky.choices] == [False, False, True]
    assert "✕ luck" in printed(lucky)
    assert "✕ lost" not in printed(lucky)
    wrong = printed(inwit.explain(scripted(*["MUL ADD ANS"] * 3), TASK))
    assert "✕ lost" in wrong
    assert "✕ luck" not in wrong


def test_without_time_nothing_is_searched() -> None:
    explanation = inwit.explain(calculating("LOAD a ADD b MUL c ANS"), SUM, seconds=0)
    assert {(choice.cost, choice.to_go, choice.lost) for choice in explanation.choices} == {(None, None, False)}
    assert "oracle's" in printed(explanation)


def test_a_search_that_gives_up_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inwit.evaluation.costs.MOST", 50)
    explanation = inwit.explain(scripted(*["MUL ADD STO RCL STO MUL RCL SUB ANS"] * 3), TASK)
    assert [choice.cost for choice in explanation.choices[:3]] == [0, 0, 0]
    assert (explanation.choices[3].cost, explanation.choices[3].to_go, explanation.choices[3].lost) == (
        None,
        None,
        False,
    )
    assert " ?" in printed(explanation)
    monkeypatch.setattr("inwit.evaluation.costs.SEARCHED", 2)
    near = inwit.explain(calculating("LOAD a ADD b ADD b SUB b MUL c ANS"), SUM)
    assert "> 2" in printed(near)


def printed(explanation: Explanation) -> str:
    console = Console(file=io.StringIO(), width=120)
    console.print(explanation)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()
