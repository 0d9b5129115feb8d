"""The shortest program for an expression of `calculator-v0`, proven by exhaustive search.

One search for each (number of operands, number of slots) serves every expression of up to five operands; a larger one
is searched for alone. Results are kept in memory and on disk (`shortest_cache`). Whatever is reported was replayed as
an exact polynomial with integer coefficients, also when it came from disk. `shortest_search` says what it relies on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from inwit.core.errors import UserError, unknown
from inwit.worlds.calculator.expressions import (
    LETTERS,
    Polynomial,
    Tree,
    enumerate_trees,
    num_operands,
    parse,
    variable,
    write,
)
from inwit.worlds.calculator.polynomials import Exact, polynomial_of
from inwit.worlds.calculator.tools import DEFAULT_TOOLS, TOOLS
from inwit.worlds.oracle import shortest_cache as search_cache
from inwit.worlds.oracle.shortest_search import Call, Result, search

MAX_SLOTS = 4
TOGETHER = 5  # expressions of up to so many operands are searched for all at once

_Class = frozenset[tuple[tuple[int, ...], int]]  # a polynomial's terms: equal expressions have equal ones


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
    expression: str | Tree, num_slots: int, tools: Sequence[str] = DEFAULT_TOOLS, max_calls: int | None = None
) -> ShortestProgram:
    """The shortest program for an expression (or a tree as `parse` makes it) with `num_slots` slots.

    `max_calls` sets the bound of the search; by default it goes as far as a few seconds allow. Raises `UserError` for
    an expression that does not parse, a tool that is unknown or not polynomial, slots outside 0..4.
    """
    tools = tuple(tools)
    symbols = _checked_symbols(tools)
    _check_number("num_slots", num_slots, 0, MAX_SLOTS)
    if max_calls is not None:
        _check_number("max_calls", max_calls, 1, 100)
    tree, letters = parse(expression, symbols) if isinstance(expression, str) else (expression, LETTERS)
    calls, searched_to = _program(tree, num_slots, tools, max_calls)
    return ShortestProgram(
        program=None if calls is None else _tokens(calls, letters),
        length=None if calls is None else 2 * len(calls) + 1,
        proven=calls is not None and len(calls) <= searched_to + 1,
        searched_to=2 * searched_to + 1,
        slots_needed=_slots_needed(tree, tools, max_calls),
    )


def shortest_table(
    num_operators_max: int, num_slots: int, tools: Sequence[str] = DEFAULT_TOOLS
) -> dict[str, ShortestProgram]:
    """The shortest program of each expression with 1 .. `num_operators_max` operators, by its text over a, b, ..."""
    symbols = _checked_symbols(tuple(tools))
    trees = [tree for count in range(1, num_operators_max + 1) for tree in enumerate_trees(count, symbols)]
    return {write(tree): shortest(tree, num_slots, tools) for tree in trees}


def shortest_for_task(world_id: str, task: Mapping[str, Any]) -> ShortestProgram:
    """`shortest` for `{"expression": ..., "num_slots": 1, "tools": [...]}`; by default one slot, the default tools."""
    if world_id != "calculator-v0":
        raise unknown("world with a search for shortest programs", world_id, ["calculator-v0"])
    fields = ("expression", "num_slots", "tools")
    for name in task:
        if name not in fields:
            raise unknown("field", name, fields)
    expression, tools = task.get("expression"), task.get("tools", DEFAULT_TOOLS)
    if not isinstance(expression, str):
        raise UserError(f"expression = {expression!r} is not text such as '(a*b)-(c*d)'")
    tools = tools.split(",") if isinstance(tools, str) else tools
    return shortest(expression, task.get("num_slots", 1), tools)


def replay(calls: Sequence[Call], count: int) -> Polynomial:
    """The exact polynomial, over `count` operands, that a legal program leaves in the accumulator."""
    operands = [Exact(variable(index, count), count) for index in range(count)]
    slots: dict[int, Exact] = {}
    acc = operands[0]  # every program loads first
    for call in calls:
        if call.verb == "STO":
            slots[call.index] = acc
            continue
        value = slots[call.index] if call.slot else operands[call.index]
        acc = value if call.verb == "LOAD" else TOOLS[call.verb].apply(acc, value)
    return acc.terms


def _program(
    tree: Tree, num_slots: int, tools: tuple[str, ...], max_calls: int | None
) -> tuple[tuple[Call, ...] | None, int]:
    """The calls of a shortest program and the number of calls that were searched.

    Where the search found none, a program with fewer slots does (their search may have gone further).
    """
    count = num_operands(tree)
    programs, searched_to = _solved(count, num_slots, tools, max_calls, None if count <= TOGETHER else tree)
    calls = programs[_class_of(tree, count)]
    if calls is None and num_slots:
        calls, _ = _program(tree, num_slots - 1, tools, max_calls)
    return calls, searched_to


def _slots_needed(tree: Tree, tools: tuple[str, ...], max_calls: int | None) -> int | None:
    found = (k for k in range(MAX_SLOTS + 1) if _program(tree, k, tools, max_calls)[0] is not None)
    return next(found, None)


@cache
def _solved(
    count: int, num_slots: int, tools: tuple[str, ...], max_calls: int | None, alone: Tree | None
) -> tuple[dict[_Class, tuple[Call, ...] | None], int]:
    """The programs of all classes of `count` operands, or of the one expression `alone`; and the calls searched."""
    trees = (alone,) if alone is not None else enumerate_trees(count - 1, _checked_symbols(tools))
    classes: dict[_Class, Tree] = {}
    for tree in trees:
        classes.setdefault(_class_of(tree, count), tree)
    what = f"{count} operands, {num_slots} slots, {max_calls} calls, {alone}"
    path = search_cache.path_of(what, count, tools)
    result = search_cache.load(path, len(classes), count, num_slots, tools) if path else None
    if result is None or not _right(result, list(classes), count):
        least = min(_operands_in(key) for key in classes)
        result = search(list(classes.values()), count, num_slots, tools, least, max_calls)
        if not _right(result, list(classes), count):
            raise AssertionError(f"the search for {what} gave a program that computes another polynomial")
        if path:
            search_cache.save(path, result, count, num_slots, tools)
    return dict(zip(classes, result.programs, strict=True)), result.searched_to


def _right(result: Result, classes: list[_Class], count: int) -> bool:
    """Whether each program, replayed exactly, computes its class."""
    try:
        return all(
            calls is None or frozenset(replay(calls, count).items()) == key
            for calls, key in zip(result.programs, classes, strict=True)
        )
    except KeyError:  # read a slot that is empty: only a damaged file has such a program
        return False


@cache
def _class_of(tree: Tree, count: int) -> _Class:
    exact = polynomial_of(tree, tuple(TOOLS.values()), count)
    assert exact is not None, "_checked_symbols lets no other tool through"
    return exact.key


def _operands_in(key: _Class) -> int:
    """How many operands a polynomial depends on; at least 1, since every program loads one."""
    return max(1, sum(any(powers) for powers in zip(*(exponents for exponents, _ in key), strict=True)))


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


def _check_number(name: str, value: Any, least: int, most: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise UserError(f"{name} = {value!r} is not a whole number")
    if not least <= value <= most:
        raise UserError(f"{name} = {value} is out of range: it must be {least} to {most}")
