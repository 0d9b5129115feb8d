"""What learns to ask: the tables of docs/lookup.md.

    python benchmarks/lookup.py [VARIANT ...] [--seeds 0 1 2 3 4]

Each seed trains on one thread, as its recipe says or with the changes of a variant. A time is of the processor and from
the first update to the end of the last, confirmations included, imports and this examination not. Then the greedy agent
is examined exactly, over every hidden table. Prints Markdown: for each kind success, calls (in brackets), and the value
(success less the price of calls) as a share of the optimum's; or how many queries it can get wrong. Asserts nothing.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections import deque
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

import inwit
from inwit.core.contracts import Agent
from inwit.evaluation.expanding import expand
from inwit.worlds.lookup.oracle import least_calls
from inwit.worlds.lookup.queries import queries_of

LESSONS_ONLY = {
    "lessons": {"weight": 1000.0}
}  # beside that, with Adam and clipped gradients, the reward's loss is none
NO_LESSONS = {"lessons": {"rows": 0}}
POLICIES = ("gru", "lstm", "transformer", "memoryless")
LEARNERS = {
    "a2c": {"id": "a2c", "entropy": 0.0},
    "ppo": {"id": "ppo", "entropy": 0.0},
    "grpo": {"id": "grpo", "entropy": 0.0},
    "rloo": {"id": "rloo", "entropy": 0.0},
}


@dataclass(frozen=True)
class Variant:
    """A recipe with overrides."""

    recipe: str
    about: str
    overrides: dict[str, Any] = field(default_factory=dict)


VARIANTS = {
    "lookup": Variant("lookup", "the recipe: lessons and reinforcement"),
    "lookup-large": Variant("lookup-large", "the recipe for ten cells a tool"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("variants", nargs="*", default=list(VARIANTS), help=f"of: {', '.join(VARIANTS)} (default: all)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4], help="(default: 0 1 2 3 4)")
    args = parser.parse_args()
    print(f"{time.strftime('%Y-%m-%d')}, {platform.machine()}, torch {torch.__version__}, one thread")
    for name in args.variants:
        variant = VARIANTS[name]
        print(f"\n### {name}: {variant.about}\n")
        for seed in args.seeds:
            row(variant, seed, first=seed == args.seeds[0])


def row(variant: Variant, seed: int, first: bool) -> None:
    """Train one seed, and print its row of the table."""
    start = time.process_time()
    last = deque(inwit.updates(variant.recipe, seed=seed, **variant.overrides), maxlen=1).pop()
    seconds, agent = time.process_time() - start, last.agent
    names = agent.world.kinds.names
    if first:
        print(f"| seed | updates | CPU s (wall s) | tokens | {' | '.join(f'`{name}`' for name in names)} |")
        print("|" + "---|" * (4 + len(names)))
    kinds = " | ".join(result(agent, kind) for kind in range(len(names)))
    totals = last.totals
    print(
        f"| {seed} | {last.index + 1:,} | {seconds:.0f} ({totals.seconds:.0f}) | {int(totals.tokens):,} | {kinds} |",
        flush=True,
    )


def result(agent: Agent, kind: int) -> str:
    """What the greedy agent does on all queries of a kind, exactly."""
    world: Any = agent.world
    questions = world.all_tasks([kind])
    found = expand(world, agent.policy, questions)
    success, calls = float(found.success.mean()), float(found.counts["calls"].mean())
    settings, name = world.settings, world.kinds.names[kind]
    queries = list(queries_of(name, settings.num_tools, settings.num_values))
    least = float(sum((least_calls(settings, query) for query in queries), Fraction()) / len(queries))
    value = float(found.reward.mean()) / (1 - settings.price * least)
    wrong = int((found.wrong > 0).sum())
    known = "proven" if not wrong and not float(found.unexpanded.sum()) else f"{success:.3%}, {wrong} wrong"
    return f"{known} ({calls:.3f}, {calls / least if least else 1:.3f} of the least), {value:.2%}"


if __name__ == "__main__":
    main()
