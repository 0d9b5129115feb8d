"""How reliably and how fast agents learn: the tables of docs/results.md and docs/log.md.

    python benchmarks/learning.py [VARIANT ...] [--seeds 10]

Each seed trains alone on one thread. A time runs from the first update to the end of the confirmation that solved every
problem, failed confirmations included, imports not. Prints Markdown; asserts nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

import inwit
from inwit.core.text import percent


@dataclass(frozen=True)
class Variant:
    """A recipe with overrides, and how to tell what came of it."""

    recipe: str
    about: str
    overrides: dict[str, Any] = field(default_factory=dict)


VARIANTS = {
    "tutorial": Variant("tutorial", "the default: GRU of width 32, A2C on groups of 16"),
    "tutorial-96": Variant(
        "tutorial", "the same at width 96", {"policy": {"width": 96}, "training": {"learning_rate": 0.004}}
    ),
    "tutorial-grpo": Variant(
        "tutorial", "GRPO instead of A2C", {"learner": {"id": "grpo"}, "training": {"learning_rate": 0.015}}
    ),
    "unmasked": Variant("tutorial-unmasked", "legality masks off, with rehearsal"),
    "unmasked-alone": Variant(
        "tutorial",
        "legality masks off, from reward alone",
        {"world": {"masks": False}, "training": {"max_updates": 1000}},
    ),
    "unmasked-memoryless": Variant(
        "tutorial-unmasked",
        "legality masks off, with rehearsal, no recurrence",
        {"policy": {"id": "memoryless"}, "training": {"max_updates": 300}},
    ),
    "article": Variant("article", "the published system, 60 updates"),
    "memoryless": Variant(
        "tutorial", "no recurrence, masks on", {"policy": {"id": "memoryless"}, "training": {"max_updates": 1000}}
    ),
    "memoryless-unmasked": Variant(
        "tutorial",
        "no recurrence, masks off",
        {"policy": {"id": "memoryless"}, "world": {"masks": False}, "training": {"max_updates": 1000}},
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("variants", nargs="*", default=list(VARIANTS), help=f"of: {', '.join(VARIANTS)} (default: all)")
    parser.add_argument("--seeds", type=int, default=10, help="seeds 0 .. N-1 (default: 10)")
    parser.add_argument("--command", action="store_true", help="also time the whole `inwit train` command")
    args = parser.parse_args()
    print(f"{platform.machine()}, torch {torch.__version__}, seeds 0..{args.seeds - 1}, one thread\n")
    for name in args.variants:
        measure(name, VARIANTS[name], args.seeds)
    if args.command:
        time_command(args.seeds)
    print(
        f"largest resident memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB"
    )


def measure(name: str, variant: Variant, seeds: int) -> None:
    """Train every seed and print a row for each, then a line over all."""
    print(f"### {name}: {variant.about}\n")
    print("| seed | solved | seconds | updates | tokens | positions/s | tries | success per stage (further readings) |")
    print("|---|---|---|---|---|---|---|---|")
    rows = [run(variant, seed) for seed in range(seeds)]
    solved = [row for row in rows if row["solved"]]
    print(f"\n{len(solved)} of {seeds} seeds solve every problem", end="")
    for key, unit in (("seconds", "s"), ("tokens", "tokens")):
        if solved:
            values = sorted(row[key] for row in solved)
            print(f"; {statistics.median(values):,.1f} {unit} median, {values[0]:,} to {values[-1]:,}", end="")
    print(f"\nmean success per stage: {means(rows, 'success')}", end="")
    for reading in rows[0]["extra"][0]:
        print(f"; {reading}: {means(rows, reading)}", end="")
    print("\n", flush=True)


def extra_shares(extra: dict[str, Any]) -> dict[str, float]:
    """The further readings that are shares."""
    return {name: value for name, value in extra.items() if isinstance(value, float)}


def run(variant: Variant, seed: int) -> dict[str, Any]:
    last = deque(inwit.updates(variant.recipe, seed=seed, **variant.overrides), maxlen=1).pop()
    summary = last.summary()
    evaluation = inwit.evaluate(last.agent)
    row = {
        "solved": evaluation.solved == evaluation.problems,
        "seconds": summary["seconds"],
        "tokens": summary["tokens"],
        "success": [row.success for row in evaluation.rows],
        "extra": [extra_shares(row.extra) for row in evaluation.rows],
    }
    readings = "; ".join(
        " ".join([percent(row.success), *(f"({percent(value)})" for value in extra_shares(row.extra).values())])
        for row in evaluation.rows
    )
    rate = summary["positions"] / summary["seconds"]
    print(
        f"| {seed} | {evaluation.solved:,} of {evaluation.problems:,} | {summary['seconds']:.2f} | {summary['update']} "
        f"| {summary['tokens']:,} | {rate:,.0f} | {summary['confirmations']} | {readings} |",
        flush=True,
    )
    return row


def means(rows: list[dict[str, Any]], reading: str) -> str:
    per_row = [row["success"] if reading == "success" else [extra[reading] for extra in row["extra"]] for row in rows]
    return ", ".join(f"{statistics.mean(values):.4f}" for values in zip(*per_row, strict=True))


def time_command(seeds: int) -> None:
    """The whole `inwit train`, in processes of their own: imports, training, exact table, explanations."""
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(seeds):
            start = time.perf_counter()
            command = [sys.executable, "-m", "inwit", "train", "--seed", str(seed), "--json"]
            done = subprocess.run(command, env={**os.environ, "INWIT_RUNS": folder}, capture_output=True, check=True)
            seconds.append(time.perf_counter() - start)
            assert json.loads(done.stdout)["solved"]
    print(f"whole command: median {statistics.median(seconds):.2f} s, {min(seconds):.2f} to {max(seconds):.2f} s\n")


if __name__ == "__main__":
    main()
