"""A run's metrics as a Parquet table, which can be made again from `metrics.jsonl` at any time."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from inwit.core import storage
from inwit.core.storage import Tell
from inwit.runs.folder import read_lines


def lines_to_parquet(lines: Path, table: Path) -> None:
    """Write a run's metrics as a Parquet table: the same rows, faster to query. Raises `OSError` or `duckdb.Error`.

    Nested values become structs; damaged lines are left out; where there are no lines there is no table.
    """
    if not any(read_lines(lines)):
        return
    import duckdb  # here: it takes longer to import than to use

    options = "format = 'newline_delimited', sample_size = -1, map_inference_threshold = -1, ignore_errors = true"
    # DuckDB reads patterns, schemes and ~ into the names of files, and takes text alone: it gets names of ours.
    with tempfile.TemporaryDirectory() as folder, duckdb.connect(config={"threads": 1}) as connection:
        source, target = Path(folder, "lines.jsonl"), Path(folder, "table.parquet")
        shutil.copyfile(lines, source)
        # what is damaged is NULL
        rows = f'SELECT * FROM read_json(?, {options}) WHERE "update" IS NOT NULL'
        connection.execute(f"CREATE TEMP TABLE rows AS {rows}", [str(source)])
        connection.table("rows").write_parquet(str(target))
        storage.replace(table, target.read_bytes())


def write_table(run: Path, tell: Tell) -> None:
    """Write a finished run's metrics as a table, too. Without it the run is finished all the same, which is told."""
    table = run / "metrics.parquet"
    try:
        lines_to_parquet(run / "metrics.jsonl", table)
    except Exception as error:  # whatever DuckDB or the disk raises
        why = " ".join(str(error).split()) or type(error).__name__
        tell(f"{table} could not be written ({why}): metrics.jsonl holds the same rows")
