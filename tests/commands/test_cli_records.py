"""`inwit runs` and `inwit query` as they are typed."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from inwit.commands.cli import main
from inwit.core import storage
from recorded import begun, lines, metric, put, setting
from support import python


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(list(arguments)) == 0
    return capsys.readouterr().out


def test_the_list(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for seed in range(3):
        put(runs, f"run-{seed}", setting("seed", seed))
    put(runs, "other", setting("recipe", "mine"))
    out = run(capsys, "runs")
    assert out.splitlines()[0].split()[:4] == ["run", "status", "recipe", "seed"]
    assert "run-1" in out
    assert "other" in out
    assert "other" not in run(capsys, "runs", "--recipe", "calculator")
    assert "run-1" not in run(capsys, "runs", "--recipe", "mine")
    assert "no such runs" in run(capsys, "runs", "--status", "failed")
    assert "2 of 4 runs" in run(capsys, "runs", "--limit", "2")
    assert len(json.loads(run(capsys, "runs", "--limit", "0", "--json"))) == 4


def test_a_running_training_shows_how_far_it_is(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = put(runs, "going", lambda record: record.update(status="running", summary={}))
    lines(path, [metric(1, [0.0]), metric(71, [0.5])])
    with storage.locked(path / "lock"):
        (row,) = json.loads(run(capsys, "runs", "--status", "running", "--json"))
    assert (row["updates"], row["tokens"]) == (71, 7100)


def test_a_killed_training_is_not_said_to_be_running(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = put(runs, "killed", lambda record: record.update(status="running", summary={"update": 61, "tokens": 6100}))
    lines(path, [metric(1, [0.0]), metric(71, [0.5])])
    (row,) = json.loads(run(capsys, "runs", "--status", "stopped", "--json"))
    assert (row["run"], row["updates"], row["tokens"]) == ("killed", 71, 7100)
    assert run(capsys, "query", "SELECT status FROM runs", "--csv") == "status\nstopped\n"
    with storage.locked(path / "lock"):
        assert "running" in run(capsys, "runs"), "The index must not keep what was true a moment ago."


def test_other_peoples_names_cannot_move_the_cursor(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(runs, "evil\x1b[2J\nname", setting("recipe", "\x1b]0;x\x07"))
    out = run(capsys, "runs")
    assert "\x1b" not in out
    assert len(out.splitlines()) == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["runs", "--limit", "-1"], "--limit"),
        (["runs", "--limit", "many"], "many"),
        (["runs", "--status", "dead"], "dead"),
        (["query"], "sql"),
        (["query", "selec"], "selec"),
        (["query", "SELECT 1", "--json", "--csv"], "--csv"),
    ],
)
def test_mistakes(runs: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str) -> None:
    assert main(arguments) == 2
    streams = capsys.readouterr()
    assert streams.out == ""
    assert said in streams.err
    assert len(streams.err.splitlines()) == 1


def test_an_answer_in_three_forms(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(runs, "a,b", lambda record: begun(record, "2026-01-02T03:04:05+00:00"))
    sql = "SELECT run, created, problems, 0.5 AS half, [1, 2] AS list, 'nan'::DOUBLE AS strange FROM runs"
    (row,) = json.loads(run(capsys, "query", sql, "--json"))
    assert row == {
        "run": "a,b",
        "created": "2026-01-02 03:04:05",
        "problems": 3,
        "half": 0.5,
        "list": [1, 2],
        "strange": "NaN",
    }
    rows = list(csv.reader(run(capsys, "query", sql, "--csv").splitlines()))
    assert rows[0] == ["run", "created", "problems", "half", "list", "strange"]
    assert rows[1][:3] == ["a,b", "2026-01-02 03:04:05", "3"]
    assert "a,b" in run(capsys, "query", sql)


def test_a_long_table_says_that_it_is_cut(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "1,000 of 1,500 rows" in run(capsys, "query", "SELECT * FROM range(1500)")


@pytest.mark.slow
def test_none_of_it_needs_torch(runs: Path) -> None:
    put(runs, "one")
    put(runs, "two", setting("seed", 1))
    code = """
import sys
from inwit.commands.cli import main
for arguments in (["runs"], ["query", "SELECT * FROM metrics"], ["compare", "*"]):
    assert main(arguments) == 0
    assert "torch" not in sys.modules, arguments
"""
    done = python(code, INWIT_RUNS=str(runs))
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_a_long_question_is_interrupted_in_one_line(runs: Path) -> None:
    endless = "SELECT sum(a.range * b.range) FROM range(100000000) a, range(100000000) b"
    command = [sys.executable, "-m", "inwit", "query", endless]
    listen = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # shells let background jobs ignore Ctrl-C
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=listen) as asked:
        try:
            time.sleep(4)
            asked.send_signal(signal.SIGINT)
            _, said = asked.communicate(timeout=20)
        finally:
            asked.kill()  # else a failure would wait for the end of an endless question
    assert (asked.returncode, said) == (130, "inwit: interrupted\n")
