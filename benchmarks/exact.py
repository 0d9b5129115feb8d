"""Exact evaluation where the world draws: its time and memory, and its figures against a million sampled episodes.

python benchmarks/exact.py cost [AGENT] [n]       seconds, leaves, peak memory; without an agent an untrained one
python benchmarks/exact.py sampled [episodes]     z of success, calls and errors: n = 10, failing tools
"""

from __future__ import annotations

import resource
import sys
import time

import torch

import inwit
from inwit.core.contracts import Agent
from inwit.core.seeding import stream
from inwit.core.settings import build
from inwit.evaluation.exact import evaluate, sit
from inwit.evaluation.expanding import expand
from inwit.policies import POLICIES, make_policy
from inwit.rollout.collect import collect
from inwit.worlds.examination import exam_of

FAILING = {"fail": 0.5, "broken": 0.2, "sure_price": 0.1, "max_steps": 16}
ROWS = 20_000  # episodes at a time


def untrained(seed: int = 0, **settings: object) -> Agent:
    """A GRU with fresh weights."""
    world = inwit.make("lookup-v0", **settings)
    policy = make_policy("gru", build(POLICIES.settings("gru"), {"width": 96}), world, stream(seed, "weights"))
    return Agent(world, policy)


def cost(path: str | None, num_values: int) -> None:
    agent = inwit.load(path) if path else untrained(num_values=num_values)
    started, spent = time.perf_counter(), time.process_time()
    papers = sit(agent, exam_of(agent.world), range(len(agent.world.kinds)))
    seconds, spent = time.perf_counter() - started, time.process_time() - spent
    assert papers.expected is not None
    leaves, left_out = int(papers.expected.leaves.sum()), float(papers.expected.unexpanded.mean())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{len(papers.tasks):,} queries, {leaves:,} leaves, {left_out:.3g} of the probability not expanded")
    print(f"{seconds:.1f} s, of them {spent:.1f} s of the core; peak memory {peak:.0f} MB")
    started, spent = time.perf_counter(), time.process_time()
    result = evaluate(agent)
    print(f"evaluate: {time.perf_counter() - started:.1f} s, {time.process_time() - spent:.1f} s of the core")
    for row in result.rows:
        print(f"  {row.name:9} {row.solved:5} of {row.problems:5}, success {row.success:.6f}, calls {row.cost:.4f}")


def sampled(episodes: int) -> None:
    """An untrained agent with a small budget, on a part of the queries: its leaves are few enough to follow all."""
    for seed in range(3):
        agent = untrained(seed, num_values=10, queries=("Tx", "TUx", "Tx*Uy"), **{**FAILING, "max_steps": 8})
        world = agent.world
        tasks = world.all_tasks([0, 1, 2])[::18]
        exact = expand(world, agent.policy, tasks, leaves=2**26)
        times, generator = ROWS // len(tasks), stream(seed, "sampled episodes")
        counts: dict[str, list[torch.Tensor]] = {"success": []}
        done = 0
        while done < episodes:
            rollout = collect(world, agent.policy, world.draw(tasks.repeat_interleave(times), generator))
            for name, values in {"success": rollout.success, **rollout.counts}.items():
                counts.setdefault(name, []).append(values.view(-1, times).double().cpu())
            done += len(tasks) * times
        print(f"seed {seed}: {done:,} episodes, {float(exact.unexpanded.mean()):.3g} not expanded")
        for name, parts in counts.items():
            values = torch.cat(parts, 1)
            error = float((values.var(1) / values.shape[1]).sum().sqrt()) / len(values)
            truth = float((exact.success if name == "success" else exact.counts[name]).mean())
            gap = float(values.mean()) - truth
            z = 0.0 if gap == 0.0 else gap / error
            print(f"  {name:10} exact {truth:.6f}, sampled {float(values.mean()):.6f}, z = {z:+.2f}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    what, *rest = sys.argv[1:] or ["cost"]
    if what == "sampled":
        sampled(int(rest[0]) if rest else 1_000_000)
    else:
        cost(rest[0] if rest and rest[0] != "-" else None, int(rest[1]) if len(rest) > 1 else 10)
