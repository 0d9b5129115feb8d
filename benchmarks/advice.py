"""The table of advice that a page from disk holds, measured, and the same question answered by Python.

python benchmarks/advice.py [RECIPE ...]     by default lookup, lookup-failing and lookup-large; seconds are of CPU
"""

from __future__ import annotations

import gzip
import json
import random
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "helpers"))

from advised_pages import walked
from inwit.playground.advice_table import advice_table
from inwit.playground.advising import advised
from inwit.playground.problems import advised_examples
from inwit.training.config import resolve
from inwit.worlds import make

ASKED = 300  # positions, of episodes in which six of ten own tokens are best ones
BEST = 0.6


def world_of(recipe: str) -> Any:
    world = resolve(recipe).world
    return make(world.id, **world.settings.to_dict())


def table_of(recipe: str) -> str:
    """What a table costs."""
    started = time.process_time()
    table = advice_table(world_of(recipe))
    made = time.process_time() - started
    assert table is not None
    size = len(gzip.compress(json.dumps(table, separators=(",", ":")).encode(), 9))
    problems, positions = len(table["problems"]), len(table["positions"])
    return f"{problems} problems, {positions} positions, {size / 1000:.0f} KB zipped, made in {made:.1f} s"


def asked_of(recipe: str) -> str:
    """What a question costs, the first of each kind apart."""
    world, draws = world_of(recipe), random.Random(0)
    firsts: list[float] = []
    times: list[float] = []
    for kind in range(len(world.kinds)):
        task = advised_examples(world, kind)[0]
        for number in range(ASKED // len(world.kinds)):
            path = walked(world, task, draws, BEST) if number else []
            started = time.process_time()
            advised(world, task, path)
            (times if number else firsts).append(1000 * (time.process_time() - started))
    times.sort()
    p50, p95 = (times[int(share * len(times))] for share in (0.5, 0.95))
    return f"first of a query at most {max(firsts):.0f} ms, then p50 {p50:.1f} ms, p95 {p95:.1f} ms"


if __name__ == "__main__":
    # Each in a process of its own: what the one has searched the other would find.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
        for name in sys.argv[1:] or ["lookup", "lookup-failing", "lookup-large"]:
            print(f"{name}: {pool.submit(table_of, name).result()}; {pool.submit(asked_of, name).result()}", flush=True)
