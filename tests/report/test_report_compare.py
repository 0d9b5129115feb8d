"""`inwit compare`: which runs, what it says of them, and what it draws."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from inwit.commands.cli import main
from inwit.core.errors import UserError
from inwit.core.results import EXACT, ConstantSet, Yardstick
from inwit.report.select import select
from recorded import begun, evaluated, lines, metric, put, setting
from results import DRAWN, PROVEN


@pytest.fixture
def five(runs: Path) -> Path:
    """Three seeds of one configuration, one of another, and one of another world."""
    for seed in range(3):
        path = put(runs, f"calculator-{seed}", setting("seed", seed))
        lines(path, [metric(1, [0.0]), metric(2 + seed, [0.97]), metric(20, [0.99], solved=seed < 2)])
    put(runs, "calculator-other", setting("learner.entropy", 0.7))
    put(runs, "else", setting("world.id", "another-world"))
    return runs


def names(*patterns: str) -> list[str]:
    return [run.record.folder_name for run in select(patterns)]


def test_which_runs(five: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sorted(names("calculator-[0-9]")) == ["calculator-0", "calculator-1", "calculator-2"]
    assert names("calculator-1", str(five / "calculator-0"), "calculator-1") == ["calculator-1", "calculator-0"]
    assert len(names("*")) == 5
    monkeypatch.chdir(five / "else")
    assert names(".") == ["else"]


def test_the_latest_is_the_last_one_that_is_complete(runs: Path) -> None:
    put(runs, "old", lambda record: begun(record, "2026-01-01T00:00:00+00:00"))
    put(runs, "new", lambda record: begun(record, "2026-01-02T00:00:00+00:00"))
    put(runs, "going", lambda record: (begun(record, "2026-01-03T00:00:00+00:00"), record.update(status="running")))
    assert names("latest") == ["new"]


@pytest.mark.parametrize(
    ("patterns", "said"),
    [
        (["tutorial-*"], "no run under"),
        (["calculator-8"], "did you mean 'calculator-"),
        (["broken"], "damaged"),
        (["theirs"], "not a run"),
        ([""], "unknown run"),
    ],
)
def test_runs_that_are_not_there(five: Path, patterns: list[str], said: str) -> None:
    (put(five, "broken") / "run.json").write_text("{")
    (five / "theirs").mkdir()
    with pytest.raises(UserError, match=said) as refused:
        select(patterns)
    assert "\n" not in str(refused.value)
    assert len(select(["*"])) == 5, "A pattern passes over what is damaged."


def test_no_complete_run(runs: Path) -> None:
    with pytest.raises(UserError, match="inwit train"):
        select(["latest"])


def test_what_it_says(five: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "calculator-*"]) == 0
    out = capsys.readouterr().out
    assert "learner.entropy" in out
    assert "policy.width" not in out, "Only what differs is shown."
    (row,) = [line for line in out.splitlines() if line.startswith("entropy 0.02  0, 1, 2")]
    assert "3 of 3  1.5 s (1.0 s to 2.0 s)  300 (200 to 400)" in row
    assert "2 of 3  10.0 s (10.0 s to 10.0 s)" in row
    assert "cannot be compared" not in out


def test_a_confirmation_says_nothing_of_a_test_set(five: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "*"]) == 0
    assert "all: confirmed to solve every problem outside the test set." in " ".join(capsys.readouterr().out.split())


def test_different_worlds_are_shown_apart(five: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "*"]) == 0
    out = capsys.readouterr().out
    (line,) = [line for line in out.splitlines() if "cannot be compared" in line]
    assert "calculator-v0 (4)" in line
    assert "another-world (1)" in line
    assert "world.id" not in out, "The worlds are no difference within a comparison."


def test_as_json(five: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "*", "--json"]) == 0
    first, second = sorted(json.loads(capsys.readouterr().out)["comparisons"], key=lambda each: -len(each["groups"]))
    assert first["differences"] == {"learner.entropy": [0.02, 0.7]}
    group = first["groups"][0]
    assert (group["to_95"]["reached"], group["to_95"]["seconds"]["middle"]) == (3, 1.5)
    assert (group["to_all"]["reached"], group["to_all"]["tokens"]["high"]) == (2, 2000)
    evaluation = group["runs"][0]["evaluation"]
    assert evaluation["problems"] == sum(row["problems"] for row in evaluation["rows"]) == 3
    assert evaluation["rows"][0]["yardsticks"]["random"]["known"] == "sampled"
    assert second["world"] == "another-world"


def test_rows_of_one_name_are_all_kept(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Beside each other, and beside what another run has."""
    evaluated(put(runs, "one"), PROVEN)
    evaluated(put(runs, "two", setting("seed", 1)), replace(DRAWN, rows=DRAWN.rows[1:]))
    put(runs, "none", lambda record: (setting("seed", 2)(record), record["summary"].update(update=5)))
    assert main(["compare", "one", "two", "none"]) == 0
    out = capsys.readouterr().out
    (heading,) = [line for line in out.splitlines() if line.count("two doors, far apart") == 2]
    assert heading.split()[:5] == ["group", "seed", "status", "solved", "held"]
    first, second, third = out.partition(heading)[2].splitlines()[2:5]
    assert " ".join(first.split()).endswith("100 % > 99.9 % 0.0 %")
    assert "·" in second, "The second run has no such row."
    assert second.count("~") == 2
    assert "not evaluated" in third
    assert f"the result: {PROVEN.method}; or {DRAWN.method}" in out
    assert "~ estimated from a sample" in out


