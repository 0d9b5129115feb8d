"""Calls that bring a node into the accumulator, as an engineer writes them for a machine of one accumulator.

Each method is one pattern. Where several patterns fit, the shortest calls are taken; nothing else is searched.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import product as choices
from math import prod
from typing import TypeVar

from inwit.scripts.calculator.nodes import GREATEST, LETTER, PRODUCT, SUM, Node, Part, distributed
from inwit.scripts.calculator.values import Value, applied, letters_of, scaled, total

T = TypeVar("T")
Argument = str | Value  # a letter; or a value that a slot holds then
Step = tuple[str, Argument]  # a verb and its argument; STO with the value that it stores
Code = tuple[Step, ...]
Term = tuple[int, Argument]  # an argument with its sign

NONE: Code | None = ()
MOST_MISSING = 4  # letters that are added one by one to what is held


def shortest(codes: Iterable[Code | None]) -> Code | None:
    return min((code for code in codes if code is not None), key=len, default=None)


def then(*codes: Code | None) -> Code | None:
    """One after the other; None if one of them is."""
    whole: Code = ()
    for code in codes:
        if code is None:
            return None
        whole = (*whole, *code)
    return whole


class Compiler:
    """`held` are the values that slots hold and that may be read; `start` is what the accumulator holds at first."""

    def __init__(self, tools: Sequence[str], held: Sequence[Value] = (), start: Value | None = None) -> None:
        self.tools, self.held, self.start = tools, held, start
        self._found: dict[tuple[Node, int, int, Value | None], Code | None] = {}

    def code(self, node: Node, sign: int, slots: int, acc: Value | None) -> Code | None:
        """The calls for sign * node with that many free slots; None if no pattern fits. `acc` is what the accumulator
        holds before, None where that does not matter."""
        key = (node, sign, slots, acc)
        if key not in self._found:
            self._found[key] = shortest(self._patterns(*key))
        return self._found[key]

    def _patterns(self, node: Node, sign: int, slots: int, acc: Value | None) -> Iterator[Code | None]:
        value = scaled(node.value, sign)
        if acc is not None:
            yield self._onward(acc, value, in_slot=acc != self.start)
        for held in self.held:
            yield then((("LOAD", held),), self._onward(held, value))
        leaf = self._leaf(node)
        if leaf:
            yield self._loaded(sign * leaf[0], leaf[1])
            return
        pattern = {SUM: self._sum, PRODUCT: self._product, GREATEST: self._greatest}[node.kind]
        found = list(pattern(node, sign, slots, acc))
        yield from found
        if node.kind == PRODUCT and shortest(found) is None and (spread := distributed(node)):
            yield self.code(spread, sign, slots, acc)

    def _leaf(self, node: Node) -> Term | None:
        """A node that is an argument as it is, and the argument's sign."""
        if node.kind == LETTER:
            return 1, node.letter
        return next(((s, held) for held in self.held for s in (1, -1) if scaled(held, s) == node.value), None)

    def _split(self, parts: Iterable[Part]) -> tuple[list[Term], list[Part]]:
        """The parts that are arguments, and those that must be computed."""
        leaves, others = list[Term](), list[Part]()
        for sign, part in parts:
            leaf = self._leaf(part)
            if leaf:
                leaves.append((sign * leaf[0], leaf[1]))
            else:
                others.append((sign, part))
        return leaves, others

    def _loaded(self, sign: int, argument: Argument) -> Code | None:
        """An argument; with the sign -1 it is x - x - x."""
        if sign == 1:
            return (("LOAD", argument),)
        return (("LOAD", argument), ("SUB", argument), ("SUB", argument)) if "SUB" in self.tools else None

    def _onward(self, has: Value, value: Value, in_slot: bool = True) -> Code | None:
        """From what the accumulator holds to a value, where but a few letters and one slot's value are missing."""
        spare = [*self.held, has] if in_slot else self.held
        codes = []
        for sign in (1, -1) if "RSB" in self.tools else (1,):
            missing = total(value, has, -sign)
            for kept in ([], *([(s, held)] for held in spare for s in (1, -1))):
                letters = letters_of(total(missing, kept[0][1], -kept[0][0]) if kept else missing, MOST_MISSING)
                if letters is not None:
                    codes.append(self._added(sign, [*kept, *letters]))
        return shortest(codes)

    def _added(self, sign: int, terms: Sequence[Term], end: int = 1) -> Code | None:
        """Add signed terms to a sum that the accumulator holds with the sign `sign`, and end with the sign `end`."""
        if not terms:
            return () if sign == end else None
        if sign != end and "RSB" not in self.tools:
            return None
        tried = set[int]()
        for place, (term, argument) in enumerate(terms):
            ways = (("ADD", sign),) if term == sign else (("SUB", sign), ("RSB", -sign))
            rest = [*terms[:place], *terms[place + 1 :]]
            for tool, after in ways if term not in tried else ():
                code = self._added(after, rest, end) if tool in self.tools else None
                if code is not None:
                    return ((tool, argument), *code)
            tried.add(term)  # another term of the same sign does no better
        return None

    def _sum(self, node: Node, sign: int, slots: int, acc: Value | None) -> Iterator[Code | None]:
        """Computed terms but one are added up in a slot. The last one stays in the accumulator, and takes the rest."""
        leaves, others = self._split((sign * s, part) for s, part in node.parts)
        for last in [*reversed(others), None]:
            before = [part for part in others if part is not last]
            for code, terms, now in self._running_sums(before, slots, acc):
                terms = [*terms, *leaves]
                if last is None:
                    yield from (then(code, rest) for rest in self._from_a_term(terms))
                else:
                    for s in (1, -1):
                        own = self.code(last[1], s, slots - bool(before), now)
                        yield then(code, own, self._added(s * last[0], terms))

    def _from_a_term(self, terms: Sequence[Term]) -> Iterator[Code | None]:
        """A sum of arguments alone."""
        for place, (sign, argument) in enumerate(terms):
            rest = [*terms[:place], *terms[place + 1 :]]
            yield then(self._loaded(1, argument), self._added(sign, rest))
            if sign == -1:
                yield then(self._loaded(-1, argument), self._added(1, rest))

    def _running_sums(
        self, parts: Sequence[Part], slots: int, acc: Value | None
    ) -> Iterator[tuple[Code, list[Term], Value | None]]:
        """The sum of some parts in one slot, with either sign: its calls, the term that it then is, and what the
        accumulator then holds."""
        if not parts:
            yield (), [], acc
        for order in _orders(parts) if slots else []:
            for signs in choices((1, -1), repeat=len(order)):
                code, kept, now = NONE, list[tuple[int, Value]](), acc
                for (sign, part), s in zip(order, signs, strict=True):
                    own = then(self.code(part, s, slots - bool(kept), now), self._added(s * sign, kept, end=s * sign))
                    now = scaled(part.value, s)
                    for k, stored in kept:
                        now = total(now, stored, k * s * sign)
                    code, kept = then(code, own, (("STO", now),)), [(s * sign, now)]
                if code is not None:
                    yield code, [*kept], now

    def _product(self, node: Node, sign: int, slots: int, acc: Value | None) -> Iterator[Code | None]:
        """The same with factors. The product's sign may go to any of them."""
        leaves, others = self._split(node.parts)
        sign *= prod(s for s, _ in leaves)
        times = tuple(("MUL", argument) for _, argument in leaves)
        for place, (s, argument) in enumerate(leaves if not others else ()):
            rest = (*times[:place], *times[place + 1 :])
            own = next(part for _, part in node.parts if self._leaf(part) == (s, argument))
            yield then(self.code(own, sign * s, slots, acc), rest)
        for last in reversed(others):
            before = [part for part in others if part is not last]
            for signs in choices((1, -1), repeat=len(before)):
                for code, kept, now in self._running_products(before, signs, slots, acc, "MUL"):
                    own = self.code(last[1], sign * prod(signs), slots - bool(before), now)
                    yield then(code, own, kept, times)

    def _running_products(
        self, parts: Sequence[Part], signs: Sequence[int], slots: int, acc: Value | None, tool: str
    ) -> Iterator[tuple[Code, Code, Value | None]]:
        """The product of some parts with these signs (or the greatest of them) in one slot: its calls, the call that
        takes it from there, and what the accumulator then holds."""
        if not parts:
            yield (), (), acc
        for order in _orders(list(zip(parts, signs, strict=True))) if slots else []:
            code, stored, now = NONE, None, acc
            for (_, part), sign in order:
                own = self.code(part, sign, slots - (stored is not None), now)
                now = scaled(part.value, sign)
                if stored is not None:
                    own, now = then(own, ((tool, stored),)), applied(tool, now, stored)
                code, stored = then(code, own, (("STO", now),)), now
            if code is not None and stored is not None:
                yield code, ((tool, stored),), now

    def _greatest(self, node: Node, sign: int, slots: int, acc: Value | None) -> Iterator[Code | None]:
        """The same with MAX, which algebra does not pass: a minus before it is x - x - x."""
        if sign == -1:
            stored = (("STO", node.value), ("SUB", node.value), ("SUB", node.value))
            yield then(self.code(node, 1, slots, acc), stored) if slots and "SUB" in self.tools else None
            return
        plain = [leaf for _, part in node.parts if (leaf := self._leaf(part)) and leaf[0] == 1]
        others = [part for part in node.parts if self._leaf(part[1]) not in plain]
        times = tuple(("MAX", argument) for _, argument in plain)
        if not others:
            yield (("LOAD", plain[0][1]), *times[1:])
        for last in reversed(others):
            before = [part for part in others if part is not last]
            for code, kept, now in self._running_products(before, [1] * len(before), slots, acc, "MAX"):
                yield then(code, self.code(last[1], 1, slots - bool(before), now), kept, times)


def _orders(parts: Sequence[T]) -> list[list[T]]:
    """The orders that differ in what they need: each part may be the first, which has one slot more than the others."""
    return [[first, *(part for part in parts if part is not first)] for first in parts]
