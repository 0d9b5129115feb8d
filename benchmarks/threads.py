"""What PyTorch's own number of threads costs who calls `inwit.evaluate`: nothing, since it runs on the agent's.

Trains the tutorial's agent, then evaluates it in fresh processes, in turn with `OMP_NUM_THREADS` unset and with 1; and
times `inwit --help`. Prints the seconds of each, and the ratio of the medians.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TRIES = 5
EVALUATE = """
import sys, time, inwit
agent = inwit.load(sys.argv[1])
start = time.perf_counter()
inwit.evaluate(agent)
print(time.perf_counter() - start)
"""


def python(*arguments: str, threads: str | None = None) -> str:
    """What a Python process prints, with `OMP_NUM_THREADS` set or not there."""
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    if threads is not None:
        environment["OMP_NUM_THREADS"] = threads
    done = subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True, check=True)
    return done.stdout


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["INWIT_RUNS"] = folder
        python("-m", "inwit", "train", threads="1")
        [path] = Path(folder).glob("tutorial-*")
        seconds: dict[str, list[float]] = {"unset": [], "1": []}
        for _ in range(TRIES):
            for name, times in seconds.items():
                times.append(float(python("-c", EVALUATE, str(path), threads=None if name == "unset" else name)))
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    for name, times in seconds.items():
        print(f"evaluate, OMP_NUM_THREADS {name}: {medians[name]:.2f} s ({min(times):.2f} to {max(times):.2f})")
    print(f"ratio of the medians: {medians['unset'] / medians['1']:.2f}")
    starts = []
    for _ in range(TRIES):
        start = time.perf_counter()
        python("-m", "inwit", "--help")
        starts.append(time.perf_counter() - start)
    print(f"inwit --help: {statistics.median(starts):.2f} s ({min(starts):.2f} to {max(starts):.2f})")


if __name__ == "__main__":
    main()
