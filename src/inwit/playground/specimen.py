"""One problem that an agent is given again and again while it is trained, so that one sees its program change.

The agent's weights come from the run's snapshots and checkpoints: what is shown is what was kept, nothing in between.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path

import torch

from inwit.core.contracts import Agent, World
from inwit.core.errors import UserError
from inwit.core.isolation import on_own_terms
from inwit.core.results import Json
from inwit.core.seeding import stream
from inwit.core.text import plain
from inwit.core.types import Tasks
from inwit.playground.problems import drawn, revealed
from inwit.rollout.collect import collect
from inwit.runs import checkpoint, moments
from inwit.runs.loading import load

KEPT = 500  # answers


def specimen(world: World) -> Tasks:
    """One problem of the hardest kind: the last of those that are trained. The world alone decides it."""
    draws = stream(0, "specimen")
    return revealed(world, drawn(world, torch.tensor([world.kinds.trained[-1]]), draws), draws)


def replayed(agent: Agent) -> Json:
    """What an agent writes for the specimen of its world, without chance: `kind`, `task` (its tensors, flat), `tokens`
    with their `words`, which of them were `chosen` by the agent, its `values` before each, and `success`."""
    world, tasks = agent.world, specimen(agent.world)
    with on_own_terms(1):
        played = collect(world, agent.policy, tasks)
    length = int(played.live[0].sum())
    tokens = played.tokens[0, :length].tolist()
    return {
        "kind": world.kinds.names[int(tasks.kind)],
        "task": [tasks.kind.tolist(), *(each[0].flatten().long().tolist() for each in tasks.data.values())],
        "tokens": tokens,
        "words": [world.vocabulary.names[token] for token in tokens],
        "chosen": played.chosen[0, :length].tolist(),
        "values": plain([round(value, 6) for value in played.values[0, :length].tolist()]),
        "success": bool(played.success[0]),
    }


def updates_kept(run: Path) -> list[int]:
    """The updates of which a run has weights, as snapshots or checkpoints, earliest first."""
    kept = [moments.update_of(path) for path in moments.listed(run)]
    return sorted({*kept, *(int(path.name) for path in checkpoint.listed(run))})


class Specimens:
    """The specimen as a run's agent wrote it after an update, computed once, one at a time."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int, int], Json | None] = {}
        self._lock = threading.Lock()

    def at(self, run: Path, update: int) -> Json | None:
        """`replayed`, with its `update`; None where the weights are gone, damaged, or cannot be used here."""
        key = str(run), update, _time(run, update)
        with self._lock:
            if key not in self._known:
                if len(self._known) >= KEPT:
                    del self._known[next(iter(self._known))]
                self._known[key] = None
                with suppress(UserError):
                    self._known[key] = {"update": update, **replayed(load(run, "cpu", at=update))}
            return self._known[key]


def _time(run: Path, update: int) -> int:
    """When the weights of an update were written: a training that goes back writes them anew."""
    for path in (checkpoint.folder(run) / f"{update:06d}", moments.file_of(run, update)):
        with suppress(OSError):
            return path.stat().st_mtime_ns
    return 0
