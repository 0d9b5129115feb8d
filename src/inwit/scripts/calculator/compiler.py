"""Calls that bring a node into the accumulator, as an engineer writes them for a machine of one accumulator.

Each method is one pattern. Where several patterns fit, the shortest calls are taken; nothing else is searched.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product as choices

from inwit.scripts.calculator.nodes import GREATEST, LETTER, PRODUCT, SUM, Node, Part, distributed
from inwit.scripts.calculator.values import Value, applied, letters_of, scaled, total

Argument = str | Value  # a letter; or a value that a slot holds then
Step = tuple[str, Argument]  # a verb and its argument; STO with the value that it stores
Code = tuple[Step, ...]
Signed = tuple[int, Argument]

MOST_MISSING = 4  # letters that are added one by one to what is held


def shortest(codes: Iterable[Code | None]) -> Code | None:
    return min((code for code in codes if code is not None), key=len, default=None)


class Compiler:
    """`held` are the values that slots hold and may be read; `start` is what the accumulator holds, None: not used."""

    def __init__(self, tools: Sequence[str], held: Sequence[Value] = (), start: Value | None = None) -> None:
        self.tools, self.held, self.start = tools, held, start
        self._found: dict[tuple[Node, int, int, bool], Code | None] = {}

    def code(self, node: Node, sign: int, slots: int, acc: bool) -> Code | None:
        """The calls for sign * node with that many free slots; None if no pattern fits. `acc`: nothing was called
        before, so the accumulator still holds `start`."""
        key = (node, sign, slots, acc and self.start is not None)
        if key not in self._found:
            self._found[key] = None
            self._found[key] = shortest(self._patterns(*key))
        return self._found[key]

    def _patterns(self, node: Node, sign: int, slots: int, acc: bool) -> Iterable[Code | None]:
        value = scaled(node.value, sign)
        if acc and self.start is not None:
            yield self._onward(self.start, value)
        for held in self.held:
            yield _then((("LOAD", held),), self._onward(held, value))
        leaf = self._leaf(node)
        if leaf:
            yield self._loaded(sign * leaf[0], leaf[1])
            return
        found = list(
            {SUM: self._sum, PRODUCT: self._product, GREATEST: self._greatest}[node.kind](node, sign, slots, acc)
        )
        yield from found
        if sign == -1 and slots and node.kind == GREATEST and "SUB" in self.tools:
            stored = (("STO", node.value), ("SUB", node.value), ("SUB", node.value))
            yield _then(self.code(node, 1, slots, acc), stored)
        if node.kind == PRODUCT and shortest(found) is None and (spread := distributed(node)):
            yield self.code(spread, sign, slots, acc)

    def _leaf(self, node: Node) -> Signed | None:
        """A node that is an argument as it is, and the argument's sign."""
        if node.kind == LETTER:
            return 1, node.letter
        return next(((s, held) for held in self.held for s in (1, -1) if scaled(held, s) == node.value), None)

    def _loaded(self, sign: int, argument: Argument) -> Code | None:
        """An argument, or x - x - x, which is -x."""
        if sign == 1:
            return (("LOAD", argument),)
        return (("LOAD", argument), ("SUB", argument), ("SUB", argument)) if "SUB" in self.tools else None

    def _onward(self, has: Value, value: Value) -> Code | None:
        """From one value to another, where but a few letters, or one value of a slot, are missing."""
        found = []
        for sign in (1, -1) if "RSB" in self.tools else (1,):
            missing = total(value, has, -sign)
            spare = [(0, frozenset()), *((s, held) for held in self.held for s in (1, -1))]
            for s, held in spare:
                letters = letters_of(total(missing, held, -s) if s else missing, MOST_MISSING)
                if letters is not None:
                    found.append(self._added(sign, [*letters, *([(s, held)] if s else [])]))
        return shortest(found)

    def _added(self, sign: int, terms: Sequence[Signed]) -> Code | None:
        """The calls that add signed terms to what is in the accumulator with that sign, and end with the sign 1."""
        if not terms:
            return () if sign == 1 else None
        if sign == -1 and "RSB" not in self.tools:
            return None
        for place, (term, argument) in enumerate(terms):
            if (term, argument) in terms[:place]:
                continue
            rest = [*terms[:place], *terms[place + 1 :]]
            for tool, fits, after in (
                ("ADD", term == sign, sign),
                ("SUB", term != sign, sign),
                ("RSB", term != sign, -sign),
            ):
                code = self._added(after, rest) if fits and tool in self.tools else None
                if code is not None:
                    return ((tool, argument), *code)
        return None

    def _split(self, parts: Iterable[Part]) -> tuple[list[Signed], list[Part]]:
        """The parts that are arguments, and those that must be computed."""
        leaves, others = [], []
        for sign, part in parts:
            leaf = self._leaf(part)
            if leaf:
                leaves.append((sign * leaf[0], leaf[1]))
            else:
                others.append((sign, part))
        return leaves, others

    def _sum(self, node: Node, sign: int, slots: int, acc: bool) -> Iterable[Code | None]:
        leaves, others = self._split((sign * s, part) for s, part in node.parts)
        for last in [*others, None]:
            for before in _orders([part for part in others if part is not last]):
                stored = self._running_sum(before, slots, acc)
                if stored is None:
                    continue
                code, terms = stored[0], [*stored[1], *leaves]
                if last is None:
                    for place, (s, argument) in enumerate(terms):
                        rest = [*terms[:place], *terms[place + 1 :]]
                        yield _then(code, (("LOAD", argument),), self._added(s, rest))
                        if s == -1:
                            yield _then(code, self._loaded(-1, argument), self._added(1, rest))
                    continue
                for s in (1, -1):
                    own = self.code(last[1], s, slots - bool(before), acc and not before)
                    yield _then(code, own, self._added(s * last[0], terms))

    def _running_sum(self, parts: Sequence[Part], slots: int, acc: bool) -> tuple[Code, list[Signed]] | None:
        """The sum of some parts in one slot: its calls, and the signed argument that it then is."""
        if parts and not slots:
            return None
        code: Code = ()
        sofar: list[tuple[int, Value]] = []
        for place, (sign, part) in enumerate(parts):
            free = slots - bool(place)
            own = shortest(self.code(part, s, free, acc and not place) for s in (1, -1))
            if own is None:
                return None
            has = 1 if own == self.code(part, 1, free, acc and not place) else -1
            value = scaled(part.value, has)
            for kept, stored in sofar:
                same = kept == has * sign
                own = (*own, ("ADD" if same else "SUB", stored))
                value = total(value, stored, 1 if same else -1)
            sofar = [(has * sign, value)]
            code = (*code, *own, ("STO", value))
        return code, list(sofar)

    def _product(self, node: Node, sign: int, slots: int, acc: bool) -> Iterable[Code | None]:
        leaves, others = self._split(node.parts)
        for s, _ in leaves:
            sign *= s
        times = tuple(("MUL", argument) for _, argument in leaves)
        if not others:
            for place, (_, argument) in enumerate(leaves):
                rest = (*times[:place], *times[place + 1 :])
                yield _then(self._loaded(sign, argument), rest)
                if acc and self.start is not None and isinstance(argument, str):
                    letter = next(part for _, part in node.parts if part.letter == argument)
                    yield _then(self._onward(self.start, scaled(letter.value, sign)), rest)
        for last in others:
            for before in _orders([part for part in others if part is not last]):
                for signs in choices((1, -1), repeat=len(before)):
                    stored = self._running_product(before, signs, slots, acc)
                    own_sign = sign
                    for s in signs:
                        own_sign *= s
                    own = self.code(last[1], own_sign, slots - bool(before), acc and not before)
                    if stored is not None:
                        yield _then(stored[0], own, tuple(("MUL", value) for value in stored[1]), times)

    def _running_product(
        self, parts: Sequence[Part], signs: Sequence[int], slots: int, acc: bool, tool: str = "MUL"
    ) -> tuple[Code, list[Value]] | None:
        """The product of some parts, with these signs, in one slot: its calls and the value that it then is."""
        if parts and not slots:
            return None
        code: Code = ()
        sofar: list[Value] = []
        for place, ((_, part), sign) in enumerate(zip(parts, signs, strict=True)):
            own = self.code(part, sign, slots - bool(place), acc and not place)
            if own is None:
                return None
            value = scaled(part.value, sign)
            for stored in sofar:
                own, value = (*own, (tool, stored)), applied(tool, value, stored)
            sofar = [value]
            code = (*code, *own, ("STO", value))
        return code, sofar

    def _greatest(self, node: Node, sign: int, slots: int, acc: bool) -> Iterable[Code | None]:
        if sign == -1:
            return
        leaves, others = self._split(node.parts)
        others += [part for part in node.parts if (leaf := self._leaf(part[1])) and leaf[0] == -1]
        arguments = [argument for s, argument in leaves if s == 1]
        times = tuple(("MAX", argument) for argument in arguments)
        for place, argument in enumerate(arguments):
            if not others:
                yield (("LOAD", argument), *times[:place], *times[place + 1 :])
        for last in others:
            for before in _orders([part for part in others if part is not last]):
                stored = self._running_product(before, [1] * len(before), slots, acc, "MAX")
                own = self.code(last[1], 1, slots - bool(before), acc and not before)
                if stored is not None:
                    yield _then(stored[0], own, tuple(("MAX", value) for value in stored[1]), times)


def _then(*codes: Code | None) -> Code | None:
    """One after the other; None if one of them is."""
    whole: Code = ()
    for code in codes:
        if code is None:
            return None
        whole = (*whole, *code)
    return whole


def _orders(parts: list[Part]) -> list[list[Part]]:
    """The orders that differ in what they need: each part may be the first, which has one slot more than the others."""
    return [[first, *(part for part in parts if part is not first)] for first in parts] or [[]]
