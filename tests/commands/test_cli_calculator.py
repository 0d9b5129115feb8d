"""The calculator on the command line: oracle, play, train, evaluate, explain; and every kind of mistake."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

import inwit
from calculating import WORLD
from command_line import printed_json, run
from inwit.core.contracts import Agent
from inwit.worlds.oracle.shortest import shortest

TINY = ["--policy.width", "4", "--training.episodes", "16", "--training.max_updates", "2"]
TINY += ["--world.max_operators", "2", "--hindsight.rows", "8", "--hindsight.babble", "32"]
EXPRESSION = "(a*b)-(c*d)"
PROGRAM = ["LOAD", "c", "MUL", "d", "STO", "m0", "LOAD", "a", "MUL", "b", "SUB", "m0", "ANS"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Agent:
    """A run that the tests of this module share; they name it by its path."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("INWIT_RUNS", str(tmp_path_factory.mktemp("shared")))
        small: dict[str, Any] = {"world": {"max_operators": 2}, "policy": {"width": 4}}
        return inwit.train("calculator", training={"episodes": 16, "max_updates": 1}, **small)


def test_oracle(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("oracle", EXPRESSION) == 0
    output = capsys.readouterr()
    assert output.err == ""
    assert f"{EXPRESSION} with 1 slot:" in output.out
    assert " ".join(shortest(EXPRESSION, 1).program or []) in output.out
    assert "13 tokens, proven shortest; slots needed: 1" in output.out


@pytest.mark.parametrize(("expression", "slots"), [(EXPRESSION, 1), ("(b*d)-e", 0), ("a * (b + c)", 4)])
def test_oracle_in_json(expression: str, slots: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("oracle", expression, "--slots", str(slots), "--json") == 0
    told, best = printed_json(capsys), shortest(expression, slots)
    assert (told["expression"], told["num_slots"]) == (expression, slots)
    assert (told["program"], told["length"], told["proven"]) == (best.program, best.length, True)
    letters = [sign for sign in expression if sign.isalpha()]
    task = {"expression": expression.replace(" ", ""), "operands": [3] * len(letters), "num_slots": slots}
    assert inwit.play(WORLD, task, told["program"]).identity_success


def test_oracle_where_there_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a slot the accumulator cannot hold both products: searched, and said so."""
    assert run("oracle", EXPRESSION, "--slots", "0") == 0
    text = capsys.readouterr().out
    assert "none with 0 slots" in text
    assert "were searched" in text
    assert run("oracle", EXPRESSION, "--slots", "0", "--json") == 0
    told = printed_json(capsys)
    assert (told["program"], told["length"], told["proven"], told["slots_needed"]) == (None, None, False, 1)


def test_play(capsys: pytest.CaptureFixture[str]) -> None:
    task = ["--expression", EXPRESSION, "--operands", "3", "5", "2", "7"]
    assert run("play", WORLD, *task, "--", *PROGRAM) == 0
    text = capsys.readouterr().out
    assert "success: yes" in text
    assert "identity success: yes" in text
    assert run("play", WORLD, *task, "--json", "--", *PROGRAM) == 0
    told = printed_json(capsys)
    task_told = {"expression": EXPRESSION, "operands": [3, 5, 2, 7], "num_slots": 1}
    assert told == inwit.play(WORLD, task_told, PROGRAM).to_dict()
    assert told["identity_success"] is told["value_success"] is True


def test_play_with_slots(capsys: pytest.CaptureFixture[str]) -> None:
    """From the flag or the world's setting; without slots STO has no effect, and the table says so."""
    task = ["--expression", "a*b", "--operands", "3", "4"]
    for flags, slots in ((["--slots", "3"], 3), (["--world.num_slots", "2"], 2), (["--slots", "0"], 0)):
        assert run("play", WORLD, *task, *flags, "--json", "--", "LOAD", "a", "STO", "m0") == 0
        told = printed_json(capsys)
        assert told["task"]["num_slots"] == slots
        assert told["states"][-1]["slots"] == ([3] + [None] * (slots - 1) if slots else [])
    assert run("play", WORLD, *task, "--slots", "0", "--", "LOAD", "a", "STO") == 0
    assert "(no effect)" in capsys.readouterr().out


def test_play_tells_luck_from_identity(capsys: pytest.CaptureFixture[str]) -> None:
    task = ["--expression", "a*b", "--operands", "2", "2"]
    assert run("play", WORLD, *task, "--json", "--", "LOAD", "a", "ADD", "b", "ANS") == 0
    told = printed_json(capsys)
    assert (told["value_success"], told["identity_success"], told["success"]) == (True, False, False)


def test_play_with_another_tool(capsys: pytest.CaptureFixture[str]) -> None:
    task = ["--expression", "a^b", "--operands", "3", "8", "--world.tools", "ADD,MAX"]
    assert run("play", WORLD, *task, "--json", "--", "LOAD", "a", "MAX", "b", "ANS") == 0
    told = printed_json(capsys)
    assert (told["states"][-1]["accumulator"], told["value_success"]) == (8, True)


def test_train(capsys: pytest.CaptureFixture[str], runs: Path) -> None:
    """A table of groups, two explained expressions for each number of operators, and what to type next."""
    assert run("train", "calculator", *TINY, "--seed", "3") == 0
    output = capsys.readouterr()
    assert output.err == ""
    [path] = runs.iterdir()
    assert "one greedy run of each expression" in output.out
    assert "of 21 problems" in output.out
    assert "known limit:" in output.out
    assert output.out.count("expression ") >= 4
    evaluation = json.loads((path / "evaluation.json").read_text())
    assert [row["problems"] for row in evaluation["rows"]] == [3, 18]
    [line] = [line for line in output.out.splitlines() if line.startswith("next: ")]
    assert run(*shlex.split(line.partition("inwit ")[2])) == 0, f"{line!r} does not work."
    assert "expression" in capsys.readouterr().out


def test_train_in_json(capsys: pytest.CaptureFixture[str], runs: Path) -> None:
    assert run("train", "calculator", *TINY, "--json") == 0
    told = printed_json(capsys)
    [folder] = runs.iterdir()
    assert (told["run"], told["update"], told["status"]) == (str(folder), 2, "finished")
    assert told["evaluation"]["problems"] == 21
    assert {"imitation", "known", "stored_steps", "entropy"} <= set(told)
    assert run("evaluate", told["run"], "--json") == 0
    assert printed_json(capsys) == told["evaluation"]
    assert run("evaluate", told["run"]) == 0
    assert "of 21 problems" in capsys.readouterr().out


def test_a_world_without_a_finite_test_is_sampled(capsys: pytest.CaptureFixture[str], runs: Path) -> None:
    """Trained and evaluated like any other, with intervals, and without a word of every problem."""
    flags = ["--world.tools", "ADD,MAX", "--hindsight.rows", "0", "--training.confirm", "false"]
    assert run("train", "calculator", *TINY[:-4], *flags) == 0
    output = capsys.readouterr()
    assert output.err == ""
    [path] = runs.iterdir()
    assert run("evaluate", str(path)) == 0
    for text in (output.out, capsys.readouterr().out):
        assert "greedy, on a sample of 4,0" in text
        assert "sampled problems" in text
        assert "oracle, shortcut, not searched:" in text
        assert "every problem" not in text.partition("updates,")[0]
    assert run("evaluate", str(path), "--json") == 0
    told = printed_json(capsys)
    assert told["proven"] is False
    assert all(row["interval"][0] <= row["success"] <= row["interval"][1] for row in told["rows"])
    assert {row["yardsticks"]["oracle"]["known"] for row in told["rows"]} == {"not searched"}


def test_explain(trained: Agent, capsys: pytest.CaptureFixture[str]) -> None:
    task = ["--expression", "(a+b)*c", "--operands", "3", "5", "2"]
    assert run("explain", str(trained.path), *task) == 0
    text = capsys.readouterr().out
    assert "expression (a+b)*c, operands 3 5 2" in text
    assert "accumulator" in text
    assert run("explain", str(trained.path), *task, "--json") == 0
    told = printed_json(capsys)
    assert told["task"] == {"expression": "(a+b)*c", "operands": [3, 5, 2], "num_slots": 1}
    assert told["prompt"] == [*"(a+b)*c", "="]
    assert told["oracle_program"] == shortest("(a+b)*c", 1).program
    episode = inwit.play(WORLD, told["task"], told["program"])
    assert [choice["state"] for choice in told["choices"]] == episode.states
    assert (told["success"], told["value_success"]) == (episode.identity_success, episode.value_success)


TASK = ["--expression", "a*b", "--operands", "3", "4"]


def play(*arguments: str) -> list[str]:
    return ["play", WORLD, *arguments, "--", "LOAD", "a"]


MISTAKES: list[tuple[list[str], list[str]]] = [
    (["oracle"], ["expression"]),
    (["oracle", ""], ["expression = ''"]),
    (["oracle", "+"], ["column 1"]),
    (["oracle", "a"], ["column 2", "operator"]),
    (["oracle", "(a*b"], ["column 5", "parenthesis"]),
    (["oracle", "a*b*c"], ["column 4", "parenthesise"]),
    (["oracle", "b*a"], ["column 3", "in order"]),
    (["oracle", "a*z"], ["column 3", "a..j"]),
    (["oracle", "a^b"], ["column 2", "+ - *"]),
    (["oracle", "(((((((((a+b)+c)+d)+e)+f)+g)+h)+i)+j)+k"], ["column 39", "a..j"]),
    (["oracle", "a*b", "--slots", "5"], ["5", "0 to 4"]),
    (["oracle", "a*b", "--slots", "-1"], ["-1"]),
    (["oracle", "a*b", "--slots", "one"], ["slots", "one"]),
    (["oracle", "a*b", "c*d"], ["c*d"]),
    (["oracle", "a*b", "--tools", "MAX"], ["--tools"]),
    (["play", WORLD, *TASK, "--"], ["--"]),
    (play(), ["expression"]),
    (play("--expression", "a*b"), ["operands"]),
    (play("--operands", "3", "4"), ["expression"]),
    (play("--expression", "a*(b", "--operands", "3", "4"), ["column 5"]),
    (play("--expression", "a*b", "--operands", "3"), ["1 operands", "2"]),
    (play("--expression", "a*b", "--operands", "3", "10"), ["10", "0..9"]),
    (play(*TASK, "--stage", "1"), ["stage"]),
    (play(*TASK, "--slots", "5"), ["num_slots", "5"]),
    (play(*TASK, "--slots", "many"), ["slots", "many"]),
    (play(*TASK, "--world.num_slot", "1"), ["num_slot", "num_slots"]),
    (play(*TASK, "--world.tools", "MAXX"), ["MAXX", "MAX"]),
    ([*play(*TASK), "MUK"], ["MUK", "MUL"]),
    (["play", "tutorial-v1", *TASK, "--", "MUL"], ["expression"]),
    (["train", "calculater"], ["calculater", "calculator"]),
    (["train", "calculator", "--hindsight.row", "3"], ["hindsight.row", "hindsight.rows"]),
    (["train", "calculator", "--hindsight.rows", "-3"], ["hindsight.rows", "-3"]),
    (["train", "calculator", "--hindsight.ties", "0"], ["hindsight.ties", "hindsight.thrift"]),
    (["train", "calculator", "--hindsight.thrift", "1.5"], ["hindsight.thrift", "1.5", "1"]),
    (["train", "calculator", "--hindsight.prefer", "long"], ["prefer", "long", "short", "parts"]),
    (["train", "calculator", "--training.last_rate", "-0.5"], ["training.last_rate", "-0.5", "0"]),
    (["train", "calculator", "--world.split", "longest", "--world.min_operators", "3"], ["longest", "min_operators"]),
    (["train", "calculator", "--hindsight.rows", "all"], ["hindsight.rows", "all"]),
    (["train", "calculator", "--world.num_slots", "5"], ["num_slots", "5", "4"]),
    (["train", "calculator", "--world.num_slots", "-1"], ["num_slots", "-1"]),
    (["train", "calculator", "--world.modulus", "15"], ["world.modulus"]),
    (["train", "calculator", "--world.tools", "ADD,DIV"], ["DIV", "MAX"]),
    (["train", "calculator", "--world.tools", "ADD,MAX", "--learner.id", "oracle_cloning"], ["hindsight.rows"]),
    (["train", "calculator", "--world.max_operators", "9"], ["max_operators", "9"]),
    (["train", "calculator", "--world.min_operators", "3", "--world.max_operators", "2"], ["min_operators", "3"]),
    (["train", "calculator", "--world.tools", "ADD,ADD"], ["ADD", "twice"]),
    (["train", "calculator", "--world.tools", "ADD,MAX"], ["hindsight.rows"]),
    (["train", "calculator", "--training.episodes", "20"], ["20", "8"]),
    (["train", "tutorial", "--hindsight.rows", "4"], ["hindsight.rows", "tutorial-v1"]),
    (["train", "calculator", "--policy.id", "transformer", "--policy.heads", "5"], ["heads", "5"]),
]


@pytest.mark.parametrize(("arguments", "named"), MISTAKES, ids=[" ".join(arguments) for arguments, _ in MISTAKES])
def test_mistakes(arguments: list[str], named: list[str], capsys: pytest.CaptureFixture[str], runs: Path) -> None:
    """One line on stderr that names the value, exit status 2, nothing on stdout, nothing written."""
    status, output = run(*arguments), capsys.readouterr()
    assert status == 2, f"Exit status {status}; stderr: {output.err!r}."
    assert output.out == "", f"A mistake prints on stdout: {output.out!r}."
    assert output.err.count("\n") == 1, f"{output.err!r} is not one line."
    assert output.err.endswith("\n")
    for word in named:
        assert word in output.err, f"{output.err!r} does not name {word!r}."
    assert not list(runs.glob("*")), "A mistake leaves a run behind."


def test_a_transformer_too_short_for_its_world(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--policy.id", "transformer", "--policy.max_length", "8"]
    assert run("train", "calculator", *TINY[2:], *arguments) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        ["--expression", "a*b"],
        ["--expression", "a*b", "--operands", "3"],
        ["--expression", "(a*b)+(c*d)", "--operands", "3", "4", "5", "6"],
        ["--expression", "b*c", "--operands", "3", "4"],
        ["--expression", "a*b", "--operands", "3", "4", "--slots", "2"],
        ["--stage", "1", "--operands", "3", "4"],
    ],
)
def test_mistakes_about_a_trained_agent(trained: Agent, wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run("explain", str(trained.path), *wrong) == 2
    output = capsys.readouterr()
    assert (output.out, output.err.count("\n")) == ("", 1)
