"""How fast 10,000 runs are listed and queried, and how fast ten are compared on a page. A table, no asserts.

    python benchmarks/records.py [COUNT]

One short run is trained and copied under other names, seeds and times. Each row is the median of three; beside the
time by the clock stands that of the processor, which a busy machine does not stretch as much.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

REPEATS = 3
SQL = {
    "runs": "SELECT learner, count(*), median(seconds) FROM runs GROUP BY learner",
    "metrics": "SELECT run, max(tokens) FROM metrics GROUP BY run ORDER BY 2 DESC LIMIT 5",
    "evaluations": "SELECT stage, avg(success) FROM evaluations GROUP BY stage ORDER BY stage",
}


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"INWIT_RUNS": folder, "OMP_NUM_THREADS": "1"}
        first = train(0)
        for number in range(1, count):
            copy(first, number)
        print(f"| {count:,} runs | ms | of the processor, ms |\n|---|---|---|")
        listed(Path(folder))
        for table, sql in SQL.items():
            row(f"`inwit query` over {table}, whole command", lambda sql=sql: command("query", sql))
    with tempfile.TemporaryDirectory() as folder:
        os.environ["INWIT_RUNS"] = folder
        for seed in range(5):
            train(seed)
            train(seed, "--learner.id", "grpo")
        paged(Path(folder))


def listed(folder: Path) -> None:
    from inwit.runs.index import FILE, listing

    def afresh() -> None:
        (folder / FILE).unlink(missing_ok=True)
        listing()

    row("listing for the first time", afresh)
    row("listing, by the index", listing)
    row("`inwit runs`, whole command", lambda: command("runs"))
    row("`inwit runs --limit 0 --json`, whole command", lambda: command("runs", "--limit", "0", "--json"))


def paged(folder: Path) -> None:
    from inwit.report.page import make_page
    from inwit.report.select import select

    page = folder / "page.html"
    names = sorted(path.name for path in folder.glob("tutorial-*"))
    row("`inwit compare` of 10 runs, whole command", lambda: command("compare", "tutorial-*"))
    row("`inwit report` of 10 runs, whole command", lambda: command("report", "tutorial-*", "--out", str(page)))
    make_page(select(names[:1]))  # imports PyTorch
    row("the page of 10 runs, everything imported", lambda: make_page(select(names)))
    print(f"\nthe page of 10 runs: {page.stat().st_size / 1e6:.2f} MB")


def row(what: str, work: Callable[[], Any]) -> None:
    clock, processor = [], []
    for _ in range(REPEATS):
        start, used = time.perf_counter(), processor_seconds()
        work()
        clock.append(time.perf_counter() - start)
        processor.append(processor_seconds() - used)
    print(f"| {what} | {1000 * median(clock):,.0f} | {1000 * median(processor):,.0f} |", flush=True)


def processor_seconds() -> float:
    """Of this process and of its children that have ended."""
    uses = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(use.ru_utime + use.ru_stime for use in uses)


def command(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "inwit", *arguments], check=True, stdout=subprocess.DEVNULL)


def train(seed: int, *flags: str) -> Path:
    arguments = ["train", "tutorial", "--seed", str(seed), "--json", *flags]
    done = subprocess.run(
        [sys.executable, "-m", "inwit", *arguments], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    return Path(json.loads(done.stdout)["run"])


def copy(run: Path, number: int) -> None:
    """The same run under another name, seed and time; weights are not read by any of this."""
    path = run.with_name(f"tutorial-{number}-20260101-{number:06d}-000000")
    shutil.copytree(run, path, ignore=shutil.ignore_patterns("*.safetensors", "checkpoints"))
    record = json.loads((path / "run.json").read_text())
    stamp = f"2026-01-01T{number // 3600:02d}:{number // 60 % 60:02d}:{number % 60:02d}+00:00"
    record |= {"written": stamp, "created": stamp, "updated": stamp}
    record["config"]["seed"] = number
    (path / "run.json").write_text(json.dumps(record))


if __name__ == "__main__":
    main()
