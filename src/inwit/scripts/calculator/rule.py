"""React's rule for the calculator: the next sub-expression, from left to right, that is not done and can be done."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, cast

from inwit.scripts.calculator.machine import Executor, Goal, Machine, Reader, Slots, documented
from inwit.scripts.calculator.nodes import node_of
from inwit.scripts.calculator.values import Value
from inwit.scripts.pipeline import Call
from inwit.scripts.react import Reaction
from inwit.worlds.calculator.expressions import Tree

if TYPE_CHECKING:
    from inwit.core.contracts import World

_TOOLS = {"+": "ADD", "-": "SUB", "*": "MUL", "~": "RSB", "^": "MAX"}
_SWAPPED = {"ADD": "ADD", "MUL": "MUL", "MAX": "MAX", "SUB": "RSB", "RSB": "SUB"}  # the same with its sides exchanged


class Rule(Reader):
    """What can be done with the accumulator and one argument is done. A result in the accumulator's way is stored,
    where a slot is free. The rule does not ask which side it had better do first, knows no algebra, and never begins
    again. Where nothing can be done it answers with what it has."""

    def decide(self, goal: Hashable, machine: Hashable, kept: Hashable) -> Call:
        sight = _Sight(cast("Goal", goal), cast("Machine", machine), self.tools)
        call = sight.next_call()
        if sight.machine.pending in (None, call.tool):
            return call
        if sight.machine.pending == "STO":  # somebody wrote the verb
            return sight.store()
        return Call(sight.machine.pending, (sight.machine.arguments[0],))


class _Sight:
    """What the rule sees: the parts of the expression, and where the machine holds their values."""

    def __init__(self, goal: Goal, machine: Machine, tools: Sequence[str]) -> None:
        self.goal, self.machine, self.tools = goal, machine, tools
        self.stored = [value for value in machine.slots if value is not None]
        self.useful: list[Value] = []  # what is held and is a side of something that is not done
        self.undone: list[Tree] = []
        self._look(goal.tree)

    def value(self, tree: Tree) -> Value:
        return node_of(tree, self.goal.letters, flat=False).value

    def _look(self, tree: Tree) -> None:
        value = self.value(tree)
        if not isinstance(tree, int) and (value == self.machine.acc or value in self.stored):
            self.useful.append(value)
        elif not isinstance(tree, int):
            self._look(tree[1])
            self._look(tree[2])
            self.undone.append(tree)

    def next_call(self) -> Call:
        whole = self.value(self.goal.tree)
        if self.machine.acc == whole:
            return Call("ANS")
        if whole in self.stored:
            return self._call("LOAD", whole)
        calls = (self._towards(tree) for tree in self.undone)
        answer = Call("ANS") if self.machine.acc is not None else Call("LOAD", (self.goal.letters[0],))
        return next((call for call in calls if call), answer)

    def _towards(self, tree: Tree) -> Call | None:
        """The next call for a sub-expression, None if it cannot be done now."""
        symbol, left, right = cast("tuple[str, Tree, Tree]", tree)
        tool, acc = _TOOLS[symbol], self.machine.acc
        for here, there, with_tool in ((left, right, tool), (right, left, _SWAPPED[tool])):
            argument = self._argument(there)
            if acc == self.value(here) and argument is not None and with_tool in self.tools:
                return self._call(with_tool, argument)
        first = self._argument(left)
        if first is None and acc != self.value(left):
            return None
        if self._argument(right) is None and acc != self.value(right):
            return None
        if acc in self.useful and acc not in self.stored:  # it is in the way
            return self.store() if self._room() else None
        return None if first is None else self._call("LOAD", first)

    def _argument(self, tree: Tree) -> str | Value | None:
        """How a tool reads a sub-expression; None where it cannot."""
        if isinstance(tree, int):
            return self.goal.letters[tree]
        value = self.value(tree)
        return value if value in self.stored else None

    def store(self) -> Call:
        return Call("STO", gives=self.machine.acc, needs=tuple(self.useful) if self._room() else ())

    def _room(self) -> bool:
        return len(self.machine.slots) > sum(value in self.stored for value in self.useful)

    def _call(self, tool: str, argument: str | Value) -> Call:
        return Call(tool, (argument,), needs=tuple(self.useful))


def reaction(world: World) -> Reaction:
    """The react of a calculator world."""
    settings = documented(world)
    tools, slots = settings.tools, settings.num_slots
    return Reaction(Rule(world.vocabulary, tools), Slots(slots), Executor(world.vocabulary, tools, slots))
