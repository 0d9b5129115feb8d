"""One cell, in a process of its own: train, and examine the greedy agent every so many updates.

The clock runs while the agent trains and stops while it is examined; imports and the making of the agent come before.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from inwit.bench.cells import Cell, Point, Result, write
from inwit.core.capabilities import capable
from inwit.core.contracts import Agent
from inwit.core.errors import UserError
from inwit.core.imports import bring
from inwit.core.isolation import on_own_terms
from inwit.core.seeding import stream
from inwit.core.types import Tasks
from inwit.evaluation.exact import solves_all
from inwit.rollout.collect import collect
from inwit.runs.starting import updates
from inwit.training import health
from inwit.training.config import resolve
from inwit.worlds.examination import exam_of

SPACING = 0.02  # between two measurements, as a share of the updates so far; at least one update
SAMPLE = 256  # questions of each kind, at most


def measure(cell: Cell, go_on: Callable[[], bool] = lambda: True) -> Result:
    """Train to confirmed 100 %, or for `cell.seconds`, or to the recipe's own end, or until `go_on` says no;
    deterministic but for the seconds.

    Raises `UserError` if the configuration is impossible or the training loses its numbers.
    """
    config, curve, trained, examined, due = cell.config, [], 0.0, 0.0, 1
    loop = updates(config)  # makes the agent
    exam, ended, resumed = None, "max_updates", time.perf_counter()
    for update in loop:
        looking = update.index + 1 >= due or update.index + 1 == config.training.max_updates
        summary = update.summary() if looking else {}  # waits for the device
        stopped = time.perf_counter()
        trained += stopped - resumed
        if trained > cell.seconds:
            ended = "seconds"
            break
        if looking:
            if health.lost(update, parameters=False):
                raise UserError(f"the loss or its gradient is not finite at update {update.index + 1}")
            exam = make_exam(update.agent) if exam is None else exam
            success, solved = examine(update.agent, exam)
            curve.append(Point(update.index + 1, summary["tokens"], trained, success))
            examined += time.perf_counter() - stopped
            if solved or not go_on():
                ended = "solved" if solved else "seconds"
                break
            due = update.index + 1 + max(1, round(SPACING * (update.index + 1)))
        resumed = time.perf_counter()
    to_95, to_100 = (next((point for point in curve if point.success >= share), None) for share in (0.95, 1))
    names = config.learner.id, config.policy.id, config.seed
    return Result(*names, to_95, to_100, tuple(curve), examined, ended)


def make_exam(agent: Agent) -> Tasks:
    """What is asked: up to `SAMPLE` questions of each kind that is trained, always the same; nothing of a test set.

    Raises `UserError` for a world whose exam proves nothing.
    """
    kinds, exam = agent.world.kinds, exam_of(agent.world)
    if not exam.proven:
        raise UserError(f"the world {agent.world.id} has no finite test of success: there is no 100 % to be measured")
    trained = [kind for kind in range(len(kinds)) if kind not in kinds.held_out]
    generator, rows = stream(0, "bench sample"), []
    if capable(agent.world, "chance"):  # a problem is a task with all that is hidden in it
        return agent.world.sample(torch.tensor(trained).repeat_interleave(SAMPLE), generator).to(agent.device)
    tasks = Tasks.joined(list(exam.tasks(trained, "cpu")))
    for kind in trained:
        members = torch.nonzero(tasks.kind == kind)[:, 0]
        rows.append(members[torch.randperm(len(members), generator=generator)[:SAMPLE]])
    return tasks[torch.cat(rows)].to(agent.device)


def examine(agent: Agent, exam: Tasks) -> tuple[float, bool]:
    """The share of the exam that the greedy agent solves, and whether it solves all problems of the world.

    The share is 1 only if it does: a sample that is solved while some other problem is not counts as one mistake.
    """
    with on_own_terms(agent.threads):
        solved = int(collect(agent.world, agent.policy, exam).success.sum())
        everything = solved == len(exam) and solves_all(agent)
    return 1.0 if everything else min(solved, len(exam) - 1) / len(exam), everything


def main(job: dict[str, Any]) -> int:
    """The process: measure the job's cell and write its file. An impossible one gives a line on stderr and status 2."""
    parent = job["parent"]
    try:
        bring(job.get("imports", ()))
        cell = Cell(resolve(job["config"]), job["seconds"])
        result = measure(cell, lambda: os.getppid() == parent)
        if os.getppid() != parent:  # nobody waits for it, and it may be half done
            return 1
        write(Path(job["file"]), cell, result)
    except UserError as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        return 2
    return 0
