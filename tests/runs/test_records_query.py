"""SQL over all runs: right answers, one-line refusals, and no way out to files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from inwit.core.errors import UserError
from inwit.core.results import EXACT, Evaluation, Row, Yardstick
from inwit.runs.query import query
from recorded import lines, metric, put, setting


@pytest.fixture
def folder(runs: Path) -> Path:
    """Three runs with metrics by hand; one of them went back, is torn, and has a metric of its own."""
    lines(put(runs, "a"), [metric(1, [0.1]), metric(11, [0.9])])
    lines(put(runs, "b", setting("learner.entropy", 0.5)), [metric(1, [0.2], loss=1), metric(11, [0.3], loss=2.5)])
    rows = [metric(1, [0.4]), metric(11, [0.5]), metric(11, [0.6], kl=7), '{"update": 21, "tok']
    lines(put(runs, "c", setting("seed", 3)), rows)
    return runs


def test_runs(folder: Path) -> None:
    assert query("SELECT run, seed FROM runs ORDER BY run").rows == [("a", 0), ("b", 0), ("c", 3)]
    answer = query("SELECT * FROM runs WHERE created > '2020-01-01'")
    assert len(answer.rows) == 3
    assert answer.columns[:4] == ["run", "status", "recipe", "seed"]


def test_metrics(folder: Path) -> None:
    sql = "SELECT run, max(tokens), max(success['1']) FROM metrics GROUP BY run ORDER BY run"
    assert query(sql).rows == [("a", 1100, 0.9), ("b", 1100, 0.3), ("c", 1100, 0.6)]
    assert query("SELECT update, kl FROM metrics WHERE run = 'c' ORDER BY update").rows == [(1, None), (11, 7)]
    assert query("SELECT loss FROM metrics WHERE run = 'b' ORDER BY update").rows == [(1.0,), (2.5,)]


def test_metrics_as_the_training_writes_them(runs: Path) -> None:
    put(runs, "real")
    ((count, updates, entropy),) = query("SELECT count(*), max(update), min(entropy) FROM metrics").rows
    assert count >= 3
    assert updates == 21
    assert 0 < entropy < 10


def test_evaluations_and_settings(folder: Path) -> None:
    rows = query("SELECT run, row, stage, labels->'slots', problems FROM evaluations ORDER BY run").rows
    assert rows == [(run, "1 operator, 0 slots", 1, "0", 3) for run in "abc"]
    sql = "SELECT r.run, s.value FROM runs r JOIN settings s USING (run) WHERE s.name = 'learner.entropy' ORDER BY 1"
    assert [value for _, value in query(sql).rows] == ["0.02", "0.5", "0.02"]


def test_every_yardstick_is_a_column(folder: Path) -> None:
    """Those of somebody else's world, too, whatever they are called; a name that is taken gets a number."""
    names = ("oracle", "Best human", "cost", "COST", "0", 'x"; DROP')
    yardsticks = {name: Yardstick(EXACT, success=0.1 * place) for place, name in enumerate(names, 1)}
    row = Row("low", 3, 8, 2, 4.5, 4.0, yardsticks, {"depth": 2}, {"luck": 0.5}, (0.125, 0.5))
    line = {"update": 5, "time": "t", "evaluation": Evaluation("w", [row], False, "sampled").to_dict()}
    (folder / "a" / "evaluations.jsonl").write_text(json.dumps(line) + "\n")
    answer = query("SELECT * EXCLUDE (labels, extra) FROM evaluations WHERE run = 'a'")
    assert dict(zip(answer.columns, answer.rows[0], strict=True)) == pytest.approx(
        {"run": "a", "update": 5, "time": "t", "row": "low", "stage": 3, "problems": 8, "solved": 2, "success": 0.25}
        | {"cost": 4.5, "best_cost": 4.0, "low": 0.125, "high": 0.5, "oracle": 0.1, "shortcut": None, "random": None}
        | {"best_human": 0.2, "cost_2": 0.3, "cost_3": 0.4, "yardstick": 0.5, "x_drop": 0.6}
    )
    assert query("SELECT labels->>'depth', extra->'luck' FROM evaluations WHERE run = 'a'").rows == [("2", "0.5")]
    assert query("SELECT count(*), count(best_human) FROM evaluations").rows == [(3, 1)]


@pytest.mark.parametrize("table", ["runs", "metrics", "evaluations", "settings"])
def test_without_any_run_the_tables_are_empty(runs: Path, table: str) -> None:
    answer = query(f"SELECT * FROM {table}")
    assert answer.rows == []
    assert "run" in answer.columns
    assert query(f"DESCRIBE {table}").rows


def test_damaged_runs_do_no_harm(folder: Path) -> None:
    (folder / "b" / "run.json").write_text("{")
    (folder / "c" / "metrics.jsonl").write_bytes(b"\xff\xfe\n{}\n[]\n" + b'{"a\\"b": 1, "success": 3, "update": 1}\n')
    assert query("SELECT run, status FROM runs WHERE status = 'damaged'").rows == [("b", "damaged")]
    assert query("SELECT count(*) FROM settings WHERE run = 'b'").rows == [(0,)]
    assert query("SELECT update, success FROM metrics WHERE run = 'c' AND update = 1").rows == [(1, None)]


MISTAKES = {
    "selec 1": "selec",
    "SELECT nothing FROM runs": "nothing",
    "SELECT * FROM run": "run",
    "SELECT 1 +": "syntax",
    "": "0 statements",
    "SELECT 1; SELECT 2": "2 statements",
    "SELECT 'x'::INTEGER": "x",
}


@pytest.mark.parametrize("sql", MISTAKES)
def test_a_mistake_is_one_line(folder: Path, sql: str) -> None:
    with pytest.raises(UserError, match=MISTAKES[sql]) as refused:
        query(sql)
    message = str(refused.value)
    assert "\n" not in message
    assert len(message) < 400


FORBIDDEN = [
    "COPY runs TO '{out}'",
    "EXPORT DATABASE '{out}'",
    "ATTACH '{out}'",
    "CREATE TABLE t AS SELECT 1",
    "DROP TABLE runs",
    "INSERT INTO runs SELECT * FROM runs",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET enable_external_access = true",
    "PRAGMA database_list",
    "SELECT * FROM read_csv('{secret}')",
    "SELECT * FROM read_text('{secret}')",
    "SELECT * FROM '{secret}'",
    "SELECT * FROM glob('{secret}*')",
    "EXPLAIN ANALYZE COPY runs TO '{out}'",
    "WITH x AS (SELECT 1) INSERT INTO runs(run) SELECT 'x' FROM x",
]


@pytest.mark.parametrize("sql", FORBIDDEN)
def test_it_only_reads_and_only_runs(folder: Path, tmp_path: Path, sql: str) -> None:
    secret, out = tmp_path / "secret.csv", tmp_path / "out.db"
    secret.write_text("a\n1\n")
    with pytest.raises(UserError):
        query(sql.format(secret=secret, out=out))
    assert not out.exists()


def test_the_programs_own_variables_are_no_tables(folder: Path) -> None:
    for name in ("arrays", "rows", "names", "lines", "texts", "database", "folder"):
        with pytest.raises(UserError, match=name):
            query(f"SELECT * FROM {name}")
