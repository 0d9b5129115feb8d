"""How many calls a right program still takes, from any state of the calculator's machine, by exhaustive search.

`shortest` searches from the empty machine alone; an episode that was led astray may be anywhere. Rows whose machines
hold the same share one breadth-first search, a *root*, whatever their goals; roots with as many calls left are searched
side by side, and states that hold the same are merged within a root. Polynomials are fingerprints (`shortest_targets`).

The last two calls are not searched where both read operands: `Ends` knows the accumulators from which they make a goal.
So tools must be such that a call can be undone (`undoable`).

Left out, because a state at least as good takes fewer calls, or because the goal cannot be reached in time:
- LOAD, but at the root, unless a slot holds the accumulator: what it held was computed in vain. At the root it may be a
  mistake that is thrown away.
- STO of an operand, of what a slot holds already, over a filled slot while another is empty, or where no call would be
  left to read it.
- States that lack more operands than there are calls left: every goal depends on all of its operands. A state lacks an
  operand if no register was computed from it. Where nobody knows what a register was computed from, it lacks none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from inwit.worlds.calculator.tools import Tool
from inwit.worlds.oracle.shortest_targets import Lanes, value_keys
from inwit.worlds.oracle.way_ends import Ends
from inwit.worlds.oracle.way_states import ACC, LOAD, ROOT, Caller, States

NEVER = 127  # calls: none of the programs that were searched is right
CHUNK = 1 << 15  # states expanded at a time
TOGETHER = 4_000_000  # states, not merged and with none left out, to which roots searched side by side may come
KNOWN = 4  # calls: what so many compute from the empty machine, and from which operands, is known


@dataclass
class Machines:
    """N machines with K slots. A register that is empty may hold anything."""

    acc: Lanes  # int64 [3, N]
    slots: np.ndarray  # int64 [K, 3, N]
    filled: np.ndarray  # bool [K, N]
    first: np.ndarray  # int64 [N]: the verb of the next call: pending, or LOAD where the accumulator is empty; 0: any


def fewest_calls(
    points: Lanes, tools: Sequence[Tool], machines: Machines, goals: Lanes, most: np.ndarray
) -> np.ndarray:
    """For each machine the least number of calls, up to `most` [N], after which the accumulator holds its goal; else
    `NEVER`. Int64 [N]. A call whose verb is pending counts. `points` are the operands, [3, n]: each goal depends on all
    of them, and is none of them."""
    ends, caller = Ends(goals, points, tools), Caller(points, tools)
    rows, root_of = _different(machines)
    roots = _as_states(machines, rows, _operands(points.tobytes(), tuple(tools), len(machines.slots)))
    first, calls = machines.first[rows], np.full(len(root_of), NEVER)
    deepest = np.zeros(len(rows), np.int64)
    np.maximum.at(deepest, root_of, most)
    branches = len(caller.apply) * (caller.count + len(machines.slots)) + 1
    for left in np.unique(deepest).tolist():
        size = max(1, TOGETHER // branches ** max(0, left - 2))
        for verb in np.unique(first[deepest == left]).tolist():
            alike = np.flatnonzero((deepest == left) & (first == verb))
            for start in range(0, len(alike), size):
                some = alike[start : start + size]
                place = np.full(len(rows), -1)
                place[some] = np.arange(len(some))
                asked = np.flatnonzero(place[root_of] >= 0)
                turn = _Search(caller, ends, left, place[root_of[asked]], ends.goal_of[asked])
                calls[asked] = turn.run(roots.take(some), verb)
    return np.where(calls <= most, calls, NEVER)


def _different(machines: Machines) -> tuple[np.ndarray, np.ndarray]:
    """A row of each of the different machines, and the machine of each row. What LOAD throws away does not matter."""
    key = machines.first.astype(np.uint64) * ROOT
    key += value_keys(machines.acc)[0] * (machines.first != LOAD) * ACC
    for slot, filled in zip(machines.slots, machines.filled, strict=True):
        key += value_keys(slot)[0] * filled
    _, rows, root_of = np.unique(key, return_index=True, return_inverse=True)
    return rows, root_of


def _as_states(machines: Machines, rows: np.ndarray, operands: _Operands) -> States:
    acc, slots, filled = machines.acc[:, rows], machines.slots[:, :, rows], machines.filled[:, rows]
    in_slots = [operands.of(slot) * there for slot, there in zip(slots, filled, strict=True)]
    return States(np.zeros(len(rows), np.int64), acc, slots, filled, np.stack([operands.of(acc), *in_slots]))


@dataclass(frozen=True)
class _Operands:
    """From which operands C polynomials are computed: those that a few calls make from the empty machine."""

    keys: np.ndarray  # uint64 [C], ascending
    has: np.ndarray  # uint8 [C], the operands as bits
    all: np.uint8

    def of(self, lanes: Lanes) -> np.ndarray:
        """uint8 [N]: the operands of each polynomial; all of them for one that is not known."""
        keys = value_keys(lanes)[0]
        place = np.searchsorted(self.keys, keys).clip(max=len(self.keys) - 1)
        return np.where(self.keys[place] == keys, self.has[place], self.all)


@cache
def _operands(points: bytes, tools: tuple[Tool, ...], num_slots: int) -> _Operands:
    caller = Caller(np.frombuffer(points, np.int64).reshape(3, -1), tools)
    none = np.zeros(1, np.int64), np.zeros((3, 1), np.int64)
    empty = np.zeros((num_slots, 3, 1), np.int64), np.zeros((num_slots, 1), bool)
    states = caller.pending(States(*none, *empty, np.zeros((1 + num_slots, 1), np.uint8)), LOAD)
    states, seen = _new(states, np.empty(0, np.uint64))
    levels = [states]
    while len(levels) < KNOWN:
        states, seen = _new(States.joined(list(_after(caller, states, caller.count + 1, states.stored()))), seen)
        levels.append(states)
    keys, first = np.unique(np.concatenate([value_keys(each.acc)[0] for each in levels]), return_index=True)
    has = np.concatenate([each.has[0] for each in levels])[first]
    return _Operands(keys, has, np.uint8((1 << caller.count) - 1))


class _Search:
    """One search from R roots side by side to `most` calls, for the goals that rows ask of them."""

    def __init__(self, caller: Caller, ends: Ends, most: int, root: np.ndarray, goal: np.ndarray) -> None:
        self.caller, self.ends, self.most, self.root, self.goal = caller, ends, most, root, goal

    def run(self, roots: States, verb: int) -> np.ndarray:
        """The calls of each row; `verb` is that of the first call, 0 for any."""
        self.calls = np.full((len(roots), self.ends.count), NEVER, np.int8)
        roots.root = np.arange(len(roots))
        states, level = (self.caller.pending(roots, verb), 1) if verb else (roots, 0)
        states, seen = _new(states, np.empty(0, np.uint64))
        may_load = np.ones(len(states), bool)
        while len(states):
            left = self.most - level
            self._note(states, level)
            going_on = self._open(level)[states.root]
            states, may_load = states.take(going_on), may_load[going_on]
            if left <= 2:
                self._finish(states, level, left, may_load)
                break
            parts: list[States] = []
            for start in range(0, len(states), CHUNK):
                part = slice(start, start + CHUNK)
                made = list(_after(self.caller, states.take(part), left - 1, may_load[part]))
                parts.append(_new(States.joined(made), seen)[0])
            if not parts:
                break
            states, seen = _new(States.joined(parts), seen)
            level, may_load = level + 1, states.stored()
        return self.calls[self.root, self.goal].astype(np.int64)

    def _open(self, level: int) -> np.ndarray:
        """bool [R]: roots of which a goal is asked that calls beyond those compared may reach sooner."""
        still = np.zeros(len(self.calls), bool)
        still[self.root[self.calls[self.root, self.goal] > level + 1]] = True
        return still

    def _note(self, states: States, level: int) -> None:
        """Compare the accumulators with all ends."""
        near = states.take(self.caller.lacking(states.has) <= 2)
        row, place = self.ends.find(value_keys(near.acc))
        at = near.root[row], self.ends.goal[place]
        np.minimum.at(self.calls, at, self.ends.calls[place] + np.int8(level))

    def _finish(self, states: States, level: int, left: int, may_load: np.ndarray) -> None:
        """The last calls, one or two, of which at least one reads a slot, or throws the accumulator away."""
        caller = self.caller
        arguments = range(caller.count + len(states.slots))
        if left == 2:
            if len(states.slots):  # the accumulator is stored, and read at once
                self._note(States.joined([caller.on_itself(states, verb) for verb in caller.apply]), level + 2)
            parts = [caller.read(states.take(may_load), LOAD, argument, 1) for argument in arguments]
            for verb in caller.apply:
                parts += [caller.read(states, verb, argument, 1) for argument in arguments[caller.count :]]
            self._note(States.joined(parts), level + 1)
            for verb in caller.apply:
                parts += [caller.read(states, verb, argument, 0) for argument in arguments[: caller.count]]
            states, level = States.joined(parts), level + 1
            may_load = np.zeros(len(states), bool)
        if left >= 1 and len(states.slots):
            slots = arguments[caller.count :]
            parts = [caller.read(states, verb, slot, 0) for verb in caller.apply for slot in slots]
            parts += [caller.read(states.take(may_load), LOAD, slot, 0) for slot in slots]
            self._note(States.joined(parts), level + 1)


def _after(caller: Caller, states: States, lacking: int, may_load: np.ndarray) -> Iterator[States]:
    """The states one call later that may lead somewhere: they lack at most so many operands."""
    loading = states.take(may_load)
    for argument in range(caller.count + len(states.slots)):
        yield caller.read(loading, LOAD, argument, lacking)
        for verb in caller.apply:
            yield caller.read(states, verb, argument, lacking)
    may_store = states.take(caller.lacking(states.has) < lacking)  # a call must be left that reads the slot
    for slot in range(len(states.slots)):
        yield caller.store(may_store.take(caller.worth_storing(may_store, slot)), slot)


def _new(states: States, seen: np.ndarray) -> tuple[States, np.ndarray]:
    """The states whose keys are not among `seen` (sorted), each once, and the keys seen now."""
    keys, rows = np.unique(states.keys(), return_index=True)
    place = np.searchsorted(seen, keys).clip(max=max(0, len(seen) - 1))
    known = seen[place] == keys if len(seen) else np.zeros(len(keys), bool)
    return states.take(rows[~known]), np.sort(np.concatenate([seen, keys[~known]]))
