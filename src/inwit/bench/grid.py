"""Running a grid of jobs: a process for each, several at a time. Finished jobs are kept, whatever happens later."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Generic, Protocol, TypeVar

from inwit.core import imports, storage
from inwit.core.errors import UserError
from inwit.core.results import Json

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

POLL = 0.1  # seconds between two checks of the processes
GRACE = 5.0  # seconds that a stopped process has to end by itself
# A fresh interpreter that finds the same modules as this one does.
CHILD = (
    "import json, sys; job = json.load(sys.stdin); sys.path[:] = job['path']; "
    "from pkgutil import resolve_name; sys.exit(resolve_name(job['main'])(job))"
)


class Job(Protocol[R_co]):
    """What a process is to do. Jobs can be hashed; `R_co` is what one leaves."""

    @property
    def name(self) -> str: ...  # for a person
    @property
    def key(self) -> str: ...  # the name of its file: a hash of everything that was asked for
    @property
    def main(self) -> str: ...  # "module:function" that does it and writes the file `job["file"]`
    def order(self) -> Json: ...  # what that function reads besides, as `job`
    def read(self, path: Path, /) -> R_co | None: ...  # None: not there, damaged, another job's, or out of date
    def failed(self, why: str, /) -> R_co: ...


@dataclass
class Run(Generic[R]):
    """A job's process at work."""

    job: Job[R]
    file: Path
    process: subprocess.Popen[str]
    errors: IO[str]
    started: float


Report = Callable[[list[R], list[Run[R]]], None]  # the results so far, what runs


def run_grid(
    todo: Sequence[Job[R]], folder: Path, at_a_time: int, report: Report[R] = lambda results, runs: None
) -> list[R]:
    """The results of all jobs, in their order: read from `folder/cells` where finished before, else measured now.

    A job that fails gives a failed result, keeps no file, and is tried again next time. On Ctrl-C the processes are
    stopped and `KeyboardInterrupt` says how to go on. Raises `UserError` if the folder cannot be written,
    and while another process is at work in it.
    """
    with storage.locked(_prepare(folder) / ".lock") as held:
        if not held:
            raise UserError(f"another process is at work in {folder}: wait for it, or choose another folder with --out")
        return _run_all(todo, folder, at_a_time, report)


def _run_all(todo: Sequence[Job[R]], folder: Path, at_a_time: int, report: Report[R]) -> list[R]:
    files = {job: folder / "cells" / f"{job.key}.json" for job in todo}
    results = {job: result for job in todo if (result := job.read(files[job])) is not None}
    waiting: list[Job[R]] = [job for job in todo if job not in results]
    runs: list[Run[R]] = []
    try:
        while waiting or runs:
            while waiting and len(runs) < at_a_time:
                runs.append(_start(waiting[0], files[waiting[0]]))
                waiting.pop(0)
            report(list(results.values()), runs)
            time.sleep(POLL)
            for run in [run for run in runs if run.process.poll() is not None]:
                runs.remove(run)
                results[run.job] = _finish(run)
    except KeyboardInterrupt:
        done = sum(job.read(files[job]) is not None for job in todo)
        kept = f"{done} of {len(todo)} runs are kept in {folder}; the same command goes on from there"
        raise KeyboardInterrupt(kept) from None
    finally:
        _stop(runs)
    report(list(results.values()), runs)
    return [results[job] for job in todo]


def _prepare(folder: Path) -> Path:
    """The folder of finished jobs, proven writable."""
    cells = folder / "cells"
    try:
        cells.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=cells):
            pass
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"cannot write into {folder}: {reason}; choose another folder with --out") from None
    return cells


def _start(job: Job[R], file: Path) -> Run[R]:
    order = job.order() | {"main": job.main, "file": str(file.absolute()), "imports": imports.imported()}
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
        process.stdin.write(json.dumps(order | {"parent": os.getpid(), "path": sys.path}))
        process.stdin.close()
    return Run(job, file, process, errors, time.monotonic())


def _finish(run: Run[R]) -> R:
    """The result of a process that has ended."""
    run.errors.seek(0)
    said = run.errors.read().strip().splitlines()
    run.errors.close()
    result = run.job.read(run.file) if run.process.returncode == 0 else None
    if result is not None:
        return result
    status = run.process.returncode
    lost = "its result is not there, damaged, or made by another state of the source"
    why = said[-1] if said else f"its process ended with status {status} and no word" if status else lost
    return run.job.failed(why)


def _stop(runs: Sequence[Run[R]]) -> None:
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
