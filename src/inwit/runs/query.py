"""SQL over all runs, through DuckDB in memory: it reads nothing but the tables made here, and writes nowhere."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from inwit.core.errors import UserError
from inwit.core.paths import readable
from inwit.core.results import Json
from inwit.runs.folder import evaluations, flat, read_record, runs_folder
from inwit.runs.index import listing

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection, Statement


def _columns(text: str) -> dict[str, str]:
    return dict(column.split() for column in text.split(","))


RUNS = _columns(
    "run VARCHAR, status VARCHAR, recipe VARCHAR, seed BIGINT, world VARCHAR, policy VARCHAR, learner VARCHAR, solved "
    "BIGINT, problems BIGINT, updates BIGINT, seconds DOUBLE, tokens BIGINT, created TIMESTAMP, updated TIMESTAMP, "
    "name VARCHAR, tags VARCHAR[]"
)
# Columns that every run's metrics have; others are found in the files.
METRICS = _columns(
    "update BIGINT, seconds DOUBLE, episodes BIGINT, tokens BIGINT, positions BIGINT, solved BOOLEAN, success JSON, "
    "entropy DOUBLE, loss DOUBLE"
)
EVALUATIONS = _columns(
    "run VARCHAR, update BIGINT, time VARCHAR, row VARCHAR, stage BIGINT, problems BIGINT, solved BIGINT, "
    "success DOUBLE, cost DOUBLE, best_cost DOUBLE, low DOUBLE, high DOUBLE, labels JSON, extra JSON"
)
SETTINGS = _columns("run VARCHAR, name VARCHAR, value VARCHAR")
YARDSTICKS = ("oracle", "shortcut", "random")  # columns of their success that are always there; a world may add others
# Said before any of the user's SQL is read. Each of them closes a way to a file, or to this program.
LOCKS = (
    "SET temp_directory = ''",
    "SET python_enable_replacements = false",
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    "SET enable_external_access = false",
    "SET lock_configuration = true",
)
# Types whose values Python has; those of the others are fetched as DuckDB writes them, which loses nothing: no month of
# an interval, no nanosecond, no time zone (for which Python would need another package).
PLAIN = re.compile(
    r"BOOLEAN|U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL.*|VARCHAR|JSON|ENUM.*|\"?NULL\"?"
)
VIEW = '"the question asked"'
NESTED = re.compile(r"(STRUCT|MAP|UNION|TUPLE|ROW)\(.*|.*\]", re.DOTALL)


class Answer(NamedTuple):
    """Values are None, bool, int, float, Decimal, text, and lists and dicts of these."""

    columns: list[str]
    rows: list[tuple[Any, ...]]


def query(sql: str, folder: Path | None = None) -> Answer:
    """Answer one SELECT over `runs`, `metrics`, `evaluations` and `settings`.

    Raises `UserError`, in one line, for a mistake in the SQL and for every statement that does not only read.
    """
    import duckdb

    folder = runs_folder() if folder is None else folder
    with duckdb.connect(":memory:") as database:
        try:
            statements = database.extract_statements(sql)
            if len(statements) != 1:
                raise UserError(f"one SELECT is answered at a time: these are {len(statements)} statements")
            if statements[0].type.name not in ("SELECT", "EXPLAIN"):
                raise UserError(f"inwit query only reads: it takes SELECT, no {statements[0].type.name}")
            _fill(database, folder, sql)
            with suppress(duckdb.Error):  # a build without time zones knows no other
                database.execute("SET TimeZone = 'UTC'")  # as the times in the tables are
            for lock in LOCKS:
                database.execute(lock)
            return _answer(database, statements[0])
        except duckdb.Error as error:
            said = " ".join(str(error).partition("\nLINE ")[0].split())
            raise UserError(f"{said}; tables: runs, metrics, evaluations, settings (see inwit query --help)") from None


def _answer(database: DuckDBPyConnection, statement: Statement) -> Answer:
    """Run a statement in a thread, so that Ctrl-C ends it at once: DuckDB itself rarely looks for it."""

    def run() -> Answer:
        types = _types(database, statement)
        if all(map(PLAIN.fullmatch, types.values())):
            database.execute(f"DROP VIEW IF EXISTS {VIEW}")  # SHOW TABLES would list it
            result = database.execute(statement)
            return Answer(list(types) or [column[0] for column in result.description or []], result.fetchall())
        columns = ", ".join(map(_fetched, types, types.values()))
        nested = [NESTED.fullmatch(kind) is not None for kind in types.values()]
        rows = database.execute(f"SELECT {columns} FROM {VIEW}").fetchall()
        return Answer(list(types), [tuple(map(_parsed, row, nested)) for row in rows])

    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(run)
        try:
            return answer.result()
        except KeyboardInterrupt:
            database.interrupt()
            raise


def _types(database: DuckDBPyConnection, statement: Statement) -> dict[str, str]:
    """The columns of an answer with their types, each under a name of its own; `VIEW` is then the question. Empty where
    it cannot be a view: for EXPLAIN, and for a mistake, which is told when it is run."""
    import duckdb

    try:
        database.execute(f"CREATE TEMP VIEW {VIEW} AS {statement.query}")
    except duckdb.Error:
        return {}
    return {name: str(kind) for name, kind, *_ in database.execute(f"DESCRIBE {VIEW}").fetchall()}


def _fetched(name: str, kind: str) -> str:
    """A column as it is fetched: a value of a type that Python has no equal of as text, nested ones as JSON."""
    quoted = '"' + name.replace('"', '""') + '"'
    if NESTED.fullmatch(kind):
        quoted = f"to_json({quoted})"
    return quoted if PLAIN.fullmatch(kind) else f"CAST({quoted} AS VARCHAR)"


def _parsed(value: Any, nested: bool) -> Any:
    return json.loads(value, parse_float=_decimal) if nested and value is not None else value


def _decimal(text: str) -> float | Decimal:
    """A number with a point: a float if that is the same number."""
    number = float(text)
    return number if Decimal(repr(number)) == Decimal(text) else Decimal(text)


def _fill(database: DuckDBPyConnection, folder: Path, sql: str) -> None:
    """Make the tables. Reading every run's files costs time: tables that the SQL does not name stay empty."""
    rows = listing(folder)
    _table(database, "runs", RUNS, (row._asdict() | {"run": readable(row.run)} for row in rows))

    def names(table: str) -> list[str]:
        return [row.run for row in rows] if re.search(table, sql, re.IGNORECASE) else []

    _metrics(database, folder, names("metrics"))
    _table(database, "evaluations", *_evaluations(folder, names("evaluations")))
    _table(database, "settings", SETTINGS, _settings(folder, names("settings")))
    database.execute("DROP TABLE lines")


