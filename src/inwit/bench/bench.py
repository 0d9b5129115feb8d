"""The benchmark as a whole: plan the grid, run it, write the table and the plot."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from inwit.bench import cells, grid
from inwit.bench.cells import BenchSettings, Result
from inwit.bench.plot import plot
from inwit.bench.progress import Progress
from inwit.bench.table import markdown, summarise, terminal_table
from inwit.core import storage
from inwit.core.errors import UserError
from inwit.runs.folder import runs_folder


@dataclass(frozen=True)
class Bench:
    """A finished benchmark: its folder, its table for the terminal, and what `table.json` holds."""

    folder: Path
    table: Table
    record: dict[str, Any]


def bench(
    recipe: str, settings: BenchSettings, overrides: Mapping[str, Any], out: str | None, target: Console
) -> Bench:
    """Run the grid and leave `table.md`, `table.json` and `curves.png` in the folder `out`.

    `out` is `bench-RECIPE` in the runs folder if None. `target` shows progress and nothing else. Raises `UserError` for
    a user's mistake, and when every run has failed, after writing what there is.
    """
    todo = cells.plan(recipe, settings, overrides)
    folder = Path(out) if out is not None else runs_folder() / f"bench-{todo.recipe}"
    with Progress(target, len(todo.cells)) as progress:
        results = grid.run_grid(todo.cells, folder, settings.jobs, progress) + todo.failed
    results.sort(key=lambda result: (todo.pairs.index((result.learner, result.policy)), result.seed))
    seeds = f"{settings.seeds} seed{'s' if settings.seeds > 1 else ''}"
    title = f"{todo.recipe}: {seeds}, at most {settings.seconds:g} s of training each"
    training = todo.cells[0].config.training
    made_by = cells.made_by(training.threads, training.device)
    record = _record(todo.recipe, settings, overrides, results, made_by)
    storage.publish(folder / "table.md", markdown(title, results, settings.seconds).encode())
    storage.publish(folder / "table.json", storage.to_json(record))
    plot(folder / "curves.png", title, results, settings.seconds)
    if all(result.failed for result in results):
        raise UserError(f"every run has failed, the first with: {results[0].failed}")
    return Bench(folder, terminal_table(title, results, settings.seconds), record)


def _record(
    recipe: str,
    settings: BenchSettings,
    overrides: Mapping[str, Any],
    results: list[Result],
    made_by: dict[str, Any],
) -> dict[str, Any]:
    """The table with every run beside it; null where something was not reached."""
    runs = [asdict(result) for result in results]
    for run in runs:
        curve = run.pop("curve")
        run["success"] = curve[-1]["success"] if curve else None
        run["updates"] = curve[-1]["updates"] if curve else None
    return {
        "recipe": recipe,
        "seconds": settings.seconds,
        "seeds": settings.seeds,
        "jobs": settings.jobs,
        "processors": os.cpu_count(),
        "overrides": overrides,
        "made_by": made_by,
        "rows": [row.to_dict() for row in summarise(results)],
        "runs": runs,
    }
