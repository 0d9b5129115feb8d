"""The agents of a recipe for lookup-v0, exactly: success, value and patience, a line for each seed and kind.

    python benchmarks/lookup_failing.py lookup-failing 10 11 12 13 14
    python benchmarks/lookup_failing.py lookup-reward 10 11 12 13 14

Value is success less prices, in expectation over all that is hidden. Patience is how many errors it takes until the
greedy agent gives a query's first tool up, where every tool is broken; the range over the queries of a class.
"""

from __future__ import annotations

import sys
import time
from collections import defaultdict

import inwit
from inwit.core.contracts import Agent
from inwit.evaluation.expanding import expand
from inwit.rollout.collect import collect


def main(recipe: str, seeds: list[int]) -> None:
    for seed in seeds:
        wall, cpu = time.perf_counter(), time.process_time()
        agent = None
        for update in inwit.updates(recipe, seed=seed):
            agent = update.agent
        assert agent is not None
        spent = f"{time.process_time() - cpu:.0f} s of a core, {time.perf_counter() - wall:.0f} s in all"
        print(f"{recipe}, seed {seed}: {spent}", flush=True)
        for line in [*exactly(agent), *patience(agent)]:
            print(f"  {line}", flush=True)


def exactly(agent: Agent) -> list[str]:
    lines = []
    for kind, name in enumerate(agent.world.kinds.names):
        found = expand(agent.world, agent.policy, agent.world.all_tasks([kind]))
        calls = ", ".join(f"{what} {counts.mean():.4f}" for what, counts in found.counts.items())
        proven = "proven" if not bool(found.wrong.any()) and not bool(found.unexpanded.any()) else "not proven"
        lines.append(
            f"{name}: success {found.success.mean():.6f} ({proven}), value {found.reward.mean():.5f}, {calls}, "
            f"not expanded {found.unexpanded.mean():.1e}"
        )
    return lines


def patience(agent: Agent) -> list[str]:
    """By class of query. Tables are drawn by a seed; an error tells nothing of them."""
    world, found = agent.world, defaultdict(list)
    if not world.settings.fail:
        return []
    for kind, name in enumerate(world.kinds.names):
        for seed, task in enumerate(world.describe(world.all_tasks([kind]))):
            drawn = world.task(task | {"seed": seed})
            drawn.data["broken"].fill_(1)
            played = collect(world, agent.policy, drawn)
            errors = 0
            for token in world.vocabulary.decode(played.tokens[0][played.live[0]].tolist()):
                if token == "ANS" or token.endswith("!"):
                    break
                errors += token == "ERR"
            tools = [word for word in task["query"].split() if word.isalpha()]
            alike = "" if len(tools) < 2 else ", one tool twice" if len(set(tools)) == 1 else ", two tools"
            found[name + alike].append(errors)
    return [f"patience {name}: {sorted(errors)}" for name, errors in found.items()]


if __name__ == "__main__":
    main(sys.argv[1], [int(seed) for seed in sys.argv[2:]])
