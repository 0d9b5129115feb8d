"""SQL over all runs: right answers, one-line refusals, and no way out to files."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from command_line import run
from inwit.core.errors import UserError
from inwit.core.results import EXACT, Evaluation, Row, Yardstick
from inwit.runs.query import query
from recorded import lines, metric, put, setting
from support import first_fast


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


@pytest.mark.slow
def test_the_programs_own_variables_are_no_tables(folder: Path) -> None:
    for name in ("arrays", "rows", "names", "lines", "texts", "database", "folder"):
        with pytest.raises(UserError, match=name):
            query(f"SELECT * FROM {name}")


# A value in SQL, as it is fetched, and what an object of JSON and a field of CSV hold of it.
VALUES = [
    ("now() > to_timestamp(0)", True, True, "true"),
    ("to_timestamp(0)", "1970-01-01 00:00:00+00", "1970-01-01 00:00:00+00", "1970-01-01 00:00:00+00"),
    ("'2020-01-02 03:04:05+02'::TIMESTAMPTZ", *["2020-01-02 01:04:05+00"] * 3),
    ("TIMESTAMP_NS '2020-01-01 00:00:00.123456789'", *["2020-01-01 00:00:00.123456789"] * 3),
    ("DATE 'infinity'", *["infinity"] * 3),
    ("DATE '99999-01-01'", *["99999-01-01"] * 3),
    ("TIMETZ '10:00:00+02'", *["10:00:00+02"] * 3),
    ("INTERVAL '1 month 3 days'", *["1 month 3 days"] * 3),
    (r"'\xAA\x00b'::BLOB", *[r"\xAA\x00b"] * 3),
    ("'0101'::BIT", *["0101"] * 3),
    ("'00000000-0000-0000-0000-000000000001'::UUID", *["00000000-0000-0000-0000-000000000001"] * 3),
    ("'y'::ENUM('x', 'y')", *["y"] * 3),
    ("170141183460469231731687303715884105727::HUGEINT", *[2**127 - 1] * 2, str(2**127 - 1)),
    ("1.50::DECIMAL(9, 2)", Decimal("1.5"), 1.5, "1.50"),
    (
        "1234567890123456789.125::DECIMAL(38, 3)",
        Decimal("1234567890123456789.125"),
        *["1234567890123456789.125"] * 2,
    ),
    ("0.1::DOUBLE + 0.2::DOUBLE", *[0.1 + 0.2] * 2, "0.30000000000000004"),
    ("'nan'::DOUBLE", pytest.approx(float("nan"), nan_ok=True), "NaN", "NaN"),
    ("'-inf'::FLOAT", float("-inf"), "-Infinity", "-Infinity"),
    ("NULL", None, None, ""),
    ("''", "", "", '""'),
    ("' a'", " a", " a", '" a"'),
    ("'a,\"b'||chr(10)", 'a,"b\n', 'a,"b\n', '"a,""b\n"'),
    ("[DATE '2020-01-01', NULL]", ["2020-01-01", None], ["2020-01-01", None], '"[""2020-01-01"", null]"'),
    ("{'a': [to_timestamp(0)]}", *[{"a": ["1970-01-01 00:00:00+00"]}] * 2, '"{""a"": [""1970-01-01 00:00:00+00""]}"'),
    ("MAP {1: INTERVAL 1 month}", *[{"1": "1 month"}] * 2, '"{""1"": ""1 month""}"'),
    ("['inf'::DOUBLE]", [float("inf")], ["Infinity"], '"[""Infinity""]"'),
    (
        "[1.2345678901234567890::DECIMAL(38, 19)]",
        [Decimal("1.2345678901234567890")],
        ["1.2345678901234567890"],
        '"[""1.2345678901234567890""]"',
    ),
    ("union_value(k := 1)", *[{"k": 1}] * 2, '"{""k"": 1}"'),
]


@pytest.mark.parametrize(("sql", "value", "in_json", "in_csv"), first_fast(VALUES, 6), ids=[sql for sql, *_ in VALUES])
def test_no_value_is_lost(
    sql: str, value: object, in_json: object, in_csv: str, runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever its type, with what is installed; in the table, too."""
    for question in (f"SELECT {sql} AS x", f"SELECT {sql} AS x, now() AS t"):
        assert query(question).rows[0][0] == value
    question = f"SELECT {sql} AS x, 1 AS y"
    assert run("query", question, "--json") == 0
    assert json.loads(capsys.readouterr().out) == [{"x": in_json, "y": 1}]
    assert run("query", question, "--csv") == 0
    assert capsys.readouterr().out == f"x,y\n{in_csv},1\n"
    assert run("query", question) == 0
    shown = capsys.readouterr().out.splitlines()
    assert len(shown) == 3
    text = in_csv[1:-1].replace('""', '"').replace("\n", "\\n") if in_csv.startswith('"') else in_csv
    assert shown[2] == f"{text or ('·' if value is None else '')}".ljust(max(1, len(text))).rjust(1) + "  1"


def test_columns_of_one_name_are_told_apart(runs: Path) -> None:
    for time in ("1", "now()"):
        answer = query(f"SELECT 1 AS a, 2 AS a, 3 AS A, {time} AS b")
        assert len({name.lower() for name in answer.columns}) == 4
        assert answer.rows[0][:3] == (1, 2, 3)


def test_questions_of_every_form_have_times(runs: Path) -> None:
    """Behind each, comments and a semicolon; the order stays."""
    for sql in ("FROM range(3) t(i) SELECT to_timestamp(i) ORDER BY 1 DESC; -- last", "VALUES (to_timestamp(2));"):
        assert query(sql).rows[0] == ("1970-01-01 00:00:02+00",)
    assert query("WITH x AS (SELECT to_timestamp(1) AS t) SELECT * FROM x").rows == [("1970-01-01 00:00:01+00",)]
    assert "the question" not in str(query("SHOW TABLES").rows)
    assert query("EXPLAIN SELECT now()").rows
    assert query("SUMMARIZE SELECT now() AS t").rows[0][0] == "t"
    assert query("SELECT now() AS t WHERE false") == (["t"], [])
