"""Both designs for the tutorial worlds: a formula for each stage, over operands that the machine reads in order.

The digits never matter to what is called next. So a state holds the stage and which sub-expressions the registers
hold, and three courses of states serve all 111,000 problems.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from inwit.scripts.pipeline import Call, Event, Look, Parts, Whole
from inwit.scripts.react import Reaction
from inwit.worlds.tutorial.rules import VOCABULARY

if TYPE_CHECKING:
    from inwit.core.contracts import World

Formula = int | tuple[str, "Formula", "Formula"]  # an operand's place, or a tool and its two sides

_THREE = ("ADD", ("MUL", 0, 1), 2)
FORMULAS: tuple[Formula, ...] = (_THREE, ("SUB", _THREE, 3), ("SUB", _THREE, ("MUL", 3, 4)))
TOOLS = ("MUL", "ADD", "SUB")


@dataclass(frozen=True)
class Machine:
    """tutorial-v1's registers, each with the sub-expression that it holds; `cursor` is the next unread operand."""

    operands: int
    acc: Formula | None = None
    mem: Formula | None = None
    held: Formula | None = None
    cursor: int = 0


class Nothing:
    """A memory that keeps nothing: the machine's one memory cell needs no address, and STO and RCL are calls."""

    def empty(self, goal: Hashable) -> Hashable:
        return ()

    def store(self, kept: Hashable, event: Event, needed: Collection[Hashable]) -> Hashable:
        return kept

    def find(self, kept: Hashable, key: Hashable) -> None:
        return None

    def room(self, kept: Hashable, needed: Collection[Hashable]) -> None:
        return None


class Executor:
    """Follows tutorial-v1's machine by its rules. Every call is one token, and no tool fails."""

    def start(self, goal: Hashable) -> Hashable:
        return Machine(operands=_operands(cast("Formula", goal)))

    def write(self, machine: Hashable, call: Call, look: Look) -> int:
        return VOCABULARY.id(call.tool)

    def listens(self, machine: Hashable) -> bool:
        return False

    def read(self, machine: Hashable, token: int) -> tuple[Hashable, Event | None]:
        after = carried_out(cast("Machine", machine), VOCABULARY.names[token])
        return after, None if after == machine else Event(after)

    def backup(self, call: Call) -> None:
        return None


def carried_out(machine: Machine, tool: str) -> Machine:
    """The machine after a token; the same machine where the token has no effect."""
    acc, held, cursor = machine.acc, machine.held, machine.cursor
    if tool in TOOLS:
        reads = 2 if acc is None else int(held is None)  # while acc is empty, held is
        if cursor + reads > machine.operands:
            return machine
        left = cursor if acc is None else acc
        right = cursor + reads - 1 if held is None else held
        return replace(machine, acc=(tool, left, right), held=None, cursor=cursor + reads)
    if tool == "STO" and acc is not None and held is None:
        return replace(machine, acc=None, mem=acc)
    if tool == "RCL" and machine.mem is not None:
        return replace(machine, acc=machine.mem, held=acc, mem=None)
    return machine


class Reader(Whole):
    """Reads a prompt: the stage names the formula."""

    def goal(self, prompt: tuple[int, ...], stage: int) -> Formula:
        return FORMULAS[stage]


class Planner(Reader):
    """Compiles the formula. A right side that is no single operand is computed while the left side waits in mem."""

    def plan(self, goal: Hashable, machine: Hashable, kept: Hashable) -> tuple[Call, ...]:
        assert isinstance(machine, Machine)
        tools = compiled(cast("Formula", goal), machine)
        if tools is None:  # operands are read once: there is no way back, so it answers with what it has
            tools = ["RCL"] if machine.acc is None else []
        return tuple(Call(tool) for tool in (*tools, "ANS"))


def compiled(formula: Formula, machine: Machine) -> list[str] | None:
    """The calls that bring a formula into the accumulator from what the machine holds; None if none do."""
    if machine.acc == formula:
        return []
    if machine.mem == formula and machine.acc is None:
        return ["RCL"]
    if isinstance(formula, int):
        return None
    tool, left, right = formula
    if _ready(formula, machine):
        return [tool]
    if machine.mem == left:  # the left side waits for the right one
        rest = [] if machine.acc is None and right == machine.cursor else compiled(right, machine)
        return None if rest is None else [*rest, "RCL", tool]
    first = compiled(left, machine)
    if first is None:
        return None
    for each in first:
        machine = carried_out(machine, each)
    if _ready(formula, machine):
        return [*first, tool]
    second = compiled(right, carried_out(machine, "STO"))
    return None if second is None else [*first, "STO", *second, "RCL", tool]


def _ready(formula: Formula, machine: Machine) -> bool:
    """Whether the tool of a formula, called now, gives the formula."""
    return not isinstance(formula, int) and carried_out(machine, formula[0]).acc == formula


