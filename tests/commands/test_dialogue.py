"""`inwit play` without a program: a person, or a pipe, writes one token after another."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from typing import Any

import pytest

import inwit
from command_line import printed_json, run

TABLE = [1, 2, 3, 4, 0, *[2] * 5, *[0] * 25]  # F adds one, G is 2
TASK = ["--query", "G F 3", "--table", *map(str, TABLE)]
PROGRAM = ["F", "3", "G", "4", "ANS", "2"]


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """What is printed where somebody writes `text`."""

    def played(text: str, *arguments: str, world: str = "lookup-v0") -> str:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode()), "utf-8"))
        capsys.readouterr()
        assert run("play", world, *arguments) == 0
        return capsys.readouterr().out

    return played


def test_token_by_token_or_line_by_line(play: Any) -> None:
    """The world's answers come in between; what is known, legal and paid is shown before each line."""
    for text in ("\n".join(PROGRAM), " ".join(PROGRAM)):
        shown = play(text, *TASK)
        assert "lookup-v0: query G F 3, table 1 2 3 ... (35 values)" in shown
        assert "settings: all as by default\n" in shown
        assert "terminated after 6 steps; success: yes; reward: 0.96" in shown
        assert "> 4" in shown
    shown = play("\n".join(PROGRAM), *TASK)
    assert "open F, answers none, reward 0\nlegal: 0 1 2 3 4\ntoken 2: " in shown
    assert "open ·, answers F 3 = 4, G 4 = 2, calls 2, reward -0.04\nlegal: ANS F G *" in shown


def test_the_world_answers_by_seed(play: Any) -> None:
    table = inwit.play("lookup-v0", {"query": "F 3", "seed": 7}, []).task["table"]
    assert f"> {table[3]}" in play("F 3", "--query", "F 3", "--seed", "7")


def test_with_nothing_drawn_the_person_writes_the_worlds_tokens_too(play: Any) -> None:
    shown = play("F 3\n4\nG 4\n2\nANS 2\n", "--query", "G F 3")
    assert "it is not drawn what: you write it. open F 3" in shown
    assert "it may be: 0 1 2 3 4" in shown
    assert "success: yes; reward: 0.96" in shown


def test_luck_is_decided_by_the_person(play: Any) -> None:
    """The answer to a query of which nothing was asked: the verdict needs the cells."""
    shown = play("ANS 2\n4\n2\n", "--query", "G F 3")
    assert "open F 3 (to check the answer)," in shown
    assert "open G 4 (to check the answer)," in shown
    assert "terminated after 2 steps; success: yes; reward: 1" in shown


def test_mistakes_do_not_end_it(play: Any) -> None:
    shown = play("f\nF x 3\n3\n7\n4\nF 3\n= 2\n\n4\nANS 4", "--query", "F 3", "--world.fail", "0.5")
    assert "unknown token 'f': did you mean 'F'?" in shown
    assert "unknown token 'x'" in shown
    assert "the world's token after 'F 3 4 F 3' cannot be =: the rules and what was heard before leave ERR 4" in shown
    assert "terminated after 6 steps" in shown


def test_a_contradiction_is_refused_and_what_is_certain_is_written(play: Any) -> None:
    shown = play("F 3 4 F 3 ANS 4", "--query", "F 3")
    assert shown.count("> 4\n") == 1, "The second time the answer is certain."
    assert "success: yes; reward: 0.96" in shown


def test_illegal_tokens_cost_a_step(play: Any) -> None:
    shown = play("ERR ANS 1", "--query", "F 3", "--seed", "1")
    assert "ERR has no effect here, and costs a step" in shown
    assert "terminated after 3 steps" in shown


def test_what_was_answered_several_times(play: Any) -> None:
    shown = play("F 3 ERR F 3 2", "--query", "F 3", "--world.fail", "0.5", "--world.masks", "false")
    assert "settings: fail 0.5, masks off\n" in shown
    assert "answers F 3 = ERR then 2, calls 2, errors 1, reward" in shown


def test_the_end_of_the_input_leaves_the_episode_as_it_is(play: Any) -> None:
    assert "unfinished: the program stops early after 2 steps" in play("F 3", *TASK)
    assert "unfinished: the program stops early after 0 steps" in play("", *TASK)


def test_any_world_can_be_played(play: Any) -> None:
    shown = play("MUL ADD\nANS", "--stage", "0", "--operands", "3", "4", "5", world="tutorial-v1")
    assert "legal: MUL ADD SUB\n" in shown
    assert "success: yes; reward: 1" in shown
    shown = play("7", "--stage", "0", "--operands", "3", "4", "5", "0", "0", world="tutorial-v0")
    assert "legal: every token\n" in shown


def test_bytes_that_are_no_text(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xff\xfe F 3\nF"), "utf-8"))
    assert run("play", "lookup-v0", *TASK) == 0
    assert "unknown token" in capsys.readouterr().out


def test_in_json_stdout_has_nothing_else(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(" ".join(PROGRAM)))
    assert run("play", "lookup-v0", *TASK, "--json") == 0
    task = {"query": "G F 3", "table": TABLE}
    assert printed_json(capsys) == inwit.play("lookup-v0", task, PROGRAM).to_dict()


def test_a_task_that_does_not_fit_ends_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("play", "lookup-v0", "--query", "F 9") == 2
    assert "value 9 of the query is out of range: values are 0..4" in capsys.readouterr().err
    assert run("play", "lookup-v0", "--query", "F 3", "--answers", "2") == 2
    assert "--answers 2 needs a program after --" in capsys.readouterr().err


def test_answers_to_a_whole_program(capsys: pytest.CaptureFixture[str]) -> None:
    query = ["play", "lookup-v0", "--query", "G F 3"]
    assert run(*query, "--answers", "4,2", "--json", "--", *PROGRAM) == 0
    told = printed_json(capsys)
    assert told == inwit.play("lookup-v0", {"query": "G F 3"}, PROGRAM, answers=["4", "2"]).to_dict()
    assert run(*query, "--answers", "4", "3", "--", "F", "3", "F", "3") == 2
    assert "cannot be 3: the rules and what was heard before leave 4" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C is a signal that another process cannot send alone")
def test_ctrl_c_ends_it() -> None:
    command = [sys.executable, "-m", "inwit", "play", "lookup-v0", *TASK]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"F\n")
        process.stdin.flush()
        while b"legal: 0 1 2 3 4" not in process.stdout.readline():
            pass
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert b"unfinished: the program stops early after 1 steps" in out
    assert err == b""


def test_the_worlds_tokens_are_drawn_or_given(capsys: pytest.CaptureFixture[str]) -> None:
    for flags, said in (
        (
            ["--seed", "1", "--answers", "2"],
            "--seed 1 draws what the world writes, and --answers 2 gives it: leave one",
        ),
        ([], "give answers (--answers), the world's tokens in order, or a task with a seed (--seed)"),
    ):
        assert run("play", "lookup-v0", "--query", "F 3", *flags, "--", "F", "3", "ANS", "2") == 2
        err = capsys.readouterr().err
        assert said in err
        assert err.count("\n") == 1
