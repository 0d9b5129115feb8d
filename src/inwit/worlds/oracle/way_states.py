"""States of the calculator's machine in the search of `way`, and what its calls make of them, many at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from inwit.worlds.calculator.tools import Tool, balanced
from inwit.worlds.oracle.shortest_targets import Lanes, value_keys

LOAD = 1  # verbs by number, as the machine's: LOAD, the tools in turn, STO
ROOT = np.uint64(0xD1342543DE82EF95)  # odd: what tells the states of different roots apart
ACC = np.uint64(0x9E3779B97F4A7C15)  # odd: slots and accumulator weigh differently


@dataclass
class States:
    """N states with K slots. `has`: which operands a register was computed from, as bits; the accumulator's first."""

    root: np.ndarray  # int64 [N]: the search that the state is part of
    acc: Lanes  # int64 [3, N]
    slots: np.ndarray  # int64 [K, 3, N]; an empty slot may hold anything
    filled: np.ndarray  # bool [K, N]
    has: np.ndarray  # uint8 [1 + K, N]; 0 for an empty slot

    def __len__(self) -> int:
        return len(self.root)

    def take(self, rows: np.ndarray | slice) -> States:
        return States(*(getattr(self, each.name)[..., rows] for each in fields(self)))

    @staticmethod
    def joined(parts: Sequence[States]) -> States:
        return States(*(np.concatenate([getattr(p, each.name) for p in parts], axis=-1) for each in fields(States)))

    def keys(self) -> np.ndarray:
        """uint64 [N], equal for equal contents in one root; the order of the slots does not matter."""
        key = self.root.astype(np.uint64) * ROOT + value_keys(self.acc)[0] * ACC
        for slot, filled in zip(self.slots, self.filled, strict=True):
            key += value_keys(slot)[0] * filled
        return key

    def stored(self) -> np.ndarray:
        """bool [N]: a slot holds what the accumulator holds."""
        return ((self.slots == self.acc).all(axis=1) & self.filled).any(axis=0)


class Caller:
    """Makes calls: verbs by number; arguments are the n operands and then the K slots."""

    def __init__(self, points: Lanes, tools: Sequence[Tool]) -> None:
        self.points, self.count, self.sto = points, points.shape[1], len(tools) + 2
        self.apply = {number: tool.apply for number, tool in enumerate(tools, 2)}
        self._all = np.uint8((1 << self.count) - 1)
        self._bits = np.array([number.bit_count() for number in range(256)], np.uint8)

    def lacking(self, has: np.ndarray) -> np.ndarray:
        """uint8 [N]: how many operands no register was computed from."""
        return self._bits[self._all & ~np.bitwise_or.reduce(has, axis=0)]

    def read(self, states: States, verb: int, argument: int, lacking: int) -> States:
        """The states after LOAD or a tool has read the argument: those that can read it and lack so few then."""
        slot = argument - self.count
        has = states.has.copy()
        has[0] = has[1 + slot] if slot >= 0 else 1 << argument
        if verb != LOAD:
            has[0] |= states.has[0]
        fit = self.lacking(has) <= lacking
        if slot >= 0:
            fit &= states.filled[slot]
        after, has = states.take(fit), has[:, fit]
        value = self.points[:, argument, None] if slot < 0 else after.slots[slot]
        acc = after.acc * 0 + value if verb == LOAD else balanced(self.apply[verb](after.acc, value))
        return States(after.root, acc, after.slots, after.filled, has)

    def on_itself(self, states: States, verb: int) -> States:
        """The states after a tool has read what the accumulator holds, from wherever."""
        acc = balanced(self.apply[verb](states.acc, states.acc))
        return States(states.root, acc, states.slots, states.filled, states.has)

    def store(self, states: States, slot: int) -> States:
        """The states after STO."""
        slots, filled, has = states.slots.copy(), states.filled.copy(), states.has.copy()
        slots[slot], filled[slot], has[1 + slot] = states.acc, True, states.has[0]
        return States(states.root, states.acc, slots, filled, has)

    def worth_storing(self, states: States, slot: int) -> np.ndarray:
        """bool [N]: STO may lead somewhere. Of several empty slots the first is taken."""
        others = np.delete(states.filled, slot, axis=0).all(axis=0)
        room = np.where(states.filled[slot], others, states.filled[:slot].all(axis=0))
        return room & ~states.stored() & ~self._operand(states.acc)

    def pending(self, states: States, verb: int) -> States:
        """All states after a call whose verb is written already."""
        slots = len(states.slots)
        if verb == self.sto:
            return States.joined([self.store(states, slot) for slot in range(slots)])
        return States.joined([self.read(states, verb, at, self.count) for at in range(self.count + slots)])

    def _operand(self, acc: Lanes) -> np.ndarray:
        """bool [N]: the accumulator holds an operand as it is."""
        return (acc[:, None] == self.points[:, :, None]).all(axis=0).any(axis=0)
