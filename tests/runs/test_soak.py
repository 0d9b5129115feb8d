"""A moment of each loop of `make soak`. Loops that fork run in a process of their own, which has no threads."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import soaking

pytestmark = pytest.mark.slow


def soak(loop: str, *numbers: float) -> str:
    """Without a GPU: PyTorch's threads for one end where a process forks."""
    command = [sys.executable, str(Path(soaking.__file__)), loop, *map(str, numbers)]
    alone = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=alone)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_kills() -> None:
    assert "'kills': 4, 'resumed': 4" in soak("kills", 4)


def test_a_crowd() -> None:
    counted = counts(soak("crowd", 5, 3, 2))
    assert counted["trainings"] >= 3
    assert counted["lines read"] > 0


def counts(text: str) -> dict[str, int]:
    """What a loop printed: {'name': 3, ...}."""
    pairs = (pair.split(":") for pair in text.strip().strip("{}").split(","))
    return {name.strip().strip("'"): int(value) for name, value in pairs}


def test_every_kind_of_refused_call() -> None:
    """Every seventh of the calls, in turn with both errors, once and from then on."""
    counted = soaking.disk_faults(every=7)
    assert counted["faults"] == counted["resumed"] + counted["nothing kept yet"]
    assert counted["resumed"] > 25


def test_memory_does_not_grow() -> None:
    """Over seconds this shows gross leaks only: a rollout kept for every update would be 50 MB per 1,000."""
    assert soaking.memory_growth(8.0, warm_up=3.0)["MB per 1,000 updates"] < 10


def test_a_checkpoint_costs_little() -> None:
    """A tenth of the interval would be absurd; the figure itself is in docs/log.md."""
    assert soaking.checkpoint_cost("tutorial", 2.0)["share"] < 0.1
