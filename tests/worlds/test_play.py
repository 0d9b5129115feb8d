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
TABLE = [1, 2, 3, 4, 0, *[2] * 5, *[0] * 25]  # F adds one, G is 2
QUERY = {"query": "G F 3"}


@pytest.mark.parametrize(("task", "actions", "message"), BAD)
def test_what_does_not_fit_is_refused(task: Any, actions: Any, message: str) -> None:
    with pytest.raises(UserError, match=message) as refusal:
        inwit.play("tutorial-v1", task, actions)
    assert "\n" not in str(refusal.value)


def test_unknown_settings_are_refused() -> None:
    with pytest.raises(UserError, match=r"world\.max_step.*did you mean 'world\.max_steps'"):
        inwit.play("tutorial-v1", TASK, ["MUL"], max_step=3)


def test_the_worlds_tokens_are_put_in() -> None:
    """What is told is aligned by chosen tokens; `stream` has the world's, too."""
    episode = inwit.play("lookup-v0", QUERY | {"table": TABLE}, ["F", "3", "=", "G", "4", "ANS", "2", "F"])
    assert episode.stream == ["F", "3", "4", "=", "G", "4", "2", "ANS", "2"]
    assert episode.actions == ["F", "3", "=", "G", "4", "ANS", "2"]
    assert episode.answers == [[], ["4"], [], [], ["2"], [], []]
    assert episode.unused == ["F"]
    assert (episode.steps, len(episode.states), len(episode.legal)) == (7, 7, 7)
    assert [state["answers"] for state in episode.states[:2]] == [{}, {"F 3": 4}]
    assert episode.counts == {"calls": 2, "sure_calls": 0, "errors": 0}
    assert episode.reward == pytest.approx(0.96)
    told = episode.to_dict()
    assert json.loads(json.dumps(told)) == told
    assert told["stream"] == episode.stream


def test_the_worlds_tokens_are_marked() -> None:
    episode = inwit.play(
        "lookup-v0", QUERY | {"table": TABLE, "fails": [1, 0, 0, 0, 0]}, ["F", "3", "F", "3"], fail=0.5
    )
    from inwit.core.terminal import console

    target = console()
    with target.capture() as shown:
        target.print(episode)
    assert "3 > ERR" in shown.get()
    assert "3 > 4" in shown.get()
    assert "F 3 = ERR then 4" in shown.get()
    assert "calls 2, sure calls 0, errors 1" in shown.get()


def test_worlds_that_never_answer_are_as_they_were() -> None:
    episode = inwit.play("tutorial-v1", TASK, ["MUL", "ADD", "ANS"])
    assert episode.stream == episode.actions
    assert episode.answers == [[], [], []]
    assert episode.counts == {}


def test_a_seed_draws_what_is_hidden() -> None:
    one, again, other = (inwit.play("lookup-v0", QUERY | {"seed": seed}, ["F", "3"]) for seed in (1, 1, 2))
    assert one == again
    assert one.task["table"] != other.task["table"]
    assert inwit.play("lookup-v0", one.task, ["F", "3"]) == one, "The task that is told is the whole of it."


def test_answers_are_the_worlds_tokens_in_order() -> None:
    """Those of calls, certain or not, and the cells that the verdict needs at last."""
    episode = inwit.play("lookup-v0", QUERY, ["F", "3", "F", "3", "ANS", "1"], answers=["4", "4", 15])
    assert episode.stream == ["F", "3", "4", "F", "3", "4", "ANS", "1", "1"]
    assert episode.success
    lucky = inwit.play("lookup-v0", QUERY, ["ANS", "1"], answers=["4", "2"])
    assert (lucky.terminated, lucky.success, lucky.answers) == (True, False, [[], ["4", "2"]])
    certain = inwit.play("lookup-v0", QUERY, ["F", "3", "F", "3"], answers=["4"])
    assert certain.answers == [[], ["4"], [], ["4"]], "What is certain need not be given."


CONTRADICTIONS: list[tuple[list[str], Any, dict[str, Any], str]] = [
    (
        ["F", "3"],
        [],
        {},
        r"the world's token after 'F 3' is not decided \(nothing of the task is drawn\): give answers",
    ),
    (
        ["F", "3", "G", "4"],
        ["4"],
        {},
        r"after 'F 3 4 G 4' is not decided \(1 answer given\): give answers .* seed",
    ),
    (
        ["F", "3", "F", "3"],
        ["4", "3"],
        {},
        "after 'F 3 4 F 3' cannot be 3: the rules and what was heard before leave 4",
    ),
    (["F", "3"], ["ERR"], {}, "cannot be ERR: the rules and what was heard before leave 0 1 2 3 4"),
    (["F", "3"] * 2, ["4", "3"], {"fail": 0.5}, "cannot be 3: the rules and what was heard before leave ERR 4"),
    (["F", "3", "F", "2"], ["ERR", "3"], {"broken": 0.5}, "cannot be 3: the rules and what was heard .* leave ERR"),
    (["F", "3"], ["="], {}, "cannot be =: the rules"),
    (["F", "3"], ["4", "3"], {}, r"1 of 2 answers left over \(3\), since the world wrote no more: leave them out"),
    (["F", "3"], ["5"], {}, "unknown token '5'"),
    (["F", "3"], "4", {}, r"answers '4' are one text: give a list of tokens, as in \['4'\]"),
]


@pytest.mark.parametrize(("actions", "answers", "settings", "message"), CONTRADICTIONS)
def test_answers_that_cannot_be(actions: Any, answers: Any, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message) as refusal:
        inwit.play("lookup-v0", QUERY, actions, answers=answers, **settings)
    assert "\n" not in str(refusal.value)


def test_answers_where_everything_is_drawn_must_be_those() -> None:
    given = QUERY | {"table": TABLE}
    assert inwit.play("lookup-v0", given, ["F", "3"], answers=["4"]).answers == [[], ["4"]]
    with pytest.raises(UserError, match="cannot be 2: the rules and what was heard before leave 4"):
        inwit.play("lookup-v0", given, ["F", "3"], answers=["2"])
    with pytest.raises(UserError, match="1 of 1 answer left over"):
        inwit.play("tutorial-v1", TASK, ["MUL"], answers=["7"])
