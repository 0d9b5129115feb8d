"""`inwit oracle` for a world that answers: the best next tokens after a history, and every kind of mistake."""

from __future__ import annotations

import json

import pytest

from inwit.commands.cli import main as run
from inwit.worlds.lookup.scalar import ScalarLookup

FAILING = ["--world.fail", ".5", "--world.broken", ".2", "--world.sure_price", ".1", "--world.max_steps", "16"]


def test_the_best_next_token(capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        run(["oracle", "lookup-v0", "F 3", *FAILING, "--", *["F", "3", "ERR", "F", "3", "ERR", "F", "3", "ERR"]]) == 0
    )
    first, _, start = capsys.readouterr().out.splitlines()
    assert first == "F 3 after F 3 ERR F 3 ERR F 3 ERR: F!, value 0.9"
    assert "value 0.93," in start
    assert "patience 3, proven yes" in start


def test_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["oracle", "lookup-v0", "F 1 * G 2", "--json", "--", "F"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["best"] == ["1"]
    assert found["exact"]["1"] == "47/50"
    assert found["prospects"]["least_calls"] == 3


def test_patience_is_of_tools_that_may_be_broken(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["oracle", "lookup-v0", "F 3", "--world.fail", ".5"]) == 0
    assert "patience" not in capsys.readouterr().out


def test_where_a_token_without_effect_is_best(capsys: pytest.CaptureFixture[str]) -> None:
    """The call that is open would come too late, so that not to make it saves its price."""
    masks = ["--world.masks", "false", "--world.max_steps", "4"]
    assert run(["oracle", "lookup-v0", "F 3", *masks, "--", "F", "3", "2", "F"]) == 0
    assert capsys.readouterr().out.startswith(
        "F 3 after F 3 2 F: any token without effect, value 0\nnext tokens: 0 -0.02"
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["lookup-v0", "G F 3", "--", "F", "3", "ERR"], "cannot be ERR"),
        (["lookup-v0", "G F 3", "--", "F", "3"], "the world writes: add its answer, one of 0 1 2 3 4"),
        (["lookup-v0", "G F 3", "--", "3"], "3 is not legal as the first token"),
        (["lookup-v0", "G F 3", "--", "F", "G"], "G is not legal after F"),
        (["lookup-v0", "F 3", "--", "F", "3", "0", "ANS", "0"], "the episode has ended"),
        (["lookup-v0", "G F 3", "--world.lie", ".1"], "claimed for queries of the kinds Tx and Tx?y:z alone"),
        (["lookup-v0", "F 1", "--world.num_values", "2"], "at least 3"),
        (["lookup-v0"], "give its query"),
        (["tutorial-v1"], "no oracle for single tokens"),
        (["lookup-v0", "F 3", "--slots", "9"], "--slots 9 beside the world lookup-v0"),
        (["tutorial-v1", "3"], "no oracle for single tokens"),
        (["(a+b)", "c"], "give a world first"),
        (["(a+b)", "--world.fail", "0"], "give a world first"),
    ],
)
def test_mistakes(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["oracle", *arguments]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


def test_a_world_whose_twin_names_no_field(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(ScalarLookup, "task_fields", {})
    assert run(["oracle", "lookup-v0", "F 3"]) == 2
    error = capsys.readouterr().err
    assert "lookup-v0 names no field that a task needs" in error
    assert error.count("\n") == 1
