"""Explanations against playing the same program, and what counts as luck."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch

import inwit
from inwit.core.errors import UserError
from inwit.worlds.oracle.constant import kind_success
from inwit.worlds.tutorial.rules import TutorialSettings
from scripts import ORACLES, greedy_program, scripted
from support import untrained

TASKS = [
    {"stage": 0, "operands": [3, 4, 5]},
    {"stage": 1, "operands": [3, 4, 5, 6]},
    {"stage": 2, "operands": [5, 5, 7, 9, 8]},
]


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("masks", [True, False])
def test_states_are_those_of_play(seed: int, task: dict[str, Any], masks: bool) -> None:
    agent = untrained(seed=seed, world={"masks": masks})
    explanation = inwit.explain(agent, task)
    with torch.no_grad():
        program = greedy_program(agent, task)
    episode = inwit.play("tutorial-v1", task, program, masks=masks)
    assert explanation.program == episode.actions
    assert [choice.state for choice in explanation.choices] == episode.states
    assert explanation.success is episode.success
    assert explanation.extra == episode.extra
    assert explanation.task == task
    assert explanation.prompt == [*map(str, task["operands"]), "CTX"]


def test_probabilities_are_the_policys() -> None:
    """The three likeliest legal tokens, in order, with the chosen one first."""
    agent = untrained()
    explanation = inwit.explain(agent, TASKS[2])
    legal = inwit.play("tutorial-v1", TASKS[2], explanation.program).legal
    row = agent.world.task(TASKS[2])
    with torch.no_grad():
        output, _ = agent.policy.begin(*agent.world.prompt(row), agent.world.stage(row))
    ids = agent.world.vocabulary.ids(legal[0])
    shares = torch.softmax(output.logits[0, ids].double(), -1).tolist()
    expected = sorted(zip(shares, legal[0], strict=True), reverse=True)[:3]
    first = explanation.choices[0]
    assert [name for name, _ in first.alternatives] == [name for _, name in expected]
    assert [p for _, p in first.alternatives] == pytest.approx([p for p, _ in expected], abs=1e-3)
    assert first.value == pytest.approx(float(output.value), abs=1e-5)
    for choice, allowed in zip(explanation.choices, legal, strict=True):
        assert choice.alternatives[0][0] == choice.token
        assert len(choice.alternatives) == min(3, len(allowed))
        assert {name for name, _ in choice.alternatives} <= set(allowed)


def test_the_oracles_program_is_no_luck() -> None:
    for task, program in zip(TASKS, ORACLES, strict=True):
        explanation = inwit.explain(scripted(*ORACLES), task)
        assert explanation.program == program.split()
        assert explanation.oracle_program == program.split()
        assert (explanation.success, explanation.lucky, explanation.program_success) == (True, False, 1.0)
        assert all(choice.keeps_to_oracle for choice in explanation.choices)


LUCKY = {"stage": 0, "operands": [3, 4, 0]}  # c = 0, so that a*b is right


def test_right_by_luck() -> None:
    """MUL ANS is right where c = 0, on a tenth of the problems of stage 0."""
    agent = scripted("MUL ANS", "MUL ANS", "MUL ANS")
    explanation = inwit.explain(agent, LUCKY)
    assert (explanation.success, explanation.lucky) == (True, True)
    assert explanation.program_success == pytest.approx(0.1)
    assert explanation.program_success == kind_success("tutorial-v1", 0, (11, 14), TutorialSettings())
    assert [choice.keeps_to_oracle for choice in explanation.choices] == [True, False]


def test_wrong_is_not_lucky() -> None:
    explanation = inwit.explain(scripted("MUL ANS", "MUL ANS", "MUL ANS"), TASKS[0])
    assert (explanation.success, explanation.lucky) == (False, False)


def test_a_kind_without_oracle() -> None:
    overrides: dict[str, Any] = {"world": {"id": "tutorial-v0"}, "curriculum": {"id": "uniform"}}
    explanation = inwit.explain(scripted("MUL ANS", "MUL ANS", "MUL ADD SUB ANS", **overrides), TASKS[2])
    assert explanation.oracle_program is None
    assert [choice.keeps_to_oracle for choice in explanation.choices] == [None] * 4
    assert explanation.program_success == pytest.approx(0.19, abs=5e-4)
    assert "paid_success" in explanation.extra


def test_plain_data() -> None:
    explanation = inwit.explain(untrained(), TASKS[1])
    plain = explanation.to_dict()
    assert json.loads(json.dumps(plain))["program"] == explanation.program


def test_tasks_that_do_not_fit_are_refused() -> None:
    with pytest.raises(UserError, match="stage 3 does not exist"):
        inwit.explain(untrained(), {"stage": 3, "operands": [1, 2, 3]})
    with pytest.raises(UserError, match="2 operands were given"):
        inwit.explain(untrained(), {"stage": 0, "operands": [1, 2]})
