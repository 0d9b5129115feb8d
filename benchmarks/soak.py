"""The long loops: does a run survive kills, cuts, failing disks, flipped bytes, a crowd, ten minutes, a page?

    python benchmarks/soak.py                 # all, about half an hour
    python benchmarks/soak.py kills --count 20
    python benchmarks/soak.py memory --seconds 60

Each loop ends with what it counted, or with the first thing that was lost (tests/soaking.py has the loops; `make test`
runs each for a moment).
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "helpers"))

import soaking
import watched
from inwit.learners import LEARNERS
from inwit.policies import POLICIES
from support import small_config

CALCULATOR = {
    "world": {"id": "calculator-v0", "max_operators": 2},
    "curriculum": {"id": "learnability"},
    "hindsight": {"rows": 16, "babble": 64},
}


def kills(count: int, seconds: float) -> None:
    show("kills", soaking.kills(count or 200))


def cuts(count: int, seconds: float) -> None:
    """For every learner and policy, in the tutorial; for every learner with hindsight, in the calculator."""
    length = {"max_updates": 45, "confirm": False}
    for learner in LEARNERS.names():
        for policy in POLICIES.names():
            config = small_config(learner={"id": learner, **groups(learner)}, policy={"id": policy}, training=length)
            show(f"cuts of {learner}, {policy}", soaking.cuts(config, count or 20))
        config = small_config(learner={"id": learner, **groups(learner)}, training=length, **CALCULATOR)
        show(f"cuts of {learner}, gru, calculator with hindsight", soaking.cuts(config, count or 20))


def groups(learner: str) -> dict[str, int]:
    """Small groups, so that 32 episodes hold several."""
    return {"group_size": 4} if "group_size" in LEARNERS.load(learner).Settings.__dataclass_fields__ else {}


def disk(count: int, seconds: float) -> None:
    show("refused calls to the disk", soaking.disk_faults())


def damage(count: int, seconds: float) -> None:
    show("damaged checkpoints", soaking.damages(count or None, count or None))


def crowd(count: int, seconds: float) -> None:
    show("8 trainings and 4 readers", soaking.crowd(seconds or 300, 8, 4))


def memory(count: int, seconds: float) -> None:
    long = seconds or 600
    show("memory", soaking.memory_growth(long, warm_up=long / 10))


def cost(count: int, seconds: float) -> None:
    for recipe in ("tutorial", "calculator", "calculator-large"):
        show(f"checkpoints of {recipe}", soaking.checkpoint_cost(recipe, seconds or 30))


def trainings(count: int, seconds: float) -> None:
    with soaking.runs_folder():
        show("trainings started and stopped by a page", watched.started_and_stopped(count or 20))


LOOPS: dict[str, Callable[[int, float], None]] = {
    loop.__name__: loop for loop in (damage, disk, cuts, kills, cost, crowd, memory, trainings)
}


def show(what: str, counted: Any) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {what}: {counted}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("loops", nargs="*", choices=[[], *LOOPS], help=f"which: {', '.join(LOOPS)} (default: all)")
    parser.add_argument(
        "--count", type=int, default=0, help="kills, cuts, trainings, or damages of each file (default: all)"
    )
    parser.add_argument("--seconds", type=float, default=0, help="of cost, crowd and memory (default: 30, 300, 600)")
    args = parser.parse_args()
    torch.set_num_threads(1)
    for name in args.loops or LOOPS:
        LOOPS[name](args.count, args.seconds)


if __name__ == "__main__":
    main()
