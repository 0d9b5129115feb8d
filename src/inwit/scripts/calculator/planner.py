"""The planner of the calculator: it compiles the expression from whatever the machine holds."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from functools import lru_cache
from itertools import combinations
from typing import TYPE_CHECKING

from inwit.scripts.calculator.compiler import Code, Compiler, shortest
from inwit.scripts.calculator.machine import Executor, Goal, Machine, Reader, Slots, documented, finished
from inwit.scripts.calculator.nodes import Node, node_of, regrouped
from inwit.scripts.calculator.values import Value
from inwit.scripts.pipeline import Call, Parts

if TYPE_CHECKING:
    from inwit.core.contracts import World


class Planner(Reader):
    """Compiles for the slots at hand. A plan says which value a call needs, and the memory where it is."""

    def plan(self, goal: Hashable, machine: Hashable, kept: Hashable) -> tuple[Call, ...]:
        assert isinstance(goal, Goal)
        assert isinstance(machine, Machine)
        if machine.pending is not None:
            return min((self._finished(goal, machine, argument) for argument in machine.arguments), key=len)
        code = compiled(goal, machine, self.tools)
        if code is None:  # no pattern fits: it answers with what can be answered
            code = () if machine.acc is not None else (("LOAD", goal.letters[0]),)
        return (*(_call(verb, argument) for verb, argument in code), Call("ANS"))

    def _finished(self, goal: Goal, machine: Machine, argument: str) -> tuple[Call, ...]:
        """The pending verb with this argument, and what is left after it."""
        assert machine.pending is not None
        return (Call(machine.pending, (argument,)), *self.plan(goal, finished(machine, argument), ()))


def _call(verb: str, argument: str | Value) -> Call:
    if verb == "STO":
        return Call("STO", gives=argument)
    return Call(verb, (argument,), needs=() if isinstance(argument, str) else (argument,))


@lru_cache(2**16)
def compiled(goal: Goal, machine: Machine, tools: tuple[str, ...]) -> Code | None:
    """The shortest of the calls that the patterns give from what the machine holds: from the accumulator, or from it
    after it was stored, or from nothing; and with each choice of slots that are read. None if no pattern fits."""
    codes: list[Code] = []
    slots = len(machine.slots)
    filled = tuple(dict.fromkeys(value for value in machine.slots if value is not None))
    for flat in (True,) if "ADD" in tools else (True, False):  # a - (b - c) is a - b + c
        node = node_of(goal.tree, goal.letters, flat=flat)
        for held in _subsets(filled):
            codes += _candidates(node, held, machine.acc, slots, tools)
            if machine.acc is not None and machine.acc not in held and slots:
                first = (("STO", machine.acc),)
                codes += [(*first, *code) for code in _candidates(node, (*held, machine.acc), None, slots, tools)]
    return shortest(code for code in codes if fits(code, filled, slots))


def _candidates(
    node: Node, held: tuple[Value, ...], acc: Value | None, slots: int, tools: Sequence[str]
) -> Iterable[Code]:
    known = held if acc is None else (*held, acc)
    grouped = regrouped(node, known)
    for free in range(max(0, slots - len(held)), slots + 1):  # a slot that was read for the last time is free
        code = Compiler(tools, held, acc).code(grouped, 1, free, acc)
        if code is not None:
            yield code


def _subsets(values: Sequence[Value]) -> list[tuple[Value, ...]]:
    return [chosen for size in range(len(values) + 1) for chosen in combinations(values, size)]


def fits(code: Code, held: Iterable[Value], slots: int) -> bool:
    """Whether the slots suffice for the values that are waiting to be read."""
    waiting: set[Value] = set()
    for verb, argument in reversed(code):
        if isinstance(argument, str):
            continue
        if verb == "STO":
            waiting.discard(argument)
            if len(waiting) >= slots:
                return False
        else:
            waiting.add(argument)
    return waiting <= set(held)


def parts(world: World) -> Parts:
    """The pipeline of a calculator world."""
    settings = documented(world)
    tools, slots = settings.tools, settings.num_slots
    return Parts(Planner(world.vocabulary, tools), Slots(slots), Executor(world.vocabulary, tools, slots))
