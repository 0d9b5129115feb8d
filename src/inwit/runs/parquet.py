"""A run's metrics as a Parquet table, made by DuckDB when the run ends: the same rows, faster to query."""

from __future__ import annotations

from pathlib import Path

from inwit.core import storage
from inwit.runs.folder import read_lines


def lines_to_parquet(lines: Path, table: Path) -> None:
    """Raises `OSError`. Nested values become structs; damaged lines are left out; no lines, no table."""
    if not any(read_lines(lines)):
        return
    import duckdb  # here: it takes longer to import than to use

    partial = table.with_name(f".{table.name}.partial")
    source, target = (str(path).replace("'", "''") for path in (lines, partial))
    options = "format = 'newline_delimited', sample_size = -1, map_inference_threshold = -1, ignore_errors = true"
    try:
        with duckdb.connect(config={"threads": 1}) as connection:
            # what is damaged is NULL
            rows = f"SELECT * FROM read_json('{source}', {options}) WHERE \"update\" IS NOT NULL"
            connection.execute(f"COPY ({rows}) TO '{target}' (FORMAT parquet)")
        storage.sync(partial)
        storage.adopt(partial, table)
    except (duckdb.Error, OSError) as error:
        partial.unlink(missing_ok=True)
        raise OSError(
            getattr(error, "errno", None) or 5, f"{table.name}: {getattr(error, 'strerror', None) or error}"
        ) from None
