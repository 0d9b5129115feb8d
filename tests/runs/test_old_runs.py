"""Runs recorded by the version before go on being agents: they load, evaluate, resume, and are read by everything."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import inwit
from inwit.commands.cli import main
from inwit.core import result_text
from inwit.core.results import EXACT, SAMPLED, Evaluation
from inwit.runs.folder import evaluations, read_metrics, read_record, result
from inwit.runs.index import listing
from inwit.runs.query import query
from soaking import quiet

GOLDEN = Path(__file__).parents[1] / "golden" / "runs"
FINISHED = ("calculator-finished", "tutorial-finished")
INTERRUPTED = "tutorial-unmasked-interrupted"


@pytest.fixture
def old(runs: Path) -> Path:
    shutil.copytree(GOLDEN, runs)
    return runs


def kept(path: Path) -> Any:
    found = result(read_record(path), evaluations(path))
    assert found is not None
    return found


def test_their_results_are_read(old: Path) -> None:
    tutorial = kept(old / "tutorial-finished")
    assert [(row.name, row.problems, row.solved) for row in tutorial.rows] == [
        ("stage 0", 1000, 1000),
        ("stage 1", 10000, 1000),
        ("stage 2", 100000, 1342),
    ]
    first, _, last = tutorial.rows
    assert (first.cost, first.best_cost, last.cost, last.best_cost) == (3, 3, None, 7)
    assert last.yardsticks["shortcut"].success == 0.19
    assert last.yardsticks["random"].known == EXACT
    assert tutorial.known_limit.startswith("one fixed program")
    calculator = kept(old / "calculator-finished")
    assert [(row.name, row.stage, row.labels, row.problems) for row in calculator.rows] == [
        ("1 operator, 0 slots", 1, {"slots": 0}, 3),
        ("2 operators, 0 slots", 2, {"slots": 0}, 18),
    ]
    assert calculator.rows[0].yardsticks["random"].known == SAMPLED
    assert (len(calculator.unsolved), calculator.split) == (21, None)
    assert evaluations(old / INTERRUPTED) == []


def test_what_was_sampled_is_marked(old: Path) -> None:
    headings, [row, _] = headings_and_cells(kept(old / "calculator-finished"))
    assert row[headings.index("value success")] == "~0.0 %"


def test_one_set_of_letters_proves_nothing_of_others(old: Path) -> None:
    """Where letters varied, an expression was asked under its first letters alone."""
    path = old / "calculator-finished"
    assert kept(path).proven
    record = json.loads((path / "run.json").read_text())
    record["config"]["world"] |= {"names": "any"}
    (path / "run.json").write_text(json.dumps(record))
    assert not kept(path).proven
    assert kept(path).method.endswith("under one set of letters")


def headings_and_cells(evaluation: Evaluation) -> tuple[list[str], list[list[str]]]:
    return result_text.headings(evaluation), result_text.cells(evaluation)


def test_they_are_listed_and_queried(old: Path) -> None:
    rows = {row.run: (row.status, row.solved, row.problems) for row in listing()}
    assert rows == {
        "calculator-finished": ("finished", 0, 21),
        "tutorial-finished": ("finished", 3342, 111000),
        INTERRUPTED: ("interrupted", None, None),
    }
    sql = "SELECT row, solved, best_cost, oracle, shortcut FROM evaluations WHERE run LIKE 'tutorial%' ORDER BY stage"
    assert query(sql).rows[2] == ("stage 2", 1342, 7, 1, 0.19)
    assert query("SELECT max(update) FROM metrics GROUP BY run ORDER BY run").rows == [(21,), (31,), (11,)]


@pytest.mark.parametrize("name", [*FINISHED, INTERRUPTED])
def test_they_load_to_the_same_agent(old: Path, name: str) -> None:
    agent = inwit.load(old / name)
    assert agent.summary == json.loads((old / name / "run.json").read_text())["summary"]
    assert agent.config.recipe == name.rpartition("-")[0]
    checkpoint = next((old / name / "checkpoints").iterdir())
    again = inwit.load(checkpoint).policy.state_dict()
    assert all(bool((tensor == again[key]).all()) for key, tensor in agent.policy.state_dict().items())


@pytest.mark.parametrize("name", FINISHED)
@pytest.mark.slow
def test_an_evaluation_finds_what_was_found_then(old: Path, name: str) -> None:
    found, then = inwit.evaluate(inwit.load(old / name)), kept(old / name)
    assert (found.solved, found.problems) == (then.solved, then.problems)


def test_the_interrupted_one_goes_on_and_the_finished_ones_for_longer(old: Path) -> None:
    told: list[str] = []
    agent = inwit.resume(old / INTERRUPTED, tell=told.append, training={"max_updates": 22})
    assert (agent.status, agent.summary["update"]) == ("finished", 22)
    assert [row["update"] for row in read_metrics(old / INTERRUPTED)] == [1, 11, 21]
    more = {"max_updates": 31, "confirm": False}
    assert inwit.resume(old / "calculator-finished", tell=quiet, training=more).summary["update"] == 31


def test_they_are_reported_and_compared(old: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", *FINISHED, INTERRUPTED, "--out", str(tmp_path / "page.html")]) == 0
    assert "tutorial-unmasked" in (tmp_path / "page.html").read_text(encoding="utf-8")
    capsys.readouterr()
    assert main(["compare", "tutorial-finished", INTERRUPTED]) == 0
    assert "stage 2" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "value"), [("resumed", ...), ("resumed", None), ("machine", None), ("versions", None), ("machine", ...)]
)
def test_a_record_with_gaps_goes_on(old: Path, name: str, value: Any) -> None:
    """Earlier or edited records may lack what only tells the story of a run."""
    record = json.loads((old / INTERRUPTED / "run.json").read_text())
    record[name] = value
    text = json.dumps({key: each for key, each in record.items() if each is not ...})
    (old / INTERRUPTED / "run.json").write_text(text)
    inwit.resume(old / INTERRUPTED, tell=quiet, training={"max_updates": 21})
    record = read_record(old / INTERRUPTED)
    assert record.status == "finished"
    assert [note["update"] for note in record.rest["resumed"]] == [20]


@pytest.mark.parametrize("value", [None, [], 3, ...])
def test_a_record_without_a_summary_is_refused_in_one_line(old: Path, value: Any) -> None:
    path = old / "tutorial-finished"
    record = json.loads((path / "run.json").read_text()) | {"summary": value}
    (path / "run.json").write_text(json.dumps({key: each for key, each in record.items() if each is not ...}))
    for use in (inwit.load, inwit.resume):
        with pytest.raises(inwit.UserError, match=r"run\.json is damaged: it has no valid summary$"):
            use(path)
    assert {row.run: row.status for row in listing()}["tutorial-finished"] == "finished"
