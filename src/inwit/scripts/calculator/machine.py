"""The calculator's executor, which follows the machine by its documented rules, and its memory: value -> slot."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from inwit.core.errors import UserError
from inwit.scripts.calculator.values import Value, applied, atom
from inwit.scripts.pipeline import Call, Event, Look, Whole
from inwit.worlds.calculator.expressions import LETTERS, Tree, parse
from inwit.worlds.calculator.tools import TOOLS

if TYPE_CHECKING:
    from inwit.core.contracts import World
    from inwit.core.vocabulary import Vocabulary
    from inwit.worlds.calculator.rules import CalculatorSettings

KNOWN = ("ADD", "SUB", "MUL", "RSB", "MAX")


@dataclass(frozen=True)
class Goal:
    """The expression, its operands numbered, and their letters."""

    tree: Tree
    letters: str


@dataclass(frozen=True)
class Machine:
    letters: str  # of the operands that may be read
    slots: tuple[Value | None, ...]
    acc: Value | None = None
    pending: str | None = None  # the verb that waits for its argument

    @property
    def arguments(self) -> list[str]:
        """What the pending verb may take."""
        slots = [f"m{slot}" for slot, value in enumerate(self.slots) if value is not None or self.pending == "STO"]
        return slots if self.pending == "STO" else [*self.letters, *slots]

    def value_of(self, argument: str) -> Value | None:
        return self.slots[int(argument[1:])] if argument[1:] else atom(argument)


def documented(world: World) -> CalculatorSettings:
    """The settings of a world that a script is written for. Raises `UserError` where a script would not heed one."""
    settings = cast("CalculatorSettings", world.settings)
    if settings.crossed:
        raise UserError(
            f"scripts have no code for crossed = {','.join(settings.crossed)}: leave it out, or put a script that was "
            "not told into such a world (--untold.crossed)"
        )
    return settings


def finished(machine: Machine, argument: str) -> Machine:
    """The machine after the argument of its pending verb."""
    if machine.pending == "STO":
        slots = [machine.acc if f"m{slot}" == argument else value for slot, value in enumerate(machine.slots)]
        return replace(machine, slots=tuple(slots), pending=None)
    value = machine.value_of(argument)
    assert value is not None
    assert machine.pending is not None
    if machine.pending != "LOAD":
        assert machine.acc is not None
        value = applied(machine.pending, machine.acc, value)
    return replace(machine, acc=value, pending=None)


class Reader(Whole):
    """Reads the prompt: the expression, which is all that counts in it. Names of verbs and slots mean nothing there."""

    def __init__(self, vocabulary: Vocabulary, tools: Sequence[str]) -> None:
        """Raises `UserError` for a tool that the scripts have no code for."""
        for tool in tools:
            if tool not in KNOWN:
                raise UserError(
                    f"scripts know the calculator's tools {', '.join(KNOWN)}, and not {tool}: "
                    "give a planner and an executor that know it"
                )
        self.names, self.tools = vocabulary.names, tuple(tools)
        self.symbols = [TOOLS[tool].symbol for tool in tools]

    def goal(self, prompt: tuple[int, ...], stage: int) -> Goal:
        signs = (self.names[token] for token in prompt)
        return Goal(*parse("".join(sign for sign in signs if sign in {*LETTERS, *"()", *self.symbols}), self.symbols))


class Executor:
    """A call is a verb and its argument; ANS has none. No call fails, and the world writes nothing."""

    def __init__(self, vocabulary: Vocabulary, tools: Sequence[str], num_slots: int) -> None:
        self.vocabulary, self.tools, self.num_slots = vocabulary, tuple(tools), num_slots

    def start(self, goal: Hashable) -> Hashable:
        return Machine(cast("Goal", goal).letters, (None,) * self.num_slots)

    def write(self, machine: Hashable, call: Call, look: Look) -> int:
        """The verb; then its argument: a letter, a slot, or a value that the memory finds or makes room for."""
        if cast("Machine", machine).pending is None:
            return self.vocabulary.id(call.tool)
        argument = call.arguments[0] if call.arguments else look.room()
        found = argument if isinstance(argument, str) else look.find(argument)
        return self.vocabulary.id(cast("str", found))

    def listens(self, machine: Hashable) -> bool:
        return False

    def read(self, machine: Hashable, token: int) -> tuple[Hashable, Event | None]:
        assert isinstance(machine, Machine)
        name = self.vocabulary.names[token]
        if machine.pending is None:
            legal = name == "LOAD" or (
                machine.acc is not None and (name in self.tools or (name == "STO" and machine.slots))
            )
            return (replace(machine, pending=name) if legal else machine), None
        if name not in machine.arguments:
            return machine, None
        after = finished(machine, name)
        return after, Event(after.acc, name if machine.pending == "STO" else None)

    def backup(self, call: Call) -> None:
        return None


class Slots:
    """A memory of slots: value -> slot. What a slot held is evicted when something else is written to it. Room is an
    empty slot, else the first one from which no call reads. Of two slots with one value, calls read from the first."""

    def __init__(self, num_slots: int) -> None:
        self.slots = [f"m{slot}" for slot in range(num_slots)]

    def empty(self, goal: Hashable) -> Hashable:
        return ()

    def store(self, kept: Hashable, event: Event, needed: Collection[Hashable]) -> Hashable:
        if event.value is None:
            return kept
        rest = [(key, slot) for key, slot in self._pairs(kept) if slot != event.value]
        return (*rest, (event.key, event.value))

    def find(self, kept: Hashable, key: Hashable) -> Hashable | None:
        return next((slot for each, slot in self._pairs(kept) if each == key), None)

    def room(self, kept: Hashable, needed: Collection[Hashable]) -> Hashable | None:
        used = {slot for _, slot in self._pairs(kept)}
        empty = [slot for slot in self.slots if slot not in used]
        read = {self.find(kept, key) for key in needed}
        spare = [slot for slot in self.slots if slot not in read]
        return next(iter(empty or spare), None)

    def _pairs(self, kept: Hashable) -> tuple[tuple[Value, str], ...]:
        return cast("tuple[tuple[Value, str], ...]", kept)
