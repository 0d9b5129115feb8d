"""The agents of a recipe for lookup-v0, exactly: success, value and patience beside the optimum's.

    python benchmarks/lookup_failing.py lookup-failing 10 11 12 13 14
    python benchmarks/lookup_failing.py lookup-reward 10 11 12 13 14

Value is success less prices, in expectation over all that is hidden. Patience is how many errors it takes until the
greedy agent gives a query's first tool up, where every tool is broken. For each class of queries; in brackets the
optimum's.
"""

from __future__ import annotations

import os
import sys
import time
from collections import defaultdict, deque
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import inwit
from inwit.core.contracts import Agent
from inwit.evaluation.expanding import expand
from inwit.rollout.collect import collect
from inwit.worlds.lookup import oracle
from inwit.worlds.lookup.rules import parse_query


def main(recipe: str, seeds: list[int]) -> None:
    for seed in seeds:
        wall, cpu = time.perf_counter(), time.process_time()
        [last] = deque(inwit.updates(recipe, seed=seed), maxlen=1)
        spent = f"{time.process_time() - cpu:.0f} s of a core, {time.perf_counter() - wall:.0f} s in all"
        print(f"{recipe}, seed {seed}: {last.index + 1} updates, {spent}", flush=True)
        for line in examined(last.agent):
            print(f"  {line}", flush=True)


def examined(agent: Agent) -> list[str]:
    """A line for each class of queries."""
    world: Any = agent.world
    lines = []
    for kind, name in enumerate(world.kinds.names):
        questions = world.all_tasks([kind])
        found = expand(world, agent.policy, questions)
        texts = [task["query"] for task in world.describe(questions)]
        rows = defaultdict(list)
        for row, text in enumerate(texts):
            rows[alike(text)].append(row)
        for label, places in {"": list(range(len(texts))), **(rows if len(rows) > 1 else {})}.items():
            wrong = float(found.wrong[places].sum()) + float(found.unexpanded[places].sum())
            asked = [parse_query(world.settings, texts[row])[0] for row in places]
            best = float(sum(oracle.best_value(world.settings, query) for query in asked) / len(asked))
            success, value = float(found.success[places].mean()), float(found.reward[places].mean())
            line = f"{name}{label}: success {success:.4%}{'' if wrong else ' (proven)'}"
            line += f", value {value:.5f} ({best:.5f}) = {value / best:.2%}"
            line += "".join(f", {what} {float(count[places].mean()):.4f}" for what, count in found.counts.items())
            if world.settings.fail:
                intervals = (oracle.patience(world.settings, query) or () for query in asked)
                optimum = sorted({each for interval in intervals for each in interval})
                line += f", patience {patience(agent, [texts[row] for row in places])} ({optimum})"
            lines.append(line)
    return lines


def alike(query: str) -> str:
    """The class of a query."""
    tools = [word for word in query.split() if word.isalpha()]
    return "" if len(tools) < 2 else ", one tool" if len(set(tools)) == 1 else ", several tools"


def patience(agent: Agent, queries: list[str]) -> list[int]:
    """Tables are drawn by a seed: an error tells nothing of them."""
    world: Any = agent.world
    found = []
    for seed, query in enumerate(queries):
        drawn = world.task({"query": query, "seed": seed})
        drawn.data["broken"].fill_(1)
        played = collect(world, agent.policy, drawn)
        errors = 0
        for token in world.vocabulary.decode(played.tokens[0][played.live[0]].tolist()):
            if token == "ANS" or token.endswith("!"):
                break
            errors += token == "ERR"
        found.append(errors)
    return sorted(found)


if __name__ == "__main__":
    main(sys.argv[1], [int(seed) for seed in sys.argv[2:]])
