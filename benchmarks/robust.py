"""Agents that plan anew: what they solve, and what they do after a token that they did not choose.

    python benchmarks/robust.py calculator-robust 10 11 12 13 14
    python benchmarks/robust.py calculator-robust-large 10 11 --every 9
    python benchmarks/robust.py calculator-robust 10 --policy.id lstm

For each seed: how many trained expressions the greedy agent solves, how many held-out ones by number of operators, and
in how many deviations (see `inwit.evidence.deviation`) it ends right: with a tie, and where it takes more tokens.
`--every N` tries deviations on every N-th expression only. Anything after the seeds is a setting, as in `inwit train`.
"""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

import inwit
from inwit.core.contracts import Agent
from inwit.core.types import Tasks
from inwit.evidence.subject import Subject


@dataclass(frozen=True)
class Part(Subject):
    """A subject of which every so many expressions are looked at."""

    every: int = 1

    @cached_property
    def tasks(self) -> Tasks:
        return Subject(self.agent).tasks[:: self.every]


def main(recipe: str, rest: list[str]) -> None:
    every = int(rest.pop(rest.index("--every") + 1)) if "--every" in rest else 1
    seeds = [int(word) for word in rest if word.isdigit()]
    for seed in seeds:
        wall, cpu = time.perf_counter(), time.process_time()
        [last] = deque(inwit.updates(recipe, seed=seed, **overrides(rest)), maxlen=1)
        spent = f"{time.process_time() - cpu:.0f} s of the processor, {time.perf_counter() - wall:.0f} s in all"
        print(f"{recipe} {' '.join(rest)}, seed {seed}: {last.index + 1} updates, {spent}", flush=True)
        print(f"  solved: {solved(last.agent)}", flush=True)
        print(f"  right after another token: {deviated(last.agent, every)}", flush=True)


def overrides(words: list[str]) -> dict[str, dict[str, str]]:
    """Settings as `--policy.id lstm`."""
    found: dict[str, dict[str, str]] = {}
    for flag, value in pairwise(words):
        if flag.startswith("--") and "." in flag:
            part, name = flag[2:].split(".", 1)
            found.setdefault(part, {})[name] = value
    return found


def solved(agent: Agent) -> str:
    """Of the trained expressions, and of the held-out ones by number of operators."""
    whole, kinds = Subject(agent), agent.world.kinds
    stage = torch.tensor(kinds.stages)[whole.tasks.kind]
    groups = {"trained": ~whole.held_out}
    for number in sorted({kinds.stages[kind] for kind in kinds.held_out}):
        groups[f"held out, {number} operators"] = whole.held_out & (stage == number)
    return "; ".join(f"{name} {share(whole.solved[rows])}" for name, rows in groups.items())


def deviated(agent: Agent, every: int) -> str:
    """With a tie and without one; where some expressions are held out, of these too."""
    subject = Part(agent, every=every)
    found = subject.deviations
    held, right = subject.held_out[found.row], found.own_right
    groups = {"tie": found.tie, "longer": ~found.tie}
    if agent.world.kinds.held_out:
        groups |= {f"{name} (held out)": rows & held for name, rows in list(groups.items())}
    parts = [f"{name} {share(right[rows])}" for name, rows in groups.items()]
    return "; ".join([*parts, f"left out as unknown {found.unknown}"])


def share(flags: torch.Tensor) -> str:
    return f"{int(flags.sum())} of {len(flags)} ({float(flags.double().mean()):.4f})"


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