def test_the_yardsticks_of_each_row_are_shown_once(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By their own names; with several figures only where the worlds of the runs differ."""
    other = replace(PROVEN.rows[0], yardsticks=PROVEN.rows[0].yardsticks | {"blind": Yardstick(EXACT, 0.75)})
    evaluated(put(runs, "one"), PROVEN)
    evaluated(put(runs, "two", setting("seed", 1)), PROVEN)
    evaluated(put(runs, "three", setting("seed", 2)), replace(PROVEN, rows=[other]))
    said = []
    for names in (["one", "two"], ["one", "three"]):
        assert main(["compare", *names]) == 0
        _, _, shown = capsys.readouterr().out.partition("the yardsticks\n\n")
        said.append([" ".join(line.split()) for line in shown.splitlines()])
    assert said[0][0] == "greedy blind oracle"
    assert said[0][2:] == ["one door 50.0 % ~3.1 % 100 %", *["two doors, far apart none · not searched"] * 2]
    assert said[1][2] == "one door 50.0 % ~3.1 % or 75.0 % 100 %"


def test_runs_without_yardsticks_have_no_table_of_them(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evaluated(put(runs, "one"), replace(PROVEN, rows=[replace(row, yardsticks={}) for row in PROVEN.rows]))
    assert main(["compare", "one"]) == 0
    assert "yardsticks" not in capsys.readouterr().out


@pytest.mark.parametrize(("name", "head"), [("c.png", b"\x89PNG"), ("c.svg", b"<?xml")])
def test_the_picture(five: Path, tmp_path: Path, name: str, head: bytes) -> None:
    assert main(["compare", "*", "--plot", str(tmp_path / name)]) == 0
    assert (tmp_path / name).read_bytes().startswith(head)


def test_a_picture_that_cannot_be(five: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for file, said in ((tmp_path / "c.pdf", ".png"), (tmp_path / "none" / "c.png", "cannot write")):
        assert main(["compare", "*", "--plot", str(file)]) == 2
        streams = capsys.readouterr()
        assert said in streams.err
        assert len(streams.err.splitlines()) == 1
        assert not file.exists()


def test_runs_that_have_hardly_begun(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = put(runs, "going", lambda record: record.update(status="running", summary={}))
    for name in ("metrics.jsonl", "evaluation.json"):
        (path / name).unlink()
    (path / "evaluations.jsonl").unlink(missing_ok=True)
    assert main(["compare", "going"]) == 0
    assert "not evaluated" in capsys.readouterr().out


def test_json_has_null_for_what_is_no_number(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = {
        "name": "x",
        "stage": 0,
        "problems": 3,
        "solved": 2,
        "labels": {"a": float("nan")},
        "extra": {"b": [float("inf")]},
    }
    path = put(runs, "one")
    (path / "evaluations.jsonl").write_text(json.dumps({"evaluation": {"rows": [line]}}))
    assert main(["compare", "one", "--json"]) == 0
    group = json.loads(capsys.readouterr().out)["comparisons"][0]["groups"][0]
    (row,) = group["runs"][0]["evaluation"]["rows"]
    assert (row["labels"], row["extra"]) == ({"a": None}, {"b": [None]})


def test_other_peoples_texts_cannot_move_the_cursor(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nor can half a character, which JSON may hold, keep the picture from being drawn."""
    path = put(runs, "one", setting("world.id", "w\x1b[31m\ud800"))
    line = {"name": "x", "stage": 0, "problems": 3, "solved": 2}
    (path / "evaluations.jsonl").write_text(json.dumps({"evaluation": {"rows": [line], "method": "m\x1b[2J"}}))
    assert main(["compare", "one", "--plot", str(tmp_path / "curves.png")]) == 0
    assert "\x1b" not in capsys.readouterr().out


def test_a_warm_start_beside_a_cold_one(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It shows no climb, and the table says what its tokens are."""
    for name, of in (("cold", ""), ("warm", "cold")):
        path = put(runs, name, setting("training.start_from", of))
        lines(path, [metric(1, [0.97]), metric(2, [1.0], solved=True)])
    assert main(["compare", "cold"]) == 0
    assert "counts its own training only" not in capsys.readouterr().out
    assert main(["compare", "cold", "warm"]) == 0
    out = capsys.readouterr().out
    (row,) = [line for line in out.splitlines() if line.startswith("start_from cold  0")]
    assert "▁" not in row
    assert any(line.startswith("calculator ") for line in out.splitlines())
    assert "start_from  " not in out.replace("training.start_from", "")
    assert "counts its own training only" in out


def test_how_many_constant_programs_solve_everything_is_said_once(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = [replace(PROVEN, constant_programs=ConstantSet(EXACT, count)) for count in (3, 3, 1)]
    for name, each in zip(("one", "two", "three"), told, strict=True):
        evaluated(put(runs, name), each)
    said = []
    for names in (["one", "two"], ["one", "three"]):
        assert main(["compare", *names]) == 0
        said.append([line for line in capsys.readouterr().out.splitlines() if line.startswith("constant programs")])
    line = "constant programs that solve everything"
    assert said == [[f"{line}: 3"], [f"{line}: 3", f"{line}: 1"]]
