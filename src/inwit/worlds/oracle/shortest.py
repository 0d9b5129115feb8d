"""The shortest program for an expression of `calculator-v0`, proven by exhaustive search.

One search for each (number of operands, number of slots) serves every expression of up to five operands; a larger one
is searched for alone. Results are kept in memory and on disk: `core.paths.cache_folder` holds one small file a search,
named by the content of what it depends on. A file that is damaged, or a folder that cannot be read or written,
counts as none. Every program that is reported was replayed as an exact polynomial with integer coefficients, also one
from disk. `shortest_search` says what the search relies on.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from inwit.core import storage
from inwit.core.errors import UserError, short, unknown
from inwit.core.numbers import given_number
from inwit.core.paths import cache_folder
from inwit.worlds.calculator import expressions
from inwit.worlds.calculator.expressions import LETTERS, Exact, Tree, enumerate_trees, parse, polynomial_of, write
from inwit.worlds.calculator.tools import DEFAULT_TOOLS, TOOLS, balanced, called
from inwit.worlds.oracle import shortest_search, shortest_targets
from inwit.worlds.oracle.shortest_search import Call, Calls, Machine, Result, search

MAX_SLOTS = 4
TOGETHER = 5  # expressions of up to so many operands are searched for all at once
_NONE = 255  # fills the rows of a file's table of calls


@dataclass(frozen=True)
class ShortestProgram:
    """A shortest program, or that there is none within the bound. Lengths are in tokens: two a call, one for ANS.

    `program`: token names, with the expression's own letters; None if none was found, then so is `length`.
    `proven`: every shorter program was searched. `searched_to`: all programs of up to so many tokens were searched.
    `slots_needed`: the smallest number of slots with a program within the bound of its search; None if up to
    `MAX_SLOTS` have none.
    """

    program: list[str] | None
    length: int | None
    proven: bool
    searched_to: int
    slots_needed: int | None


def shortest(
    expression: str | Tree,
    num_slots: int,
    tools: Sequence[str] = DEFAULT_TOOLS,
    max_calls: int | None = None,
    crossed: Sequence[str] = (),
) -> ShortestProgram:
    """The shortest program for an expression (or a tree as `parse` makes it) with `num_slots` slots.

    `max_calls` sets the bound of the search; by default it goes as far as a few seconds allow. `crossed` names tools
    that exchange accumulator and value when they are called. Raises `UserError` for an expression that does not parse,
    a tool that is unknown or not polynomial, slots outside 0..4.
    """
    tools, crossed = tuple(tools), tuple(crossed)
    symbols = _checked_symbols(tools)
    _check_crossed(crossed, tools)
    num_slots = _checked_number("num_slots", num_slots, 0, MAX_SLOTS)
    if max_calls is not None:
        max_calls = _checked_number("max_calls", max_calls, 1, 100)
    tree, letters = parse(expression, symbols) if isinstance(expression, str) else (expression, LETTERS)
    machine = Machine(expressions.num_operands(tree), num_slots, tools, crossed)
    calls, searched_to = _program(tree, machine, max_calls)
    with_slots = (machine._replace(num_slots=slots) for slots in range(MAX_SLOTS + 1))
    enough = (each.num_slots for each in with_slots if _program(tree, each, max_calls)[0] is not None)
    return ShortestProgram(
        program=None if calls is None else _tokens(calls, letters),
        length=None if calls is None else 2 * len(calls) + 1,
        proven=calls is not None and len(calls) <= searched_to + 1,
        searched_to=2 * searched_to + 1,
        slots_needed=next(enough, None),
    )


def shortest_table(
    num_operators_max: int, num_slots: int, tools: Sequence[str] = DEFAULT_TOOLS, crossed: Sequence[str] = ()
) -> dict[str, ShortestProgram]:
    """The shortest program of each expression with 1 .. `num_operators_max` operators, by its text over a, b, ..."""
    symbols = _checked_symbols(tuple(tools))
    trees = [tree for count in range(1, num_operators_max + 1) for tree in enumerate_trees(count, symbols)]
    return {write(tree): shortest(tree, num_slots, tools, crossed=crossed) for tree in trees}


def shortest_for_task(world_id: str, task: Mapping[str, object]) -> ShortestProgram:
    """`shortest` for `{"expression": ..., "num_slots": 1, "tools": [...], "crossed": [...]}`; by default one slot, the
    default tools, none crossed."""
    if world_id != "calculator-v0":
        raise unknown("world with a search for shortest programs", world_id, ["calculator-v0"])
    fields = ("expression", "num_slots", "tools", "crossed")
    for name in task:
        if name not in fields:
            raise unknown("field", name, fields)
    expression = task.get("expression")
    if not isinstance(expression, str):
        raise UserError(f"expression = {short(expression)} is not text such as '(a*b)-(c*d)'")
    slots, tools, crossed = task.get("num_slots", 1), task.get("tools", DEFAULT_TOOLS), task.get("crossed", ())
    tools, crossed = (each.split(",") if isinstance(each, str) else each for each in (tools, crossed))
    return shortest(expression, slots, tools, crossed=crossed)  # pyright: ignore[reportArgumentType]


def replay(calls: Sequence[Call], count: int, crossed: Sequence[str] = ()) -> Exact:
    """The exact polynomial, over `count` operands, that a legal program leaves in the accumulator."""
    operands = [Exact.variable(index, count) for index in range(count)]
    slots: dict[int, Exact] = {}
    acc = operands[0]  # every program loads first
    for call in calls:
        if call.verb == "STO":
            slots[call.index] = acc
            continue
        value = slots[call.index] if call.slot else operands[call.index]
        acc = value if call.verb == "LOAD" else called(call.verb, call.verb in crossed).apply(acc, value)
    return acc


def _program(tree: Tree, machine: Machine, max_calls: int | None) -> tuple[Calls | None, int]:
    """The calls of a shortest program and the number of calls that were searched.

    Where the search found none, a program with fewer slots does (their search may have gone further).
    """
    count = machine.num_operands
    programs, searched_to = _solved(machine, max_calls, None if count <= TOGETHER else tree)
    calls = programs[_class_of(tree, count)]
    if calls is None and machine.num_slots:
        calls, _ = _program(tree, machine._replace(num_slots=machine.num_slots - 1), max_calls)
    return calls, searched_to


@cache
def _solved(machine: Machine, max_calls: int | None, alone: Tree | None) -> tuple[dict[Exact, Calls | None], int]:
    """The programs of all classes of expressions over all operands, or of the one expression `alone`; and the calls
    searched."""
    count = machine.num_operands
    trees = (alone,) if alone is not None else enumerate_trees(count - 1, _checked_symbols(machine.tools))
    classes: dict[Exact, Tree] = {}
    for tree in trees:
        classes.setdefault(_class_of(tree, count), tree)
    what = f"{count} operands, {machine.num_slots} slots, {max_calls} calls, {alone}"
    path = _path_of(what, machine)
    result = _load(path, machine) if path else None
    if result is None or not _right(result, list(classes), machine):
        least = min(_operands_in(polynomial) for polynomial in classes)
        result = search(list(classes.values()), machine, least, max_calls)
        if not _right(result, list(classes), machine):
            raise AssertionError(f"the search for {what} gave a program that computes another polynomial")
        if path:
            _save(path, result, machine)
    return dict(zip(classes, result.programs, strict=True)), result.searched_to


def _right(result: Result, classes: list[Exact], machine: Machine) -> bool:
    """Whether there is a program for each class, and each, replayed exactly, computes it."""
    if len(result.programs) != len(classes):
        return False
    pairs, count, crossed = zip(result.programs, classes, strict=True), machine.num_operands, machine.crossed
    try:
        return all(calls is None or replay(calls, count, crossed) == polynomial for calls, polynomial in pairs)
    except KeyError:  # read a slot that is empty: only a damaged file has such a program
        return False


def _path_of(what: str, machine: Machine) -> Path | None:
    """The file for a search: its name changes with the code of the search, the points and what the tools compute on
    them. None where there is no place for it."""
    if (root := cache_folder()) is None:
        return None
    try:
        digest = hashlib.sha256(f"{what} {shortest_search.BUDGET} {shortest_search.GROWTH}".encode())
        for module in (shortest_search, shortest_targets):
            digest.update(Path(module.__file__ or "").read_bytes())
    except OSError:
        return None
    points = shortest_targets.points_of(machine.num_operands)
    for name in machine.tools:
        digest.update(name.encode() + balanced(machine.tool(name).apply(points[0], points[1])).tobytes())
    return root / f"shortest-{digest.hexdigest()[:32]}.npz"


def _load(path: Path, machine: Machine) -> Result | None:
    """What `_save` wrote; None if it is not there or not whole. `_right` checks the programs."""
    calls = machine.calls()
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            rows = [[code for code in row if code != _NONE] for row in file["calls"].tolist()]
            return Result([tuple(calls[code] for code in row) or None for row in rows], int(file["searched_to"]))
    except (OSError, EOFError, ValueError, KeyError, IndexError, TypeError, zipfile.BadZipFile):
        return None


def _save(path: Path, result: Result, machine: Machine) -> None:
    """Write the programs in one step (a reader sees all of a file or none), or silently nothing."""
    codes = {call: code for code, call in enumerate(machine.calls())}
    table = np.full((len(result.programs), max(1, result.searched_to)), _NONE, dtype=np.uint8)
    for row, program in zip(table, result.programs, strict=True):
        row[: len(program or ())] = [codes[call] for call in program or ()]
    file = io.BytesIO()
    np.savez_compressed(file, calls=table, searched_to=result.searched_to)
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        storage.replace(path, file.getvalue())


@cache
def _class_of(tree: Tree, count: int) -> Exact:
    exact = polynomial_of(tree, tuple(TOOLS.values()), count)
    assert exact is not None, "_checked_symbols lets no other tool through"
    return exact


def _operands_in(polynomial: Exact) -> int:
    """How many operands a polynomial depends on; at least 1, since every program loads one."""
    return max(1, sum(any(powers) for powers in zip(*(exponents for exponents, _ in polynomial.terms), strict=True)))


def _tokens(calls: Sequence[Call], letters: str) -> list[str]:
    arguments = [f"m{call.index}" if call.slot else letters[call.index] for call in calls]
    return [token for call, argument in zip(calls, arguments, strict=True) for token in (call.verb, argument)] + ["ANS"]


def _checked_symbols(tools: tuple[str, ...]) -> tuple[str, ...]:
    for name in tools:
        if name not in TOOLS:
            raise unknown("tool", name, TOOLS)
        if not TOOLS[name].polynomial:
            raise UserError(f"nothing can be proven with {name}: it is not a polynomial of its operands; leave it out")
    return tuple(TOOLS[name].symbol for name in tools)


def _check_crossed(crossed: tuple[str, ...], tools: tuple[str, ...]) -> None:
    for name in crossed:
        if name not in tools:
            raise UserError(f"crossed: {unknown('tool', name, tools)}")


def _checked_number(name: str, value: object, least: int, most: int) -> int:
    number = given_number(name, value)
    if not least <= number <= most:
        raise UserError(f"{name} = {short(number)} is out of range: it must be {least} to {most}")
    return number
