"""The ends of the calculator's programs, computed backwards from their goals."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from inwit.worlds.calculator.tools import P, Tool, balanced
from inwit.worlds.oracle.shortest_targets import Keys, Lanes, value_keys
from inwit.worlds.oracle.way_states import ROOT

_BITS = 24  # of a key's prefix: most keys are no end's, and are seen not to be at one look


class Ends:
    """Which accumulators are up to two calls that read operands away from which goal, E in all, sorted by key.

    `keys` [2, E]; `goal` and `calls` [E]: which goal, how many calls away. `goal_of` [N]: the goal of each row, as one
    of `count` that are different.
    """

    def __init__(self, goals: Lanes, points: Lanes, tools: Sequence[Tool]) -> None:
        _, rows, self.goal_of = np.unique(value_keys(goals)[0], return_index=True, return_inverse=True)
        self.count = len(rows)
        lanes, owner = goals[:, rows], np.arange(len(rows))
        keys, goal = [value_keys(lanes)], [owner]
        undone = [_undo(tool, point) for tool in tools for point in points.T]
        for _ in range(2):
            lanes = np.concatenate([undo(lanes) for undo in undone], axis=1)
            owner = np.tile(owner, len(undone))
            each = value_keys(lanes)
            once = np.unique(each[0] + owner.astype(np.uint64) * ROOT, return_index=True)[1]
            lanes, owner = lanes[:, once], owner[once]
            keys.append(each[:, once])
            goal.append(owner)
        unsorted = np.concatenate(keys, axis=1)
        order = np.argsort(unsorted[0], kind="stable")
        self.keys, self.goal = unsorted[:, order], np.concatenate(goal)[order]
        self.calls = np.repeat(np.arange(3, dtype=np.int8), [len(owners) for owners in goal])[order]
        self._likely = np.zeros(1 << _BITS, bool)
        self._likely[_prefix(self.keys[0])] = True

    def find(self, keys: Keys) -> tuple[np.ndarray, np.ndarray]:
        """All pairs of an index into `keys` [2, N] and the place of an end with this key."""
        rows = np.flatnonzero(self._likely[_prefix(keys[0])])
        first = np.searchsorted(self.keys[0], keys[0, rows])
        count = np.searchsorted(self.keys[0], keys[0, rows], side="right") - first
        row = np.repeat(rows, count)
        place = np.repeat(first - (np.cumsum(count) - count), count) + np.arange(count.sum())
        same = self.keys[1, place] == keys[1, row]
        return row[same], place[same]


def _prefix(keys: np.ndarray) -> np.ndarray:
    return (keys >> np.uint64(64 - _BITS)).view(np.int64)


def undoable(tools: Sequence[Tool]) -> bool:
    """Whether each tool computes `accumulator * factor + rest`, from which the accumulator follows, and its result
    depends on its argument. Then an expression depends on all of its operands."""
    points = np.array([123_456_789, -987_654_321])
    for tool in tools:
        rest, one, two = _results(tool, points)
        factor = balanced(one - rest)
        differs = (rest[0], factor[0]) != (rest[1], factor[1])
        if not (differs and factor.all() and (balanced(two - one) == factor).all()):
            return False
    return True


def _results(tool: Tool, point: np.ndarray) -> list[np.ndarray]:
    """What a call of the tool makes of 0, 1 and 2."""
    return [balanced(tool.apply(np.int64(acc), point)) for acc in (0, 1, 2)]


def _undo(tool: Tool, point: np.ndarray) -> Callable[[Lanes], Lanes]:
    """The accumulators from which a call of the tool with this operand makes goals."""
    rest, one, _ = _results(tool, point)
    inverse = np.array([balanced(pow(int(each), -1, P)) for each in balanced(one - rest)])
    return lambda goals: balanced(balanced(goals - rest[:, None]) * inverse[:, None])
