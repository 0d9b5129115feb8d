"""Tools that deceive: an agent trained among them, and the same agent when nobody told it. For `Tx`, whose optimum is
computed here: a cell's answers are independent given its value (`lie`), or always the same (`stale`).

    python benchmarks/lookup_deceived.py 10 11 12

Each agent is trained with one kind of deception (or none) and examined, exactly, with each. Prints Markdown: success,
value, and in brackets calls and sure calls.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from fractions import Fraction
from functools import cache
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import inwit
from inwit import worlds
from inwit.core.contracts import Agent
from inwit.evaluation.expanding import expand

WORLD = {"queries": ["Tx"], "fail": 0.0, "broken": 0.0, "sure_price": 0.1, "max_steps": 16}
DECEPTIONS: dict[str, dict[str, float]] = {"none": {}, "lie .1": {"lie": 0.1}, "lie .2": {"lie": 0.2}}
DECEPTIONS |= {"stale .05": {"stale": 0.05}, "stale .3": {"stale": 0.3}}


def best(settings: Any) -> Fraction:
    """The value of the optimum for `Tx`, by search over how often each value was heard."""
    n, price, sure = settings.num_values, _exact(settings.price), _exact(settings.sure_price)
    lie, stale = _exact(settings.lie), _exact(settings.stale)
    assert not (lie and stale)
    if stale:  # a second answer is the first one's echo
        return max(1 - sure, max(1 - stale, stale / (n - 1)) - price, Fraction(1, n))

    @cache
    def value(votes: tuple[int, ...], left: int) -> Fraction:
        weights = [(1 - lie) ** own * (lie / (n - 1)) ** (sum(votes) - own) for own in votes]
        truth = [weight / sum(weights) for weight in weights]
        choices = [max(truth)]
        if left >= 4:  # a call, and the answer
            said = [(1 - lie) * p + lie * (1 - p) / (n - 1) for p in truth]
            after = [
                value(tuple(sorted((*votes[:v], votes[v] + 1, *votes[v + 1 :]))), left - 2) if said[v] else Fraction()
                for v in range(n)
            ]
            choices += [1 - sure, sum((p * then for p, then in zip(said, after, strict=True)), -price)]
        return max(choices)

    return value((0,) * n, settings.max_steps)


def _exact(number: float) -> Fraction:
    return Fraction(str(number))


def trained(seed: int, deception: dict[str, float]) -> Agent:
    training = {"max_updates": 600, "episodes": 512}
    last = None
    for last in inwit.updates("lookup-failing", seed=seed, world=WORLD | deception, training=training):  # noqa: B007
        pass
    assert last is not None
    return last.agent


def examined(agent: Agent, deception: dict[str, float]) -> str:
    world: Any = worlds.make("lookup-v0", **WORLD | deception)
    found = expand(world, replace(agent, world=world).policy, world.all_tasks([0]))
    optimum, value = float(best(world.settings)), float(found.reward.mean())
    calls, sure = (float(found.counts[name].mean()) for name in ("calls", "sure_calls"))
    return f"{float(found.success.mean()):.2%}, {value:.4f}, gap {optimum - value:.4f} ({calls:.2f}, {sure:.2f})"


def main(seeds: list[int]) -> None:
    print(f"| trained with | seed | {' | '.join(f'examined with {name}' for name in DECEPTIONS)} |")
    print("|" + "---|" * (2 + len(DECEPTIONS)))
    optima = [best(worlds.make("lookup-v0", **WORLD | each).settings) for each in DECEPTIONS.values()]
    print(f"| *the optimum's value* | | {' | '.join(f'{float(each):.4f}' for each in optima)} |")
    for name, deception in DECEPTIONS.items():
        for seed in seeds:
            agent = trained(seed, deception)
            shown = DECEPTIONS if name == "none" else {name: deception}
            cells = [examined(agent, each) if other in shown else "" for other, each in DECEPTIONS.items()]
            print(f"| {name} | {seed} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main([int(seed) for seed in sys.argv[1:]])
