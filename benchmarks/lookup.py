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
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

import inwit
from inwit import worlds
from inwit.core.contracts import Agent
from inwit.core.types import Taught
from inwit.evaluation.expanding import expand
from inwit.worlds.lookup.lessons import MOST_CALLS
from inwit.worlds.lookup.oracle import least_calls
from inwit.worlds.lookup.queries import MAX_TERMS, queries_of
from inwit.worlds.lookup.rules import ANS
from inwit.worlds.lookup.tensors import LookupV0

BIASED = "lookup-in-hindsight"


class InHindsight(LookupV0):
    """lookup-v0 with lessons that ask for what is open in any order, kept if every call turned out to be needed. Of
    `F 2 ? F 2 : G 4` it keeps G 4 before F 2 whenever F 2 turns out even: luck is imitated."""

    id = BIASED

    def teach(self, kinds: torch.Tensor, generator: torch.Generator) -> Taught:
        tasks = self._problems(kinds, generator)
        query = tasks.data["tools"], tasks.data["values"], self._operators(tasks)
        any_order, calls = self._asked(tasks, query, generator)
        _, fewest = self._asked(tasks, query, None)
        value, _ = self._read(any_order[-1], query)
        kept = (value >= 0) & (calls == fewest)
        answer = [(torch.full_like(value, ANS), kept, True), (value + self.settings.first_value, kept, True)]
        return self._side_by_side(tasks, any_order[0] + answer)

    def _asked(self, tasks: Any, query: Any, generator: torch.Generator | None) -> tuple[Any, torch.Tensor]:
        """The columns of the calls until the query is decided, with what was heard; and how many calls it took. Without
        a generator in the order of the text."""
        table, columns = tasks.data["table"], []
        heard, calls = torch.full_like(table, -1), torch.zeros_like(tasks.kind)
        for _ in range(MOST_CALLS):
            value, cell = self._read(heard, query)
            cell = cell if generator is None else self._any_open(heard, query, cell, generator)
            answer, asks = table.gather(1, cell[:, None]), value < 0
            heard = heard.scatter(1, cell[:, None], torch.where(asks[:, None], answer, heard.gather(1, cell[:, None])))
            columns += self._call(cell, answer[:, 0].long(), asks)
            calls = calls + asks
        return (columns, heard), calls

    def _any_open(self, heard: Any, query: Any, cell: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """One of the cells that some term needs next, each alike; `cell` where no term needs any."""
        tools, values, operator = query
        open_cells = [cell]
        for term in range(MAX_TERMS):
            alone = tools[:, [term] * MAX_TERMS], values[:, [term] * MAX_TERMS], torch.zeros_like(operator)
            open_cells.append(self.resolve(heard, *alone)[1])
        cells = torch.stack(open_cells, 1)
        score = torch.rand(cells.shape, generator=generator).masked_fill(cells < 0, -1)
        score[:, 0] = 0.0  # the text's own order comes last: it is one of the terms' cells, or `*`
        return cells.gather(1, score.argmax(1, keepdim=True))[:, 0].clamp_min(0)


@dataclass(frozen=True)
class Variant:
    """A recipe with overrides, and where it stops: after so many seconds of the processor, if they are given."""

    recipe: str
    about: str
    overrides: dict[str, Any] = field(default_factory=dict)
    seconds: float = float("inf")


# With Adam and clipped gradients the loss of the rewards is nothing beside lessons of this weight.
LESSONS_ONLY = {"lessons": {"weight": 1000.0}}
REWARD_ONLY = {
    "lessons": {"rows": 0},
    "learner": {"entropy": 0.05},
    "training": {"episodes": 256, "learning_rate": 0.007, "last_entropy": 0.05, "confirm": False},
}
RATES = {"gru": 0.015, "lstm": 0.015, "transformer": 0.003, "memoryless": 0.015}
GRID = {
    f"{learner}-{policy}": Variant(
        "lookup",
        f"{learner}, {policy}",
        {
            "policy": {"id": policy, "width": 128},
            "learner": {"id": learner, "entropy": 0.0},
            "lessons": {"weight": 1.0},
            "training": {"learning_rate": RATES[policy], "confirm": False, "max_updates": updates},
        },
    )
    for learner, updates in {"a2c": 160, "ppo": 20, "grpo": 160, "rloo": 160}.items()  # ppo: eight steps an update
    for policy in RATES
}
VARIANTS = {
    "lookup": Variant("lookup", "the recipe: lessons and reinforcement"),
    "lookup-large": Variant("lookup-large", "the recipe for ten cells a tool"),
    "lessons-only": Variant("lookup", "lessons without reinforcement", LESSONS_ONLY),
    "oracle-cloning": Variant(
        "lookup",
        "the oracle's plans on the same tasks in place of lessons, without reinforcement",
        {"learner": {"id": "oracle_cloning"}, "lessons": {"rows": 0}, "training": {"episodes": 256}},
    ),
    "reward-only": Variant("lookup", "reinforcement without lessons", REWARD_ONLY, seconds=60),
    "even": Variant("lookup", "lessons and reinforcement of one weight", {"lessons": {"weight": 1.0}}),
    "in-hindsight": Variant(
        "lookup",
        "lessons judged in hindsight: in any order, if every call turned out useful",
        {"world": {"id": BIASED}},
    ),
    "memoryless": Variant(
        "lookup",
        "no memory of what was heard",
        {"policy": {"id": "memoryless", "width": 128}, "training": {"confirm": False, "max_updates": 300}},
    ),
    "memoryless-reward": Variant(
        "lookup",
        "no memory of what was heard, and no lessons, which have such an agent call on and on",
        {**REWARD_ONLY, "policy": {"id": "memoryless", "width": 128}},
        seconds=20,
    ),
    **GRID,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("variants", nargs="*", default=list(VARIANTS), help=f"of: {', '.join(VARIANTS)} (default: all)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4], help="(default: 0 1 2 3 4)")
    args = parser.parse_args()
    worlds.WORLDS.register(BIASED, InHindsight)
    print(f"{time.strftime('%Y-%m-%d')}, {platform.machine()}, torch {torch.__version__}, one thread")
    for name in args.variants:
        variant = VARIANTS[name]
        print(f"\n### {name}: {variant.about}\n")
        for seed in args.seeds:
            row(variant, seed, first=seed == args.seeds[0])


def row(variant: Variant, seed: int, first: bool) -> None:
    """Train one seed, and print its row of the table."""
    start = time.process_time()
    for update in inwit.updates(variant.recipe, seed=seed, **variant.overrides):
        last = update
        if time.process_time() - start > variant.seconds:
            break
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
