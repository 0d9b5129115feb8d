"""Reading a task's fields as a user gives them. What is wrong is refused in one line. Free of PyTorch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from inwit.core.errors import UserError, short, unknown
from inwit.core.numbers import given_number


@dataclass(frozen=True)
class TaskField:
    """A field of a world's tasks, as a command line takes it. A scalar twin states its own in `task_fields`."""

    help: str
    many: bool = False  # a list of values
    optional: bool = False


def check_fields(task: Mapping[str, object], world: str, fields: Mapping[str, TaskField], needs: str) -> None:
    """Raise `UserError` for a field that the world's tasks do not have, and for one that is missing; `needs` says in
    words what a task must have."""
    for key in task:
        if key not in fields:
            raise unknown(f"task field of {world}", key, fields)
    for key, field in fields.items():
        if key not in task and not field.optional:
            raise UserError(f"the task has no {key}: {world} needs {needs}")


def digits(given: object, count: int, owner: str) -> list[int]:
    """`count` operands as digits. Raises `UserError` for anything else; `owner` is what has so many of them."""
    if isinstance(given, str | bytes) or not hasattr(given, "__iter__"):
        raise UserError(f"operands {short(given)} are not a list of digits")
    operands = [given_number("operand", value, text=True) for value in given]  # pyright: ignore[reportGeneralTypeIssues]
    if len(operands) != count:
        raise UserError(f"{len(operands)} operands were given: {owner} has {count}")
    for value in operands:
        if not 0 <= value <= 9:
            raise UserError(f"operand {value} is out of range: operands are the digits 0..9")
    return operands
