"""What learns where answers may be wrong, beside the exact optimum: the table of docs/lookup-deceived.md.

    python benchmarks/deceived.py [SETTING ...] [--seeds 0 1 2] [--updates 500]

For each setting agents are trained with wrong answers, and agents of the plain world, whom nobody told, are examined
with them: the same weights. All are examined exactly, over every hidden world. Prints Markdown: for each kind the value
(success less the price of calls) and the success of the optimum, the yardsticks, and each seed. One thread. Asserts
nothing.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from functools import cache
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

import inwit
from inwit import worlds
from inwit.core.contracts import Agent
from inwit.evaluation.expanding import expand
from inwit.worlds.lookup.yardsticks import scores

QUERIES = ("Tx", "Tx?y:z")
SETTINGS: dict[str, dict[str, float]] = {
    "lie-.1": {"lie": 0.1},
    "lie-.3": {"lie": 0.3},
    "lie-.1-sure": {"lie": 0.1, "sure_price": 0.1},
    "lie-.3-sure": {"lie": 0.3, "sure_price": 0.1},
    "stale-.2-sure": {"stale": 0.2, "sure_price": 0.1},
}
MIXED = {
    "policy": {"id": "gru", "width": 64},
    "learner": {"entropy": 0.1},
    "lessons": {"rows": 64, "weight": 0.5},  # they know no lies
    "training": {"episodes": 256, "learning_rate": 0.007, "last_entropy": 0.01, "confirm": False},
}
REWARD = MIXED | {"learner": {"entropy": 0.05}, "lessons": {"rows": 0}}


@cache
def plain(sure_price: float, seed: int) -> Agent:
    """An agent of the world without wrong answers, proven there."""
    return inwit.train("lookup", seed=seed, world={"queries": QUERIES, "sure_price": sure_price}, policy={"width": 64})


def trained(changes: dict[str, Any], deceit: dict[str, float], seed: int, updates: int) -> Agent:
    training = {**changes["training"], "max_updates": updates}
    return inwit.train(
        "lookup", seed=seed, **{**changes, "world": {"queries": QUERIES, **deceit}, "training": training}
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("settings", nargs="*", help=f"of: {', '.join(SETTINGS)} (default: all)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="(default: 0 1 2)")
    parser.add_argument("--updates", type=int, default=500, help="of each training with wrong answers (default: 500)")
    args = parser.parse_args()
    print(f"{time.strftime('%Y-%m-%d')}, {platform.machine()}, torch {torch.__version__}, one thread")
    for name in args.settings or SETTINGS:
        compare(name, args.seeds, args.updates)


def compare(name: str, seeds: list[int], updates: int) -> None:
    """Print a table for one setting."""
    deceit, start = SETTINGS[name], time.process_time()
    world: Any = worlds.make("lookup-v0", queries=QUERIES, **deceit)
    agents = {"nobody told it": [plain(deceit.get("sure_price", 0.0), seed) for seed in seeds]}
    for told, changes in {"lessons and reward": MIXED, "reward only": REWARD}.items():
        agents[f"trained with it, {told}"] = [trained(changes, deceit, seed, updates) for seed in seeds]
    print(f"\n### {name} ({time.process_time() - start:.0f} s of the processor)\n")
    print(f"| | {' | '.join(f'`{kind}`: value (success, calls)' for kind in QUERIES)} |\n|---|---|---|")
    known = [scores(world.settings, kind) for kind in range(len(QUERIES))]
    for yardstick in ("oracle", "greedy", "blind"):
        print(f"| {yardstick} | {' | '.join(figures(*map(float, _ordered(each[yardstick]))) for each in known)} |")
    for who, each in agents.items():
        for seed, agent in zip(seeds, each, strict=True):
            results = " | ".join(examined(world, agent, kind) for kind in range(len(QUERIES)))
            print(f"| {who}, seed {seed} | {results} |", flush=True)


def _ordered(score: Any) -> tuple[Any, Any, Any]:
    return score.value, score.success, score.calls


def examined(world: Any, agent: Agent, kind: int) -> str:
    """What the greedy agent does on all queries of a kind of a world, exactly, and how far from the optimum."""
    found = expand(world, agent.policy, world.all_tasks([kind]))
    value, success, calls = (float(each.mean()) for each in (found.reward, found.success, found.counts["calls"]))
    best = float(scores(world.settings, kind)["oracle"].value)
    return f"{figures(value, success, calls)}, gap {round(best - value, 9) + 0.0:.4f}"  # no minus zero


def figures(value: float, success: float, calls: float) -> str:
    return f"{value:.4f} ({success:.4f}, {calls:.2f})"


if __name__ == "__main__":
    main()
