"""How long a search from a state takes, in Python: from the start of some kinds, and all along the longest program.

python benchmarks/ways.py     the tutorial at 1, 8 and 64 rows, and the calculator, with seed 5; one thread
"""

from __future__ import annotations

import resource
import time
from typing import Any

import torch

import inwit
from inwit.core.seeding import stream
from inwit.worlds.oracle.from_state import Way

CASES = (
    ("tutorial-v1", (0, 1, 2), (1, 8, 64)),
    ("tutorial-v0", (2,), (8,)),
    ("calculator-v0", (0, 10, 155, 100), (1,)),
)
LONGEST = {"expression": "(a*b)-(c*d)", "operands": [3, 5, 2, 7]}
MOST = 3_000_000  # positions: the longest way of the calculator with 3 operators needs 2.6 million


def told(world: Any, what: str, found: Way, seconds: float) -> None:
    program = " ".join(world.vocabulary.decode(found.program)) if found.program else "lost" if found.lost else "unknown"
    each = 1e6 * seconds / max(1, found.looked)
    print(f"{what:34} {found.looked:>9,} positions {1000 * seconds:9.1f} ms {each:6.2f} us each   {program}")


def timed(world: Any, state: dict[str, torch.Tensor]) -> tuple[Way, float]:
    started = time.process_time()
    return inwit.way(world, state, most=MOST), time.process_time() - started


def main() -> None:
    torch.set_num_threads(1)
    for name, kinds, counts in CASES:
        world: Any = inwit.make(name)
        inwit.way(world, world.reset(world.sample(torch.tensor([0]), stream(5, "ways"))))  # what is made once
        for kind in kinds:
            for rows in counts:
                tasks = world.sample(torch.full((rows,), kind), stream(5, "ways"))
                found, seconds = timed(world, world.reset(tasks))
                told(world, f"{name} {world.kinds.names[kind]}, {rows} rows", found, seconds)
    world = inwit.make("calculator-v0")
    state = world.reset(world.task(LONGEST))
    for number, token in enumerate(inwit.way(world, state, most=MOST).program or ()):
        told(world, f"{LONGEST['expression']}, after {number} tokens", *timed(world, state))
        state, _ = world.step(state, torch.tensor([token]))
    print(f"most memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000:.0f} MB")


if __name__ == "__main__":
    main()