def _table(database: DuckDBPyConnection, name: str, columns: dict[str, str], rows: Iterable[Json]) -> None:
    """A table of typed columns; a value that does not fit its column is NULL."""
    _lines(database, [("", json.dumps(row).encode()) for row in rows])
    lists = {column: [kind.removesuffix("[]")] for column, kind in columns.items() if kind.endswith("[]")}
    times = {column: "VARCHAR" for column, kind in columns.items() if kind == "TIMESTAMP"}
    shape = json.dumps(columns | times | lists)
    fields = (f'TRY_CAST(j."{column}" AS {kind}) AS "{column}"' for column, kind in columns.items())
    database.execute(
        f"CREATE TABLE {name} AS SELECT {', '.join(fields)} FROM (SELECT json_transform(line, ?) AS j FROM lines)",
        [shape],
    )


def _metrics(database: DuckDBPyConnection, folder: Path, names: list[str]) -> None:
    """All lines of all runs, parsed by DuckDB; torn ones are left out."""
    lines = []
    for name in names:
        try:
            lines += [(readable(name), line) for line in (folder / name / "metrics.jsonl").read_bytes().splitlines()]
        except OSError:
            continue
    _lines(database, lines)
    columns = METRICS | {name: kind for name, kind in _found(database).items() if name not in METRICS}
    # Where a resumed run went back, the line written last holds.
    database.execute(
        """CREATE TABLE metrics AS SELECT * REPLACE (TRY_CAST(success AS MAP(VARCHAR, DOUBLE)) AS success) FROM
        (SELECT run, unnest(json_transform(line, ?)) FROM lines
        QUALIFY row_number() OVER (PARTITION BY run, line->>'update' ORDER BY place DESC) = 1 ORDER BY place)""",
        [json.dumps(columns)],
    )


