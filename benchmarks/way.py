"""How long `to_go` takes on every forced token of the shortest programs of a calculator, and how often a right end
stays as near.

python benchmarks/way.py [max_operators] [slots] [agent]     by default 3 operators, 1 slot, the oracle's programs
"""

from __future__ import annotations

import sys
import time
from typing import Any

import torch

import inwit
from inwit.core.capabilities import FAR
from inwit.core.contracts import Agent
from inwit.core.types import Tasks
from inwit.evaluation.exact import sit
from inwit.worlds.examination import exam_of


def programs_of(world: Any, agent: Agent | None) -> torch.Tensor:
    """Int[K, T]: each kind's own program; -1 after its end, and throughout where it is not solved."""
    if agent is not None:
        papers = sit(agent, exam_of(world), range(len(world.kinds)))
        return papers.tokens.masked_fill(~papers.success[:, None], -1).long()
    known = [world.best_program(kind) or [] for kind in range(len(world.kinds))]
    width = max(map(len, known))
    return torch.tensor([[*program, *[-1] * (width - len(program))] for program in known])


def forced(world: Any, own: torch.Tensor) -> tuple[Tasks, dict[str, torch.Tensor], torch.Tensor]:
    """Each state after the first tokens of a kind's own program and one other legal token but ANS, and the tokens that
    are left of its length."""
    tasks, state, length = world.greedy_tasks(), world.reset(world.greedy_tasks()), (own >= 0).sum(1)
    kinds, states, left = [], [], []
    for column in range(own.shape[1] - 1):
        token = own[:, column].clamp(min=0)
        others = world.legal(state).clone().scatter(1, token[:, None], False) & (column < length - 1)[:, None]
        others[:, world.answer] = False
        rows, other = others.nonzero().unbind(1)
        states.append(world.step({name: each[rows] for name, each in state.items()}, other)[0])
        kinds.append(rows)
        left.append(length[rows] - column - 1)
        state, _ = world.step(state, token)
    joined = {name: torch.cat([each[name] for each in states]) for name in state}
    return tasks[torch.cat(kinds)], joined, torch.cat(left)


def main(operators: int = 3, slots: int = 1, run: str = "") -> None:
    torch.set_num_threads(1)
    agent = inwit.load(run) if run else None
    world: Any = agent.world if agent else inwit.make("calculator-v0", max_operators=operators, num_slots=slots)
    tasks, state, left = forced(world, programs_of(world, agent))
    started, spent = time.perf_counter(), time.process_time()
    found = world.to_go(tasks, state, left)
    seconds, spent = time.perf_counter() - started, time.process_time() - spent
    ties = int((found < FAR).sum())
    print(f"{len(world.kinds):,} kinds, {len(tasks):,} forced tokens, {ties:,} with a right end as near as before")
    print(f"{seconds:.2f} s, {spent:.2f} s of the processor")


if __name__ == "__main__":
    arguments = sys.argv[1:]
    main(*map(int, arguments[:2]), *arguments[2:])
