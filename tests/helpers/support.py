"""What several tests share: running worlds in lockstep, policies with small settings, waiting on processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import torch

from inwit import worlds
from inwit.core.contracts import Agent
from inwit.core.seeding import stream
from inwit.core.settings import build
from inwit.core.types import Step, Tasks
from inwit.policies import POLICIES, make_policy
from inwit.training.config import Config, resolve
from inwit.training.loop import new_agent

SMALL = {"width": 8}  # settings of a small policy; a policy without such a setting takes its defaults


def first_fast(cases: Iterable[Any], fast: int) -> list[Any]:
    """Cases of a test of which the first ones are fast, and the rest run with the slow tests."""
    given = list(cases)
    rest = (
        pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=pytest.mark.slow) for case in given[fast:]
    )
    return [*given[:fast], *rest]


def whole_lines(path: Path) -> list[dict[str, Any]]:
    """The records of a file of lines that may be growing: the last may be torn, any other must not."""
    *whole, _ = path.read_bytes().split(b"\n")
    return [json.loads(line) for line in whole]


def lockstep(world: Any, tasks: Tasks, programs: list[list[int]]) -> tuple[list[Any], list[Any], list[Step]]:
    """Carry out one program per row, together: the states before and after every column, the legal tokens before
    it, and the steps. A row without tokens left, or that has ended, is given the world's forced token or else the
    last of the vocabulary: until its end a row must have a token to carry out."""
    columns = max(len(program) for program in programs)
    surplus = len(world.vocabulary) - 1
    padded = torch.tensor([program + [surplus] * (columns - len(program)) for program in programs])
    state = world.reset(tasks)
    states, legal, steps = [state], [], []
    for token in padded.unbind(1):
        legal.append(world.legal(state))
        forced = world.forced(state)
        state, step = world.step(state, torch.where(forced < 0, token, forced))
        states.append(state)
        steps.append(step)
    return states, legal, steps


def batch_of(world: Any, tasks: list[dict[str, Any]]) -> Tasks:
    """Single tasks, as `World.task` reads them, as rows of one batch."""
    rows = [world.task(task) for task in tasks]
    kind = torch.cat([row.kind for row in rows])
    return Tasks(kind, {name: torch.cat([row.data[name] for row in rows]) for name in rows[0].data})


def all_kinds(world: Any, each: int) -> torch.Tensor:
    """Every kind of a world, `each` rows of it."""
    return torch.arange(len(world.kinds)).repeat_interleave(each)


def small_policy(policy_id: str, world: Any, seed: int = 0, **settings: Any) -> Any:
    """A policy with fresh weights, small where it can be."""
    cls = POLICIES.load(policy_id).Settings
    fitting = {name: value for name, value in SMALL.items() if name in cls.__dataclass_fields__}
    return make_policy(policy_id, build(cls, fitting | settings), world, stream(seed, "weights"))


def small_config(**overrides: Any) -> Config:
    """The tutorial recipe, small enough for one update to take milliseconds."""
    tiny = {"policy": {"width": 8}, "training": {"episodes": 32, "max_updates": 3}}
    merged = {name: {**tiny.get(name, {}), **value} for name, value in overrides.items() if isinstance(value, dict)}
    return resolve("tutorial", **(tiny | overrides | merged))


def untrained(**overrides: Any) -> Agent:
    """An agent as it is before its first update."""
    return new_agent(small_config(**overrides))


def make_world(world_id: str, **settings: Any) -> Any:
    """A batched world; settings that it does not have are left out."""
    known = worlds.WORLDS.load(world_id).Settings.__dataclass_fields__
    return worlds.make(world_id, **{name: value for name, value in settings.items() if name in known})


def python(code: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a Python program in a process of its own, with warnings as errors."""
    command = [sys.executable, "-W", "error", "-c", code, *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=120, env={**os.environ, **environment}, check=False
    )