def _lines(database: DuckDBPyConnection, lines: list[tuple[str, bytes]]) -> None:
    """The table `lines`: the run, a JSON object, and its place in the file."""
    import numpy as np

    arrays = {
        "run": np.array([run for run, _ in lines], dtype=object),
        "line": np.array([line.decode(errors="replace") for _, line in lines], dtype=object),
        "place": np.arange(len(lines)),
    }
    database.register("arrays", arrays)
    database.execute(
        """CREATE OR REPLACE TEMP TABLE lines AS SELECT run::VARCHAR AS run, line::VARCHAR AS line, place FROM arrays
        WHERE json_valid(line::VARCHAR) AND json_type(line::VARCHAR) = 'OBJECT'"""
    )
    database.unregister("arrays")


def _found(database: DuckDBPyConnection) -> dict[str, str]:
    """The type of each key of the lines. Where lines disagree: DOUBLE if all are numbers, else JSON."""
    keys = database.execute(
        """SELECT key, list(DISTINCT json_type(line, '$."' || key || '"')) FROM
        (SELECT line, unnest(json_keys(line)) AS key FROM lines)
        WHERE regexp_full_match(key, '[A-Za-z_][A-Za-z0-9_]*') AND lower(key) <> 'run' GROUP BY key ORDER BY key"""
    ).fetchall()
    return {key: _type(set(kinds) - {"NULL"}) for key, kinds in keys}


def _type(kinds: set[str]) -> str:
    types = {"BIGINT" if kind == "UBIGINT" else kind for kind in kinds}
    if len(types) == 1 and types <= {"BIGINT", "DOUBLE", "BOOLEAN", "VARCHAR"}:
        return types.pop()
    return "DOUBLE" if types and types <= {"BIGINT", "DOUBLE"} else "JSON"


def _evaluations(folder: Path, names: list[str]) -> tuple[dict[str, str], list[Json]]:
    """The columns of the table, which depend on the worlds' yardsticks, and its rows."""
    kept = [
        ({"run": readable(name), "update": each.update, "time": each.time}, row)
        for name in names
        for each in evaluations(folder / name)
        for row in each.evaluation.rows
    ]
    columns = _columns_of([*YARDSTICKS, *(name for _, row in kept for name in row.yardsticks)])
    rows = []
    for head, row in kept:
        low, high = row.interval or (None, None)
        plain = {name: getattr(row, name) for name in EVALUATIONS if hasattr(row, name)}
        success = {columns[name]: each.success for name, each in row.yardsticks.items()}
        rows.append({**head, **plain, "row": row.name, "low": low, "high": high, **success})
    return EVALUATIONS | dict.fromkeys(columns.values(), "DOUBLE"), rows


def _columns_of(yardsticks: Iterable[str]) -> dict[str, str]:
    """A column for each yardstick: its name in letters that need no quotes; numbered where that is taken already."""
    columns: dict[str, str] = {}
    for name in dict.fromkeys(yardsticks):
        base = re.sub(r"[^a-z0-9_]+", "_", readable(name).lower()).lstrip("0123456789") or "yardstick"
        taken = {*EVALUATIONS, *columns.values()}
        columns[name] = base if base not in taken else next(c for n in count(2) if (c := f"{base}_{n}") not in taken)
    return columns


def _settings(folder: Path, names: list[str]) -> Iterator[Json]:
    for name in names:
        try:
            config = read_record(folder / name).config
        except UserError:
            continue
        for setting, value in flat(config).items():
            text = value if isinstance(value, str) else json.dumps(value)
            yield {"run": readable(name), "name": setting, "value": text}
