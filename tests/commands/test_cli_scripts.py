"""Scripts and changed worlds as they are typed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from command_line import printed_json, run
from recorded import Page, lines, metric, put, setting

SMALL = ("--world.max_operators", "1")
TASK = ("--expression", "a+b", "--operands", "2", "3")


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run(*arguments) == 0
    return capsys.readouterr().out


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    assert run(*arguments) == 2
    out, error = capsys.readouterr()
    assert (out, error.count("\n")) == ("", 1)
    return error


@pytest.mark.parametrize("script", ["pipeline", "react"])
def test_a_script_is_evaluated_in_the_world_that_it_is_written_for(
    script: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = said(capsys, "evaluate", f"{script}:calculator", *SMALL)
    assert "solved 3 of 3 problems" in out
    assert "changed world" not in out
    assert out.startswith("world: max_operators 1\n")


def test_a_changed_world_is_told_and_not_kept(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = put(runs, "mine")
    before = (path / "evaluations.jsonl").read_bytes()
    out = said(capsys, "evaluate", "mine", "--untold.max_steps", "3")
    assert out.startswith("in a changed world: max_steps 3 (")
    assert run("evaluate", "mine", "--untold.max_steps=3", "--json") == 0
    assert printed_json(capsys)["untold"] == {"max_steps": 3}
    assert (path / "evaluations.jsonl").read_bytes() == before
    assert run("evaluate", "mine", "--json") == 0
    assert "untold" not in printed_json(capsys)
    assert (path / "evaluations.jsonl").read_bytes() != before


def test_a_script_told_of_a_change_and_one_that_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    """Both are in the same world at last, and only one knows it."""
    change, found = "max_steps", []
    for told in ("world", "untold"):
        assert run("evaluate", "pipeline:calculator", *SMALL, f"--{told}.{change}", "9", "--json") == 0
        found.append(printed_json(capsys))
    assert [each.pop("untold", None) for each in found] == [None, {change: 9}]
    assert found[0] == found[1]


def test_an_episode_of_a_script_has_no_value(capsys: pytest.CaptureFixture[str]) -> None:
    out = said(capsys, "explain", "pipeline:calculator", *SMALL, *TASK, "--force", "1=b")
    heading = next(line for line in out.splitlines() if "token" in line and "likeliest" in line)
    assert "value" not in heading
    assert "(b)" in out
    assert run("explain", "pipeline:calculator", *SMALL, *TASK, "--untold.max_steps", "4", "--json") == 0
    explained = printed_json(capsys)
    assert {choice["value"] for choice in explained["choices"]} == {None}
    assert [len(choice["alternatives"]) for choice in explained["choices"][:3]] == [1, 1, 1]
    assert (explained["untold"], explained["success"]) == ({"max_steps": 4}, False)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["evaluate", "mine", *SMALL], "--untold.max_operators 1 puts it into a changed one"),
        (["evaluate", "pipeline", "--worl.masks", "1"], "give --world.X or --untold.X"),
        (["evaluate", "pipeline", "--untold.nosuch", "1"], "unknown setting"),
        (["evaluate", "pipeline", "--untold.max_steps", "99"], "--untold.max_steps = 99 is too large"),
        (["evaluate", "pipeline", "--world.max_steps", "x"], "--world.max_steps = 'x' is not a whole number"),
        (["evaluate", "pipeline", "--world.nosuch", "1"], "unknown setting"),
        (["explain", "pipelin", *TASK], "scripts, each alone or as NAME:WORLD, are pipeline, react"),
        (["export", "pipeline", "--folder", "x"], "cannot be saved"),
        (["train", "--resume", "pipeline"], "is a script"),
        (["train", "--name", "pipeline"], "is the name of a script"),
        (["compare", "pipelin"], "scripts, each alone or as NAME:WORLD, are"),
    ],
)
def test_refusals(runs: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], error: str) -> None:
    put(runs, "mine")
    assert error in refused(capsys, *arguments)


@pytest.fixture
def three(runs: Path) -> Path:
    """Runs in two worlds of one id: what differs is a setting."""
    for seed in range(2):
        lines(put(runs, f"one-{seed}", setting("seed", seed)), [metric(1, [0.0]), metric(20, [0.99], solved=True)])
    put(runs, "two", setting("world.max_steps", 9))
    return runs


def test_a_script_beside_runs_meets_the_world_of_each(three: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("compare", "one-*", "pipeline", "two", "pipeline", "--json") == 0
    (comparison,) = printed_json(capsys)["comparisons"]
    groups = {each["name"]: each for each in comparison["groups"]}
    scripts = [each for name, each in groups.items() if name.startswith("pipeline")]
    assert (len(groups), len(scripts)) == (4, 2), list(groups)
    for each in scripts:
        (only,) = each["runs"]
        assert (only["script"], only["seed"], only["status"]) == ("pipeline", None, "scripted")
        assert only["evaluation"]["solved"] == 3
        assert each["to_95"] is each["to_all"] is None
    assert set(comparison["differences"]) == {"world.max_steps", "script"}


def test_a_setting_that_the_world_gained_since_a_run_has_its_default(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def before(record: dict[str, Any]) -> None:
        del record["config"]["world"]["noise"]

    lines(put(runs, "old", before), [metric(20, [0.99], solved=True)])
    lines(put(runs, "new", setting("seed", 1)), [metric(20, [0.99], solved=True)])
    assert run("compare", "old", "new", "pipeline", "--json") == 0
    (comparison,) = printed_json(capsys)["comparisons"]
    assert (len(comparison["groups"]), set(comparison["differences"])) == (2, {"script"})


def test_what_a_comparison_says_of_a_script(three: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = said(capsys, "compare", "one-*", "pipeline", "--plot", str(tmp_path / "curves.svg"))
    assert "calculator-v0: 2 runs and 1 script in 2 groups" in out
    (soon,) = [line for line in out.splitlines() if line.startswith("pipeline")][:1]
    assert set(soon.split()) == {"pipeline", "·"}
    assert "pipeline (a script)" in (tmp_path / "curves.svg").read_text()
    alone = said(capsys, "compare", "pipeline:one-0")
    assert "1 script in 1 group" in alone
    assert "how soon" not in alone


def test_the_page(three: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    said(capsys, "report", "one-*", "pipeline", "--out", str(page))
    text = page.read_text()
    assert Page(text)
    for part in ("2 runs and 1 script compared", "A closer look: pipeline", "A script, written by hand for this world"):
        assert part in text
    said(capsys, "report", "pipeline:one-0", "--out", str(page))
    alone = page.read_text()
    assert "What was written" in alone
    assert not [word for word in ("How soon", "Learning", "What was trained", "None") if word in alone]


def test_evidence_of_a_script_is_kept_on_request(
    runs: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """And that of another script is other evidence."""
    file = tmp_path / "evidence.json"
    for script in ("pipeline", "react"):
        arguments = ("evidence", f"{script}:calculator", *SMALL, "--only", "thinks", "--out", str(file))
        assert run(*arguments) == 0
        found = json.loads(file.read_text())
        assert found["agents"] == [script]
    assert "will be replaced" in capsys.readouterr().err
    assert run("evidence", "react:calculator", *SMALL, "--only", "thinks") == 0
    assert "kept nowhere" in capsys.readouterr().err


def test_evidence_in_a_changed_world_is_not_the_runs(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = put(runs, "mine")
    out = said(capsys, "evidence", "mine", "--only", "thinks", "--untold.max_steps", "5")
    assert out.startswith("in a changed world: max_steps 5")
    assert not (path / "evidence.json").exists()


@pytest.mark.parametrize("command", ["evaluate", "explain", "evidence"])
def test_help_says_how(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    out: Any = said(capsys, command, "--help")
    assert all(part in out for part in ("pipeline", "--world.X", "--untold.X"))
