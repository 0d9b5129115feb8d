"""Every learner with every policy on the small calculator: the table of docs/learners.md.

    python benchmarks/grid.py [--seconds 30] [--seed 0] [--learners A,B] [--policies A,B]

21 expressions of one and two operators, one slot. Learners from reward have hindsight beside them; `oracle_cloning` is
told the oracle's programs instead. One seed a pair, one thread. A pair ends when the greedy agent solves all 21, or
after so many seconds of training. Prints Markdown and asserts nothing.
"""

from __future__ import annotations

import argparse
import os
import platform
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

from inwit.bench.cells import Cell, Result
from inwit.bench.measure import measure
from inwit.learners import LEARNERS
from inwit.policies import POLICIES
from inwit.training.config import Config, resolve

# The training of a pair runs until the benchmark stops it.
ENDLESS = {"confirm": False, "max_updates": 10**9}
CONTROLS = ("bag_gru", "memoryless")  # cannot tell the expressions apart, or where in a program they are

# What the pairs change in the recipe `calculator`, by policy and by learner.
POLICY: dict[str, dict[str, Any]] = {
    "gru": {"policy": {"width": 64}},
    "lstm": {"policy": {"width": 64}},
    "transformer": {"policy": {"width": 64}, "training": {"learning_rate": 0.003}},
    "bag_gru": {"policy": {"width": 64}},
    "memoryless": {"policy": {"width": 64}},
}
LEARNER: dict[str, dict[str, Any]] = {
    "a2c": {"learner": {"group_size": 8, "entropy": 0.05}},
    "grpo": {"learner": {"group_size": 8, "entropy": 0.05}},
    "ppo": {"learner": {"group_size": 8, "entropy": 0.05}},
    "rloo": {"learner": {"group_size": 8, "entropy": 0.05}},
    "oracle_cloning": {"hindsight": {"rows": 0}},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--learners", default=",".join(LEARNERS.names()), help="by name (default: all)")
    parser.add_argument("--policies", default=",".join(POLICIES.names()), help="by name (default: all)")
    parser.add_argument("--seconds", type=float, default=30.0, help="of training for a pair, at most (default: 30)")
    parser.add_argument("--seed", type=int, default=0, help="the root seed (default: 0)")
    args = parser.parse_args()
    print(
        f"{platform.machine()}, torch {torch.__version__}, seed {args.seed}, one thread, {args.seconds:g} s at most\n"
    )
    print("| learner | policy | solved | seconds | updates | 1000 tokens |\n|---|---|---|---|---|---|")
    for learner in args.learners.split(","):
        for policy in args.policies.split(","):
            config = pair(learner, policy, args.seed)
            print(row(config, measure(Cell(config, args.seconds))), flush=True)


def pair(learner: str, policy: str, seed: int) -> Config:
    """The recipe with the settings of a learner and a policy; what is not listed takes its defaults."""
    settings: dict[str, Any] = {"learner": {"id": learner}, "policy": {"id": policy}, "training": dict(ENDLESS)}
    for table in (POLICY.get(policy, {}), LEARNER.get(learner, {})):
        for part, values in table.items():
            settings[part] = {**settings.get(part, {}), **values}
    return resolve("calculator", seed=seed, world={"max_operators": 2}, **settings)


def row(config: Config, result: Result) -> str:
    last, done = result.curve[-1], result.to_100 is not None
    share = "21 of 21" if done else f"{round(21 * last.success)} of 21 at the end"
    if not done and config.policy.id in CONTROLS:
        share += " (a control)"
    cost = f"{last.seconds:.1f} | {last.updates} | {last.tokens / 1000:,.0f}"
    return f"| `{config.learner.id}` | `{config.policy.id}` | {share} | {cost} |"


if __name__ == "__main__":
    main()
