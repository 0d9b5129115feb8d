"""Breadth-first search over every program of the calculator's machine, for many expressions of one size at once.

A state is what the registers hold, as polynomials in the operands (`shortest_targets`). States that hold the same are
merged, so the first program that reaches a polynomial is a shortest one.

Operands are searched up to renaming: only programs that use operand 0 first, then 1, then 2, ... are followed, and each
target is sought under every renaming. This misses no program. If one uses a new operand out of turn, exchange it with
the next one in turn, everywhere in the program: the calls before it use neither.

Left out, because a state at least as good (same accumulator, no slot's content missing) takes no more calls: LOAD
unless a slot holds the accumulator, STO of what a slot holds already, STO over a filled slot while another is empty;
and states that can no longer bring in enough operands by the last call.

Two different polynomials of degree d <= 16 agree at three random points with probability below 2^-80, so below 1e-11
over all pairs of 4 million states, twice the budget; the two hashes of a state add 2^-128 a pair. A false merge could
only hide a program, never give a wrong one: each is replayed as an exact polynomial (`shortest`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from inwit.worlds.calculator.expressions import Tree
from inwit.worlds.calculator.tools import Tool, balanced, called
from inwit.worlds.oracle.shortest_targets import POINTS, Keys, Lanes, Targets, points_of, value_keys

CHUNK = 1 << 15  # states expanded at a time: what is made of them stays in the processor's cache
BUDGET = 2_000_000  # states that a search may be expected to keep; 60 to 150 bytes each
GROWTH = 20  # by which one call more multiplies the states kept, about (8 to 25 were seen with three tools)
FURTHEST = 30  # calls, for tools that reach so few states that the budget would never end the search


@dataclass(frozen=True)
class Call:
    """`verb` with slot `index`, or with operand `index`."""

    verb: str
    slot: bool
    index: int


Calls = tuple[Call, ...]


@dataclass(frozen=True)
class Result:
    """`programs[t]`: the calls of a shortest program for tree t, None if it takes more than `searched_to` calls."""

    programs: list[Calls | None]
    searched_to: int


class Machine(NamedTuple):
    """What programs may name."""

    num_operands: int
    num_slots: int
    tools: tuple[str, ...]
    crossed: tuple[str, ...] = ()  # tools that exchange accumulator and value

    def calls(self) -> list[Call]:
        """Every call; its place is its code."""
        slots = [(True, index) for index in range(self.num_slots)]
        arguments = [(False, index) for index in range(self.num_operands)] + slots
        reading = [Call(verb, *argument) for verb in ("LOAD", *self.tools) for argument in arguments]
        return reading + [Call("STO", *slot) for slot in slots]

    def tool(self, name: str) -> Tool:
        """A tool as the machine calls it."""
        return called(name, name in self.crossed)


def search(trees: Sequence[Tree], machine: Machine, least_operands: int, max_calls: int | None = None) -> Result:
    """A shortest program for each tree over the machine's operands, searched to `max_calls` calls.

    `least_operands`: none of the trees' polynomials depends on fewer operands than this (states that cannot bring in so
    many are dropped). Without `max_calls`, one call more at a time until all are found or the next round would keep
    more than `BUDGET` states; a round costs as much as all before it a few times over, so little is done twice.
    """
    programs: list[Calls | None] = [None] * len(trees)
    searched_to, states = least_operands - 1, 0
    most = max_calls or FURTHEST
    while None in programs and searched_to != most and (max_calls or states * GROWTH <= BUDGET):
        searched_to = max_calls or searched_to + 1
        missing = [index for index, program in enumerate(programs) if program is None]
        turn = _Round([trees[i] for i in missing], machine, least_operands, searched_to)
        turn.run()
        states = sum(map(len, turn.levels))
        for place, index in enumerate(missing):
            programs[index] = turn.found.get(place)
    return Result(programs, searched_to)


@dataclass
class _Level:
    """N states that were first reached by one number of calls, with their slots as the program named them."""

    acc: np.ndarray  # int32 [POINTS, N]
    slots: np.ndarray  # int32 [K, POINTS, N], 0 where empty
    filled: np.ndarray  # int8 [N]: slots 0 .. filled-1 are filled
    used: np.ndarray  # int8 [N]: the program used operands 0 .. used-1
    parent: np.ndarray  # int32 [N]: the state's place in the level before
    call: np.ndarray  # uint8 [N]: the code of the call that led here

    def __len__(self) -> int:
        return len(self.call)

    def take(self, rows: slice | np.ndarray) -> _Level:
        lanes = self.acc[:, rows], self.slots[:, :, rows]
        return _Level(*lanes, self.filled[rows], self.used[rows], self.parent[rows], self.call[rows])


@dataclass
class _Candidates:
    """N states about to be reached: `keys` says whether they are new, the rest how to make them."""

    keys: Keys
    used: np.ndarray
    parent: np.ndarray
    call: np.ndarray


class _Round:
    """One search to a fixed number of calls. `levels[i]` are the states after i + 1 calls, the last call's left out:
    its accumulators are only compared with the targets. `found[t]` are the calls for tree t."""

    def __init__(self, trees: Sequence[Tree], machine: Machine, least_operands: int, max_calls: int) -> None:
        self.num_trees, self.least_operands, self.max_calls = len(trees), least_operands, max_calls
        self.machine = machine
        self.calls, self.points = machine.calls(), points_of(machine.num_operands)
        self.targets = Targets(trees, machine.num_operands)
        self.found: dict[int, Calls] = {}
        acc, slots = self.points[:, :1].astype(np.int32), np.zeros((machine.num_slots, POINTS, 1), np.int32)
        counts = np.zeros(1, np.int8), np.ones(1, np.int8)
        self.levels = [_Level(acc, slots, *counts, np.zeros(1, np.int32), np.zeros(1, np.uint8))]  # after LOAD a

    def run(self) -> None:
        seen = np.empty((2, 0), np.uint64)
        self._compare(value_keys(self.levels[0].acc.astype(np.int64)))
        while len(self.levels) + 1 < self.max_calls and len(self.found) < self.num_trees:
            candidates = self._expand(seen)
            seen = _distinct(np.concatenate([seen, candidates.keys], axis=1))[0]
            self.levels.append(self._make(candidates))
            self._compare(value_keys(self.levels[-1].acc.astype(np.int64)))
        if len(self.levels) < self.max_calls and len(self.found) < self.num_trees:
            self._last_call()

    def _expand(self, seen: Keys) -> _Candidates:
        """The states one call after the last level that are not among `seen`, each once."""
        level, found = self.levels[-1], []
        for start in range(0, len(level), CHUNK):
            states, parts = level.take(slice(start, start + CHUNK)), []
            # An empty slot counts 0; a state's key is a sum over slots, so their order does not matter.
            slots = [value_keys(slot.astype(np.int64)) * (states.filled > i) for i, slot in enumerate(states.slots)]
            total = sum(slots, np.zeros((2, len(states)), np.uint64))
            for code, rows, used in self._worth_making(states):
                keys = self._keys_after(self.calls[code], states, rows, slots, total)
                parts.append(_Candidates(keys, used, (rows + start).astype(np.int32), np.full(len(rows), code, "u1")))
            found.append(_new(parts, seen))
        return _new(found, seen[:, :0])

    def _keys_after(self, call: Call, states: _Level, rows: np.ndarray, slots: list[Keys], total: Keys) -> Keys:
        """The keys of what `call` makes of some states; `slots` are the keys of each slot, `total` is their sum."""
        acc = value_keys(self._accumulator(call, states, rows))
        rest = total[:, rows]
        if call.verb == "STO":
            rest += acc - slots[call.index][:, rows]
        return acc * np.uint64(0x9E3779B97F4A7C15) + rest  # odd: slots and accumulator weigh differently

    def _worth_making(self, states: _Level) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """For each call: its code, the rows of the states in which it may lead somewhere, and `used` after it."""
        left = self.max_calls - len(self.levels) - 1  # calls left after this one
        filled = np.arange(len(states.slots))[:, None] < states.filled
        stored = ((states.slots == states.acc).all(axis=1) & filled).any(axis=0)
        for code, call in enumerate(self.calls):
            if left == 0 and call.verb in ("STO", "LOAD"):
                continue  # would end on a polynomial that fewer calls reach
            used = states.used if call.slot else np.maximum(states.used, np.int8(call.index + 1))
            enough_operands = used >= self.least_operands - left
            rows = np.flatnonzero(_in_turn(call, states) & ~_in_vain(call, states, stored) & enough_operands)
            if len(rows):
                yield code, rows, used[rows]

    def _accumulator(self, call: Call, states: _Level, rows: np.ndarray) -> Lanes:
        """What the accumulator holds after `call` in those states."""
        acc = states.acc[:, rows].astype(np.int64)
        if call.verb == "STO":
            return acc
        value = states.slots[call.index][:, rows].astype(np.int64) if call.slot else self.points[:, [call.index]]
        return acc * 0 + value if call.verb == "LOAD" else balanced(self.machine.tool(call.verb).apply(acc, value))

    def _make(self, new: _Candidates) -> _Level:
        """The candidates as states: each call made again in the state before it."""
        before = self.levels[-1]
        level = before.take(new.parent)
        level.used, level.parent, level.call = new.used, new.parent, new.call
        for code, call in enumerate(self.calls):
            rows = np.flatnonzero(new.call == code)
            if call.verb == "STO":
                level.slots[call.index][:, rows] = level.acc[:, rows]
                level.filled[rows] = np.maximum(level.filled[rows], np.int8(call.index + 1))
            else:
                level.acc[:, rows] = self._accumulator(call, before, new.parent[rows])
        return level

    def _last_call(self) -> None:
        for start in range(0, len(self.levels[-1]), CHUNK):
            states = self.levels[-1].take(slice(start, start + CHUNK))
            for code, rows, _ in self._worth_making(states):
                keys = value_keys(self._accumulator(self.calls[code], states, rows))
                self._compare(keys, rows + start, (self.calls[code],))

    def _compare(self, keys: Keys, rows: np.ndarray | None = None, last: Calls = ()) -> None:
        """Record a program for each target among `keys`, the accumulators of `rows` of the last level after `last`."""
        for hit, place in self.targets.find(keys):
            owners = self.targets.owners(place)
            if any(tree not in self.found for tree in owners):
                calls = (*self._program(hit if rows is None else int(rows[hit])), *last)
                for tree, names in owners.items():
                    self.found.setdefault(tree, tuple(_renamed(call, names) for call in calls))

    def _program(self, row: int) -> list[Call]:
        """The calls that lead to a state of the last level."""
        calls = []
        for level in reversed(self.levels):
            calls.append(self.calls[level.call[row]])
            row = int(level.parent[row])
        return calls[::-1]


def _in_turn(call: Call, states: _Level) -> np.ndarray:
    """Bool [N]: the call's argument is an operand that was used or is the next one, or a filled slot; what is stored
    goes to a filled slot or to the next one."""
    if call.verb == "STO":
        return states.filled >= call.index
    return states.filled > call.index if call.slot else states.used >= call.index


def _in_vain(call: Call, states: _Level, stored: np.ndarray) -> np.ndarray:
    """Bool [N]: a state at least as good takes no more calls. `stored`: a slot holds what the accumulator holds."""
    if call.verb == "LOAD":
        return ~stored  # what the accumulator held was computed in vain
    if call.verb == "STO":
        overwrites = states.filled > call.index
        return stored | (overwrites & (states.filled < len(states.slots)))
    return np.zeros(len(states), bool)


def _renamed(call: Call, names: np.ndarray) -> Call:
    return call if call.slot else Call(call.verb, False, int(names[call.index]))


def _distinct(keys: Keys) -> tuple[Keys, np.ndarray]:
    """The distinct keys [2, M], sorted by the first hash, and where each stood.

    Raises AssertionError where the first hashes of two agree and the second do not.
    """
    order = np.argsort(keys[0], kind="stable")
    keys = keys[:, order]
    same = keys[:, 1:] == keys[:, :-1]
    if (same[0] & ~same[1]).any():
        raise AssertionError("two different states have the same 64-bit hash: change shortest_targets.SEED")
    new = np.concatenate([np.ones(min(1, len(order)), bool), ~same[0]])
    return keys[:, new], order[new]


def _new(parts: list[_Candidates], seen: Keys) -> _Candidates:
    """All candidates whose keys are not among `seen` (sorted), each once."""
    if not parts:
        return _Candidates(np.empty((2, 0), np.uint64), *(np.empty(0, kind) for kind in (np.int8, np.int32, np.uint8)))
    keys, order = _distinct(np.concatenate([part.keys for part in parts], axis=1))
    places = np.searchsorted(seen[0], keys[0])
    known = places < seen.shape[1]
    known[known] = seen[0, places[known]] == keys[0, known]
    columns = zip(*((part.used, part.parent, part.call) for part in parts), strict=True)
    return _Candidates(keys[:, ~known], *(np.concatenate(column)[order[~known]] for column in columns))
