"""An evaluation that no built-in world gives: odd yardsticks, two rows of one name, every way of knowing a figure."""

from __future__ import annotations

from dataclasses import replace

from inwit.core.results import EXACT, NONE, NOT_SEARCHED, SAMPLED, Evaluation, Row, Split, Yardstick

GREEDY = Yardstick(EXACT, 0.5, 3.0, ["LEFT", "OPEN"], why="takes the nearest door")
BLIND = Yardstick(SAMPLED, 0.031, interval=(0.02, 0.04), why="sees no prompt")
ORACLE = Yardstick(EXACT, 1.0, 3.0, ["LEFT", "LEFT", "OPEN"])
NO_DOOR = Yardstick(NONE, why="there is no nearest door")
TOO_LARGE = Yardstick(NOT_SEARCHED, why="it is too large to search")

ROWS = [
    Row(
        name="one door",
        stage=0,
        problems=1000,
        solved=1000,
        cost=3.0,
        best_cost=3.0,
        yardsticks={"greedy": GREEDY, "blind": BLIND, "oracle": ORACLE},
        extra={"program": ["LEFT", "LEFT", "OPEN"], "keys_found": 0.5, "programs": 3},
    ),
    Row(
        name="two doors, far apart",
        stage=1,
        problems=100_000,
        solved=99_990,
        cost=4.25,
        best_cost=None,
        yardsticks={"greedy": NO_DOOR, "oracle": TOO_LARGE},
        extra={"keys_found": 0.25, "keys_found_interval": (0.2, 0.3), "programs": 12},
    ),
    Row(
        name="two doors, far apart",
        stage=1,
        problems=100,
        solved=0,
        cost=None,
        best_cost=5.0,
        yardsticks={"greedy": NO_DOOR, "oracle": TOO_LARGE},
        extra={"keys_found": 0.0, "programs": 1},
    ),
]
PROVEN = Evaluation(
    world="doors-v0",
    rows=ROWS,
    proven=True,
    method="greedy, on every problem",
    known_limit="doors have no locks",
    split=Split("wall", {"0": (10, 10), "1": (4, 5)}, {"1": (0, 2)}, twins=1),
    unsolved=["two doors, far apart"],
    cost_over_best=1.0371,
)
DRAWN = replace(
    PROVEN,
    proven=False,
    method="greedy, on a sample of 101,100 problems",
    split=None,
    rows=[replace(row, interval=(0.9 * row.success, 0.9 * row.success + 0.1)) for row in ROWS],
)
