"""How fast the engine is: positions per second with learning, on one core. A table, no asserts.

    python benchmarks/engine.py

A position is a prompt token read by the network or a token written before its episode's end; padding, and columns
after the end, are work but do not count. The floor is the time that the network's matrix products alone would take at
the rate this machine reaches on products of the same shapes: three for each column (forward, and two backward). The
network is the policy alone: the same prompts and tokens read and written once more, and a backward pass through them,
without world, sampling, loss and optimiser. What is outside is the rest of an update.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import platform
import statistics
import time
from typing import Any

import torch

import inwit
from inwit.policies.replay import for_each_episode

SECONDS = 4.0  # for each row


def main() -> None:
    torch.set_num_threads(1)
    print(f"{platform.machine()}, torch {torch.__version__}, one thread, tutorial-v1, with learning\n")
    columns = ("learner", "width", "episodes", "group", "ms/update", "positions/s", "live tokens/s")
    print(f"| {' | '.join((*columns, 'floor, ms', 'network, ms', 'outside'))} |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for learner, group_size in (("a2c", 1), ("a2c", 16), ("grpo", 16)):
        for width in (32, 96):
            for episodes in (256, 512, 1024):
                measure(learner, group_size, width, episodes)
    print(f"\nworld alone: {world_rate() / 1e6:.1f} M steps/s at 512 rows")


def measure(learner: str, group_size: int, width: int, episodes: int) -> None:
    overrides = {
        "policy": {"id": "gru", "width": width},
        "learner": {"id": learner, "group_size": group_size},
        "curriculum": {"id": "uniform"},
        "training": {"episodes": episodes, "learning_rate": 0.0, "confirm": False, "max_updates": 1_000_000},
    }
    updates = inwit.updates("tutorial", **overrides)
    for _ in range(10):
        warm = next(updates)
    before = warm.summary()
    count, columns, rows, alone = 0, 0, 0, []
    seconds = 0.0
    while seconds < SECONDS:
        start = time.perf_counter()
        update = next(updates)
        seconds += time.perf_counter() - start
        alone.append(network_seconds(update))  # in turns, since the machine is shared
        count += 1
        columns += update.rollout.tokens.shape[1] - 1
        rows += update.rollout.prompt.numel()
    after = update.summary()
    positions = (after["positions"] - before["positions"]) / seconds
    tokens = (after["tokens"] - before["tokens"]) / seconds
    work = columns * product_seconds(episodes, width) + rows / episodes * product_seconds(episodes, width)
    floor = 1000 * work / count
    each, network = 1000 * seconds / count, 1000 * statistics.median(alone)
    print(
        f"| {learner} | {width} | {episodes} | {group_size} | {each:.1f} | {positions:,.0f} | {tokens:,.0f} "
        f"| {floor:.1f} | {network:.1f} | {1 - network / each:.0%} |",
        flush=True,
    )


def network_seconds(update: Any) -> float:
    """The policy alone over an update's prompts and tokens, forward and backward."""
    policy, rollout = update.agent.policy, update.rollout
    start = time.perf_counter()
    output, memory = policy.begin(rollout.prompt, rollout.prompt_mask, rollout.stage)
    output, memory = for_each_episode(output, memory, rollout.group_size)
    outputs = [output.logits]
    for token in rollout.tokens[:, :-1].unbind(1):
        output, memory = policy.step(token, memory)
        outputs.append(output.logits)
    gradients = torch.autograd.grad(torch.stack(outputs, 1).sum(), list(policy.parameters()), allow_unused=True)
    del gradients
    return time.perf_counter() - start


def product_seconds(batch: int, width: int) -> float:
    """The three products of one recurrent column: hidden times weight, and its two gradients."""
    hidden, weight, gates = torch.randn(batch, width), torch.randn(3 * width, width), torch.randn(batch, 3 * width)
    best = float("inf")
    for _ in range(30):
        start = time.perf_counter()
        hidden @ weight.t()
        gates @ weight
        gates.t() @ hidden
        best = min(best, time.perf_counter() - start)
    return best


def world_rate() -> float:
    """Steps per second of the world alone, legality masks included."""
    world, generator = inwit.make("tutorial-v1"), torch.Generator().manual_seed(0)
    state = world.reset(world.sample(torch.randint(0, 3, (512,), generator=generator), generator))
    token = torch.full((512,), world.vocabulary.id("RCL"))
    start, count = time.perf_counter(), 0
    while time.perf_counter() - start < 1.0:
        world.legal(state)
        world.forced(state)
        world.step(state, token)
        count += 1
    return 512 * count / (time.perf_counter() - start)


if __name__ == "__main__":
    main()
