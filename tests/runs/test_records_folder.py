"""What is read out of a run folder while it is written, torn, or somebody else's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from inwit.core.errors import UserError
from inwit.runs.folder import exact_rows, read_evaluations, read_metrics, read_record
from recorded import lines, metric, put


def test_a_real_run(runs: Path) -> None:
    path = put(runs, "one")
    record = read_record(path)
    assert (record.name, record.status, record.recipe, record.seed) == ("one", "finished", "calculator", 0)
    assert (record.part("world"), record.part("policy")) == ("calculator-v0", "gru")
    assert record.created.startswith("20")
    metrics = read_metrics(path)
    assert [row["update"] for row in metrics][:2] == [1, 11]
    evaluation = read_evaluations(path)[-1]["evaluation"]
    rows = exact_rows(evaluation)
    assert [(row.name, row.problems, row.shortest is None or row.shortest == 5) for row in rows] == [
        ("1 operator, 0 slots", 3, True)
    ]


def test_torn_and_strange_lines_are_left_out(runs: Path) -> None:
    path = put(runs, "one")
    lines(path, [metric(1, [0.1]), "", "null", "[1]", '{"update": "x"}', "\x00\x00", metric(11, [0.2])])
    with (path / "metrics.jsonl").open("a") as file:
        file.write('{"update": 21, "seco')
    assert [row["update"] for row in read_metrics(path)] == [1, 11]


def test_where_a_resumed_run_went_back_its_later_lines_hold(runs: Path) -> None:
    path = put(runs, "one")
    lines(path, [metric(1, [0.1]), metric(11, [0.2]), metric(21, [0.3]), metric(11, [0.25]), metric(22, [0.4])])
    assert [(row["update"], row["success"]["1"]) for row in read_metrics(path)] == [(1, 0.1), (11, 0.25), (22, 0.4)]


def test_every_evaluation_is_read_where_they_are_kept(runs: Path) -> None:
    path = put(runs, "one")
    last = json.loads((path / "evaluation.json").read_text())
    (path / "evaluations.jsonl").write_text(
        "".join(json.dumps({"update": u, "time": "t", "evaluation": last}) + "\n" for u in (5, 21)) + '{"upd'
    )
    assert [row["update"] for row in read_evaluations(path)] == [5, 21]


def test_what_is_absent_is_empty(runs: Path) -> None:
    path = put(runs, "one")
    for name in ("metrics.jsonl", "evaluation.json"):
        (path / name).unlink()
    assert read_metrics(path) == []
    (path / "evaluations.jsonl").unlink(missing_ok=True)
    assert read_evaluations(path) == []


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "null", '{"status": "finished"}', '{"config": 3}', "[" * 100_000])
def test_a_damaged_record(runs: Path, text: str) -> None:
    path = put(runs, "one")
    (path / "run.json").write_text(text)
    with pytest.raises(UserError, match=r"run\.json is damaged"):
        read_record(path)


@pytest.mark.parametrize("value", [{}, {"stages": 3}, {"stages": [3, None]}, {"groups": {"a": 1}}, {"groups": None}])
def test_a_strange_evaluation_has_no_rows(value: dict[str, object]) -> None:
    assert exact_rows(value) == []


def test_rows_with_gaps() -> None:
    (row,) = exact_rows({"stages": [{"stage": 1, "problems": 4, "solved": 1, "mean_steps": "x"}]})
    assert (row.name, row.success, row.steps, row.shortest) == ("stage 1", 0.25, None, None)
