"""The benchmark as a whole: plan the grid, run it, show how it goes, write the table and the plot."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console, RenderableType

from inwit.bench import cells, grid
from inwit.bench.cells import BenchSettings, Overrides, Result
from inwit.bench.progress import Progress
from inwit.bench.table import markdown, plot, summarise, terminal_table
from inwit.core import storage
from inwit.core.errors import UserError
from inwit.core.paths import given_path
from inwit.core.text import percent, plain
from inwit.runs.folder import runs_folder
from inwit.training.config import Config

WRITTEN = ("table.md", "table.json", "curves.png")


@dataclass(frozen=True)
class Bench:
    """A finished benchmark: its folder, its table for the terminal, and what `table.json` holds."""

    folder: Path
    table: RenderableType
    record: dict[str, object]


def bench(
    recipe: str | Config, settings: BenchSettings, overrides: Overrides, out: str | None, target: Console
) -> Bench:
    """Run the grid and leave `table.md`, `table.json` and `curves.png` in the folder `out`.

    `out` is `bench-RECIPE` in the runs folder if None. `target` shows progress and nothing else. Raises `UserError` for
    a user's mistake, and when every run has failed, after writing what there is.
    """
    if out == "":
        raise UserError("out = '' is no folder: name one, or leave it out")
    todo = cells.plan(recipe, settings, overrides)
    folder = given_path(out) if out is not None else runs_folder() / f"bench-{todo.recipe}"
    theirs = [name for name in WRITTEN if (folder / name).exists() and not (folder / "cells").is_dir()]
    if theirs:
        raise UserError(f"{folder / theirs[0]} is no benchmark's: name another folder with --out")
    with Progress(target, len(todo.cells), outcome) as progress:
        results = grid.run_grid(todo.cells, folder, settings.jobs, progress) + todo.failed
    results.sort(key=lambda result: (todo.pairs.index((result.learner, result.policy)), result.seed))
    seeds = f"{settings.seeds} seed{'s' if settings.seeds > 1 else ''}"
    title = f"{todo.recipe}: {seeds}, at most {settings.seconds:g} s of training each"
    training = todo.cells[0].config.training
    record = {
        "recipe": todo.recipe,
        "seconds": settings.seconds,
        "seeds": settings.seeds,
        "jobs": settings.jobs,
        "processors": os.cpu_count(),
        "overrides": overrides,
        "made_by": cells.made_by(training.threads, training.device),
        "rows": [plain(asdict(row)) for row in summarise(results)],
        "runs": [_run(result) for result in results],
    }
    storage.publish(folder / "table.md", markdown(title, results, settings.seconds).encode())
    storage.publish(folder / "table.json", storage.to_json(record))
    plot(folder / "curves.png", title, results, settings.seconds)
    if all(result.failed for result in results):
        raise UserError(f"every run has failed, the first with: {results[0].failed}")
    return Bench(folder, terminal_table(title, results, settings.seconds), record)


def _run(result: Result) -> dict[str, object]:
    """A run as `table.json` keeps it: its last measurement in place of its curve; null where there is none."""
    run, last = asdict(result), result.curve[-1] if result.curve else None
    del run["curve"]
    return run | {"success": last and last.success, "updates": last and last.updates}


def outcome(result: Result) -> str:
    """`a2c gru seed 0: 100 % after 3.2 s and 1,234,567 tokens`"""
    name = f"{result.learner} {result.policy} seed {result.seed}"
    if result.failed:
        return f"{name}: failed: {result.failed}"
    if result.to_100:
        return f"{name}: 100 % after {result.to_100.seconds:.1f} s and {result.to_100.tokens:,} tokens"
    return f"{name}: {percent(result.curve[-1].success if result.curve else 0.0)} at the end"
