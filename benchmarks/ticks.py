"""Does an agent learn to use ticks, and do they help on held-out classes?

    python benchmarks/ticks.py [--policies gru transformer] [--seeds 0 1] [--operators 3] [--updates 600]

Three trainings of the recipe `calculator-heldout` for each policy and seed: without ticks; with four ticks that the
agent may write or leave (`free`); and with four ticks before every program that hindsight imitates (`first`), so that
the agent has four more steps of its own computation between prompt and program. Each row says how many trained and
held-out expressions the greedy agent solves, how many ticks it writes, and how many held-out ones it solves where ticks
are forbidden. A gain of `first` over its own forbidden run alone would prove nothing: the agent was never trained to
do without. The question is whether it passes `none`.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

import inwit
from inwit.core.contracts import Agent, Policy
from inwit.core.types import Memory, Output
from inwit.learners.auxiliary.hindsight import Hindsight
from inwit.rollout.collect import collect

TICKS = 4
LEAST = -1e9  # a logit that no argmax takes


class ThinkFirst(Hindsight):
    """Hindsight whose programs are imitated with all ticks before them, where the world has ticks."""

    def _replace(self, better: Tensor, rank: Tensor, length: Tensor, tokens: Tensor) -> None:
        ticks = 0 if self.lessons.idle < 0 else TICKS
        thoughts = torch.full((len(tokens), ticks), self.lessons.idle, device=tokens.device)
        super()._replace(better, rank, length + ticks, torch.cat([thoughts, tokens], 1))


@dataclass
class Forbidden:
    """A policy that never writes one token."""

    policy: Policy
    token: int

    def begin(self, *prompt: Tensor) -> tuple[Output, Memory]:
        return self._without(*self.policy.begin(*prompt))  # pyright: ignore[reportArgumentType]

    def step(self, token: Tensor, memory: Memory) -> tuple[Output, Memory]:
        return self._without(*self.policy.step(token, memory))

    def _without(self, output: Output, memory: Memory) -> tuple[Output, Memory]:
        logits = output.logits.clone()
        logits[:, self.token] = LEAST
        return Output(logits, output.value), memory


def trained(mode: str, policy: str, seed: int, operators: int, updates: int) -> Agent:
    world = {"max_operators": operators, "ticks": 0 if mode == "none" else TICKS}
    table: dict[str, Any] = {"rows": 512, "babble": 1024, "thrift": 0.75, "prefer": "parts"}
    aside = {"hindsight": {"rows": 0}, "think_first": table} if mode == "first" else {}
    width = {"id": policy} if policy == "gru" else {"id": policy, "width": 64}
    config = inwit.resolve(
        "calculator-heldout", seed=seed, world=world, policy=width, training={"max_updates": updates}, **aside
    )
    return inwit.train(config)


def solved(agent: Agent, policy: Policy) -> tuple[str, str, float]:
    """Trained and held-out expressions that are solved, and the mean of the ticks over the held-out ones."""
    kinds = agent.world.kinds
    tasks = agent.world.greedy_tasks()  # pyright: ignore[reportAttributeAccessIssue]
    rollout = collect(agent.world, policy, tasks)
    shares = []
    for part in (kinds.trained, list(kinds.held_out)):
        shares.append(f"{int(rollout.success[part].sum())} of {len(part)}")
    ticks = rollout.counts.get("ticks", torch.zeros_like(tasks.kind))[list(kinds.held_out)]
    return shares[0], shares[1], float(ticks.double().mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--policies", nargs="+", default=["gru", "transformer"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    parser.add_argument("--operators", type=int, default=3)
    parser.add_argument("--updates", type=int, default=600)
    parser.add_argument("--modes", nargs="+", default=["none", "free", "first"])
    given = parser.parse_args()
    inwit.register_auxiliary("think_first", ThinkFirst, "hindsight with ticks before every imitated program")
    print("| policy | seed | ticks | trained | held out | ticks written | held out, ticks forbidden |")
    print("|---|---|---|---|---|---|---|")
    for policy in given.policies:
        for seed in given.seeds:
            for mode in given.modes:
                agent = trained(mode, policy, seed, given.operators, given.updates)
                inside, outside, ticks = solved(agent, agent.policy)
                silent = (
                    Forbidden(agent.policy, agent.world.vocabulary.names.index("THINK")) if mode != "none" else None
                )
                forbidden = solved(agent, silent)[1] if silent else ""
                print(f"| {policy} | {seed} | {mode} | {inside} | {outside} | {ticks:.2f} | {forbidden} |", flush=True)


if __name__ == "__main__":
    main()
