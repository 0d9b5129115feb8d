"""Playing by hand, from Python: what is told, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

import inwit
from inwit.core.errors import UserError

TASK = {"stage": 0, "operands": [3, 4, 5]}


def test_the_example_of_the_rules() -> None:
    """All seven steps of stage 2: store the sum, compute d*e, recall, subtract."""
    task = {"stage": 2, "operands": [5, 5, 7, 9, 8]}
    episode = inwit.play("tutorial-v1", task, ["MUL", "ADD", "STO", "MUL", "RCL", "SUB", "ANS"])
    assert [state["acc"] for state in episode.states] == [25, 32, None, 72, 32, -40, -40]
    assert [state["mem"] for state in episode.states] == [None, None, 32, 32, None, None, None]
    assert [state["held"] for state in episode.states] == [None, None, None, None, 72, None, None]
    assert (episode.success, episode.reward, episode.steps, episode.terminated) == (True, 1.0, 7, True)


def test_names_and_ids_are_the_same() -> None:
    assert inwit.play("tutorial-v1", TASK, ["MUL", 12, "ANS"]) == inwit.play("tutorial-v1", TASK, [11, 12, 14])


def test_a_program_that_stops_early_is_unfinished() -> None:
    episode = inwit.play("tutorial-v1", TASK, ["MUL"])
    assert (episode.terminated, episode.truncated, episode.reward, episode.success) == (False, False, 0.0, False)
    assert inwit.play("tutorial-v1", TASK, []).steps == 0


def test_surplus_tokens_are_listed() -> None:
    episode = inwit.play("tutorial-v1", TASK, ["MUL", "ANS", "ADD", "ANS"])
    assert (episode.actions, episode.unused) == (["MUL", "ANS"], ["ADD", "ANS"])


def test_illegal_tokens_cost_a_step_and_do_nothing() -> None:
    episode = inwit.play("tutorial-v1", TASK, ["ANS", "RCL", "STO", "7", "MUL"], max_steps=5)
    assert [state["acc"] for state in episode.states] == [None, None, None, None, 12]
    assert episode.truncated
    assert episode.steps == 5


def test_further_outcomes_are_attributes() -> None:
    episode = inwit.play("tutorial-v0", {"stage": 0, "operands": [3, 4, 5, 0, 0]}, ["MUL", "ANS"])
    assert (episode.paid_success, episode.success) == (True, False)
    assert episode.reward == pytest.approx(1.05)
    with pytest.raises(AttributeError, match="nothing"):
        _ = episode.nothing
    plain = episode.to_dict()
    assert plain["paid_success"] is True
    assert json.loads(json.dumps(plain)) == plain


BAD: list[tuple[Any, Any, str]] = [
    ({"stage": 3, "operands": [1, 2, 3]}, ["MUL"], "stage 3 does not exist"),
    ({"stage": "x", "operands": [1, 2, 3]}, ["MUL"], "stage = 'x'"),
    ({"stage": True, "operands": [1, 2, 3]}, ["MUL"], "stage = True"),
    ({"stage": 0, "operands": [1, 2]}, ["MUL"], "2 operands"),
    ({"stage": 0, "operands": [1, 2, 10]}, ["MUL"], "operand 10"),
    ({"stage": 0, "operands": [1, 2, -1]}, ["MUL"], "operand -1"),
    ({"stage": 0, "operands": [1, 2, 0.5]}, ["MUL"], "operand = 0.5"),
    ({"stage": 0, "operands": [1, 2, None]}, ["MUL"], "operand = None"),
    ({"stage": 0, "operands": "123"}, ["MUL"], "operands '123'"),
    ({"stage": 0, "operands": 3}, ["MUL"], "operands 3"),
    ({"stage": 0}, ["MUL"], "no operands"),
    ({"operands": [1, 2, 3]}, ["MUL"], "no stage"),
    ({"stage": 0, "operand": [1, 2, 3]}, ["MUL"], "'operand'.*did you mean 'operands'"),
    (TASK, "MUL ANS", "MUL ANS"),
    (TASK, ["MLU"], "did you mean 'MUL'"),
    (TASK, [18], "18"),
    (TASK, [-1], "-1"),
    (TASK, [True], "True"),
]


@pytest.mark.parametrize(("task", "actions", "message"), BAD)
def test_what_does_not_fit_is_refused(task: Any, actions: Any, message: str) -> None:
    with pytest.raises(UserError, match=message) as refusal:
        inwit.play("tutorial-v1", task, actions)
    assert "\n" not in str(refusal.value)


def test_unknown_settings_are_refused() -> None:
    with pytest.raises(UserError, match=r"world\.max_step.*did you mean 'world\.max_steps'"):
        inwit.play("tutorial-v1", TASK, ["MUL"], max_step=3)
