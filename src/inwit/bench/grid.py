"""Running the grid: a process for each cell, several at a time. Finished cells are kept, whatever happens later."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from inwit.bench.cells import Cell, Result, read
from inwit.core import imports
from inwit.core.errors import UserError

POLL = 0.1  # seconds between two checks of the processes
GRACE = 5.0  # seconds that a stopped process has to end by itself
# A fresh interpreter that finds the same modules as this one does.
CHILD = (
    "import json, sys; job = json.load(sys.stdin); sys.path[:] = job['path']; "
    "from inwit.bench.measure import main; sys.exit(main(job))"
)


@dataclass
class Run:
    """A cell's process at work."""

    cell: Cell
    file: Path
    process: subprocess.Popen[str]
    errors: IO[str]
    started: float


Report = Callable[[list[Result], list[Run]], None]  # the results so far, what runs


def run_grid(cells: list[Cell], folder: Path, jobs: int, report: Report = lambda results, runs: None) -> list[Result]:
    """The results of all cells, in their order: read from `folder/cells` where finished before, else measured now.

    A cell that fails gives a failed result, keeps no file, and is tried again next time. On Ctrl-C the processes are
    stopped and `KeyboardInterrupt` says how to go on. Raises `UserError` if the folder cannot be written.
    """
    files = {cell: _prepare(folder) / f"{cell.key}.json" for cell in cells}
    results = {cell: result for cell in cells if (result := read(files[cell], cell)) is not None}
    waiting, runs = [cell for cell in cells if cell not in results], []
    try:
        while waiting or runs:
            while waiting and len(runs) < jobs:
                runs.append(_start(waiting[0], files[waiting[0]]))
                waiting.pop(0)
            report(list(results.values()), runs)
            time.sleep(POLL)
            for run in [run for run in runs if run.process.poll() is not None]:
                runs.remove(run)
                results[run.cell] = _finish(run)
    except KeyboardInterrupt:
        done = sum(read(files[cell], cell) is not None for cell in cells)
        kept = f"{done} of {len(cells)} runs are kept in {folder}; the same command goes on from there"
        raise KeyboardInterrupt(kept) from None
    finally:
        _stop(runs)
    report(list(results.values()), runs)
    return [results[cell] for cell in cells]


def _prepare(folder: Path) -> Path:
    """The folder of the cells, proven writable."""
    cells = folder / "cells"
    try:
        cells.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=cells):
            pass
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"cannot write into {folder}: {reason}; choose another folder with --out") from None
    return cells


def _start(cell: Cell, file: Path) -> Run:
    job = {"config": cell.config.to_dict(), "seconds": cell.seconds, "file": str(file.absolute())}
    job["imports"] = imports.imported()
    errors = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", CHILD],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=errors,
        env={**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PYTHONIOENCODING": "utf-8"},
        start_new_session=True,  # Ctrl-C is for this process, which then stops that one
        text=True,
    )
    assert process.stdin is not None
    with suppress(BrokenPipeError):  # it is dead already: its exit status will say so
        process.stdin.write(json.dumps(job | {"parent": os.getpid(), "path": sys.path}))
        process.stdin.close()
    return Run(cell, file, process, errors, time.monotonic())


def _finish(run: Run) -> Result:
    """The result of a process that has ended."""
    run.errors.seek(0)
    said = run.errors.read().strip().splitlines()
    run.errors.close()
    result = read(run.file, run.cell) if run.process.returncode == 0 else None
    if result is not None:
        return result
    status = run.process.returncode
    lost = "its result is not there, damaged, or made by another state of the source"
    failed = said[-1] if said else f"its process ended with status {status} and no word" if status else lost
    config = run.cell.config
    return Result(config.learner.id, config.policy.id, config.seed, failed=failed)


def _stop(runs: list[Run]) -> None:
    """End the processes that are still at work."""
    for run in runs:
        run.process.terminate()
    for run in runs:
        try:
            run.process.wait(GRACE)
        except subprocess.TimeoutExpired:
            run.process.kill()
            run.process.wait()
        run.errors.close()
