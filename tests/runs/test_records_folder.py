"""What is read out of a run folder while it is written, torn, or somebody else's."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from inwit.core.errors import UserError
from inwit.core.results import (
    AT_LEAST,
    EXACT,
    NONE,
    NOT_SEARCHED,
    SAMPLED,
    ConstantSet,
    Evaluation,
    Row,
    Split,
    Yardstick,
)
from inwit.runs.folder import evaluation_from, evaluations, read_metrics, read_record, result
from inwit.runs.index import listing
from recorded import lines, metric, put


def test_a_real_run(runs: Path) -> None:
    path = put(runs, "one")
    record = read_record(path)
    assert (record.folder_name, record.status, record.recipe, record.seed) == ("one", "finished", "calculator", 0)
    assert (record.part("world"), record.part("policy")) == ("calculator-v0", "gru")
    assert record.created.startswith("20")
    metrics = read_metrics(path)
    assert [row["update"] for row in metrics][:2] == [1, 11]
    found = result(record, evaluations(path))
    assert found is not None
    assert [(row.name, row.problems, row.best_cost in (None, 5)) for row in found.rows] == [
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
    assert [kept.update for kept in evaluations(path)] == [5, 21]


def test_what_is_absent_is_empty(runs: Path) -> None:
    path = put(runs, "one")
    for name in ("metrics.jsonl", "evaluation.json"):
        (path / name).unlink()
    assert read_metrics(path) == []
    (path / "evaluations.jsonl").unlink(missing_ok=True)
    assert evaluations(path) == []


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "null", '{"status": "finished"}', '{"config": 3}', "[" * 100_000])
def test_a_damaged_record(runs: Path, text: str) -> None:
    path = put(runs, "one")
    (path / "run.json").write_text(text)
    with pytest.raises(UserError, match=r"run\.json is damaged"):
        read_record(path)


@pytest.mark.parametrize("value", [{}, {"stages": 3}, {"stages": [3, None]}, {"groups": {"a": 1}}, {"groups": None}])
def test_a_strange_evaluation_has_no_rows(value: dict[str, object]) -> None:
    assert evaluation_from(value).rows == []


def test_rows_with_gaps() -> None:
    (row,) = evaluation_from({"stages": [{"stage": 1, "problems": 4, "solved": 1, "mean_steps": "x"}]}).rows
    assert (row.name, row.success, row.cost, row.best_cost) == ("stage 1", 0.25, None, None)


WHOLE = Row(
    name="stage 0",
    stage=0,
    problems=10,
    solved=4,
    cost=3.5,
    best_cost=3.0,
    yardsticks={
        "oracle": Yardstick(EXACT, success=1.0, cost=3.0, program=["MUL", "ANS"]),
        "human": Yardstick(SAMPLED, success=0.9, interval=(0.8, 0.95), why="twenty people"),
        "random": Yardstick(NOT_SEARCHED, why="too many programs"),
    },
    labels={"slots": 1},
    extra={"value_success": 0.5},
    interval=(0.1, 0.7),
)


def test_an_evaluation_comes_back_whole() -> None:
    split = Split("classes", {"1": (3, 3)}, {"2": (1, 2)}, twins=1)
    made = Evaluation("w", [WHOLE], False, "sampled", "a limit", split, ["a+b"], 1.25)
    assert evaluation_from(json.loads(json.dumps(made.to_dict()))) == made
    assert evaluation_from(made.to_dict()) == made
    for constant in (ConstantSet(EXACT, 2, [["A"], ["B", "C"]]), ConstantSet(AT_LEAST, 3), ConstantSet(NONE, why="so")):
        told = replace(made, constant_programs=constant)
        assert evaluation_from(json.loads(json.dumps(told.to_dict()))) == told
    assert evaluation_from(made.to_dict() | {"constant_programs": {"known": "perhaps"}}) == made
    bare = Evaluation("w", [], True, "exact")
    assert evaluation_from(bare.to_dict()) == bare


@pytest.mark.parametrize(
    "damage",
    [
        {"problems": "10"},
        {"solved": None},
        {"stage": float("nan")},
        {"name": 3},
        {"problems": True},
    ],
)
def test_what_is_no_row_is_left_out(damage: dict[str, object]) -> None:
    whole = Evaluation("w", [WHOLE], True, "exact").to_dict()
    read = evaluation_from(whole | {"rows": [whole["rows"][0] | damage, 3, None, whole["rows"][0]]})
    assert read.rows == [WHOLE]


def test_strange_parts_of_a_row_are_left_out() -> None:
    row = Evaluation("w", [WHOLE], True, "exact").to_dict()["rows"][0]
    strange = {"oracle": 3, "human": {"known": "perhaps"}, "random": {"known": EXACT, "success": "x", "program": 3}}
    damaged = row | {"yardsticks": strange, "labels": [], "extra": None, "interval": [1], "cost": "3"}
    [read] = evaluation_from({"rows": [damaged], "split": {"trained": {"1": [1]}}, "unsolved": 3}).rows
    assert read.yardsticks == {"random": Yardstick(EXACT)}
    assert (read.labels, read.extra, read.interval, read.cost) == ({}, {}, None, None)


def test_stages_and_groups_of_earlier_versions() -> None:
    """What was not searched is not called impossible, and a mean over all problems is no cost of the solved ones."""
    stage = {"stage": 0, "problems": 4, "solved": 4, "mean_steps": 3.5, "oracle_program": ["A", "B"], "oracle_steps": 2}
    found = {**stage, "random_success": 0.1, "shortcut_program": ["A"], "shortcut_success": 0.5, "lucky": 0.25}
    none = {**found, "solved": 3, "oracle_program": None, "oracle_steps": None}
    unknown = {"stage": 2, "problems": 4, "solved": 0, "random_success": None, "oracle_program": None}
    best, missing, blank = evaluation_from({"world": "w", "stages": [found, none, unknown]}).rows
    assert (best.cost, best.best_cost, best.extra) == (3.5, 2, {"lucky": 0.25})
    assert best.yardsticks["oracle"] == Yardstick(EXACT, 1.0, 2, ["A", "B"])
    assert best.yardsticks["shortcut"] == Yardstick(EXACT, 0.5, 1, ["A"])
    assert (missing.yardsticks["oracle"].known, missing.cost, missing.extra["mean_steps"]) == (NONE, None, 3.5)
    assert {each.known for each in blank.yardsticks.values()} == {NOT_SEARCHED}
    group = {"operators": 2, "slots_needed": 1, "expressions": 5, "identity_solved": 2, "proven": 5}
    split = {"name": "classes", "trained": {"2": [1, 2]}, "held_out": {"2": [1, 3]}, "held_out_twins": 1}
    groups = [group, {**group, "slots_needed": None}, {**group, "slots_needed": None, "proven": 0}]
    read = evaluation_from({"groups": groups, "split": split, "tokens_over_shortest": 1.5})
    assert [row.name for row in read.rows] == ["2 operators, 1 slot", "2 operators", "2 operators"]
    assert [row.yardsticks["oracle"].known for row in read.rows] == [EXACT, NONE, NOT_SEARCHED]
    assert read.split == Split("classes", {"2": (1, 2)}, {"2": (1, 3)}, 1)
    assert (read.cost_over_best, read.solved, read.problems) == (1.5, 6, 15)


@pytest.mark.parametrize("value", [10**400, -(10**400), 1e308, float("inf"), float("nan")])
def test_numbers_beyond_reckoning_are_left_out(runs: Path, value: float) -> None:
    """JSON holds whole numbers of any length: one such line must not hide all runs."""
    line = {"name": "x", "stage": 0, "problems": 3, "solved": 2, "cost": value, "interval": [value, value]}
    line |= {"yardsticks": {"oracle": {"known": EXACT, "success": value}}, "extra": {"luck": value, "fits": 0.5}}
    path = put(runs, "one")
    (path / "evaluations.jsonl").write_text(json.dumps({"update": value, "evaluation": {"rows": [line]}}))
    (found,) = evaluations(path)
    assert found.update is None
    (row,) = found.evaluation.rows
    assert (row.cost, row.interval, row.yardsticks["oracle"].success, row.extra) == (None, None, None, {"fits": 0.5})
    assert [each.problems for each in listing(runs)] == [3]
