"""The calculator's machine once more, token by token in plain Python, and every program from where it stands."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from calculating import NUMBERS, PRIME, TOOLS
from inwit.core.capabilities import FAR

TOOLS = TOOLS | {"RSB": lambda acc, value: value - acc, "TWICE": lambda acc, value: 2 * (acc + value)}


class Machine(NamedTuple):
    """The values are those at the big numbers; None where nothing is held."""

    operands: int
    tools: tuple[str, ...]
    pending: str | None
    acc: int | None
    slots: tuple[int | None, ...]


def empty(operands: int, slots: int, tools: Sequence[str]) -> Machine:
    return Machine(operands, tuple(tools), None, None, (None,) * slots)


def value(machine: Machine, argument: str) -> int | None:
    return machine.slots[int(argument[1])] if argument[0] == "m" else NUMBERS["abcdefghij".index(argument)]


def tokens(machine: Machine) -> list[str]:
    """The legal tokens, ANS among them."""
    slots = [f"m{slot}" for slot in range(len(machine.slots))]
    if machine.pending == "STO":
        return slots
    if machine.pending:
        letters = list("abcdefghij"[: machine.operands])
        return letters + [slot for slot in slots if value(machine, slot) is not None]
    if machine.acc is None:
        return ["LOAD"]
    return ["LOAD", *machine.tools, *(["STO"] if slots else []), "ANS"]


def after(machine: Machine, token: str) -> Machine:
    if machine.pending is None:
        return machine._replace(pending=token)
    if machine.pending == "STO":
        kept = list(machine.slots)
        kept[int(token[1])] = machine.acc
        return machine._replace(pending=None, slots=tuple(kept))
    read = value(machine, token)
    result = read if machine.pending == "LOAD" else TOOLS[machine.pending](machine.acc, read) % PRIME
    return machine._replace(pending=None, acc=result)


@cache
def ends(machine: Machine, left: int, goals: frozenset[int]) -> dict[int, int]:
    """Which goals programs of up to `left` tokens answer, with the fewest tokens of each."""
    found: dict[int, int] = {}
    if left == 2 and machine.pending is None:
        left = 1  # of two tokens the first would begin a call, and none would be left to answer
    for token in tokens(machine) if left else []:
        if token != "ANS":
            shorter = ends(after(machine, token), left - 1, goals) if left > 1 else {}
            found |= {goal: min(found.get(goal, FAR), length + 1) for goal, length in shorter.items()}
        elif machine.acc in goals:
            found[machine.acc] = 1
    return found


def paths(machine: Machine, depth: int) -> dict[Machine, list[str]]:
    """A way to each machine that up to so many tokens reach, none of them ANS."""
    known: dict[Machine, list[str]] = {machine: []}
    newest = [machine]
    for _ in range(depth):
        following = []
        for each in newest:
            for token in tokens(each):
                if token != "ANS" and after(each, token) not in known:
                    known[after(each, token)] = [*known[each], token]
                    following.append(after(each, token))
        newest = following
    return known