class Rule(Reader):
    """The first sub-expression, from left to right, that is not done. Where the accumulator is in its way, STO; where
    its left side is in mem, RCL. It looks no further than this one sub-expression."""

    def decide(self, goal: Hashable, machine: Hashable, kept: Hashable) -> Call:
        assert isinstance(machine, Machine)
        registers = (machine.acc, machine.mem, machine.held)
        done = [part for register in registers if register is not None for part in parts_of(register)]
        for part in parts_of(cast("Formula", goal)):
            if part not in done:
                tool, left, right = cast("tuple[str, Formula, Formula]", part)
                if _ready(part, machine):
                    return Call(tool)
                if machine.mem == left and right in (machine.acc, machine.cursor):
                    return Call("RCL")
                if machine.acc is not None and machine.held is None and isinstance(left, int):
                    return Call("STO")
                break
        return Call("ANS" if machine.acc is not None else "RCL")


def _operands(formula: Formula) -> int:
    return 1 if isinstance(formula, int) else _operands(formula[1]) + _operands(formula[2])


def parts_of(formula: Formula) -> list[Formula]:
    """The sub-expressions that take a tool, in the order in which they can be done, the whole one last."""
    return [] if isinstance(formula, int) else [*parts_of(formula[1]), *parts_of(formula[2]), formula]


def parts_v1(world: World) -> Parts:
    return Parts(Planner(), Nothing(), Executor())


def reaction_v1(world: World) -> Reaction:
    return Reaction(Rule(), Nothing(), Executor())


# By the published rules a tool takes an operand that is its own, and after STO SUB takes e. So the formula of stage 2,
# a*b + c - d*e, cannot be called: the product d*e is made in the accumulator, where a*b + c is lost, and no register
# keeps either.
CALLS_V0 = {("MUL", 1): ("MUL",), ("MUL", 3): ("MUL",), ("ADD", 2): ("ADD",)}
CALLS_V0 |= {("SUB", 3): ("SUB",), ("SUB", 4): ("STO", "SUB")}


@dataclass(frozen=True)
class MachineV0:
    """What was called by the published rules, but for calls without effect."""

    stage: int
    called: tuple[str, ...] = ()


class ExecutorV0(Executor):
    """Follows the machine of the published rules."""

    def start(self, goal: Hashable) -> Hashable:
        return MachineV0(cast("int", goal))

    def read(self, machine: Hashable, token: int) -> tuple[Hashable, Event | None]:
        assert isinstance(machine, MachineV0)
        tool, called, last = VOCABULARY.names[token], machine.called, machine.stage == len(FORMULAS) - 1
        full, flag = "MUL" in called or "RCL" in called, "STO" in called
        effect = {
            "MUL": not full or machine.stage > 0,
            "ADD": full,
            "SUB": full and machine.stage > 0,
            "STO": not flag,
            "RCL": flag and (last or not full),
        }
        if not effect.get(tool):
            return machine, None
        after = replace(machine, called=(*called, tool))
        return after, Event(after)


class ReaderV0(Whole):
    def goal(self, prompt: tuple[int, ...], stage: int) -> int:
        return stage


class PlannerV0(ReaderV0):
    """Compiles the formula of the stage by the published rules, as far as they go: of stage 2 it calls a*b + c, which
    is right wherever d*e is 0. Off its way it answers: no call undoes another."""

    def plan(self, goal: Hashable, machine: Hashable, kept: Hashable) -> tuple[Call, ...]:
        assert isinstance(machine, MachineV0)
        tools, done = compiled_v0(FORMULAS[machine.stage]), len(machine.called)
        left = tools[done:] if tools[:done] == machine.called else ()
        return tuple(Call(tool) for tool in (*left, "ANS"))


def compiled_v0(formula: Formula) -> tuple[str, ...]:
    """The calls for a formula; where its right side is no operand that its tool can take, those for its left side."""
    if isinstance(formula, int):
        return ()
    tool, left, right = formula
    last = CALLS_V0.get((tool, right), ()) if isinstance(right, int) else ()
    return (*compiled_v0(left), *last)


class RuleV0(ReaderV0):
    """The operators of the stage's formula, as far as the machine can take them one by one: a*b, + c, - d."""

    def decide(self, goal: Hashable, machine: Hashable, kept: Hashable) -> Call:
        assert isinstance(machine, MachineV0)
        return next(
            (Call(tool) for tool in TOOLS[: 2 + (machine.stage > 0)] if tool not in machine.called), Call("ANS")
        )


def parts_v0(world: World) -> Parts:
    return Parts(PlannerV0(), Nothing(), ExecutorV0())


def reaction_v0(world: World) -> Reaction:
    return Reaction(RuleV0(), Nothing(), ExecutorV0())
