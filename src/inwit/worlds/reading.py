"""Reading a task's fields as a user gives them: what is wrong is refused in one line. Free of PyTorch."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from inwit.core.errors import UserError, unknown


@dataclass(frozen=True)
class TaskField:
    """A field of a world's tasks, as a command line takes it. A scalar twin states its own in `task_fields`."""

    help: str
    many: bool = False  # a list of values


def check_fields(task: Mapping[str, Any], world: str, fields: Collection[str]) -> None:
    """Raise `UserError` for a field that the world's tasks do not have."""
    for key in task:
        if key not in fields:
            raise unknown(f"task field of {world}", key, fields)


def digits(given: Any) -> list[int]:
    """A list of operands as whole numbers; raises `UserError` for what is not a list of them.

    Their range is for `check_digits`, after their number has been found right.
    """
    if isinstance(given, str | bytes) or not hasattr(given, "__iter__"):
        raise UserError(f"operands {given!r} are not a list of digits")
    return [whole("operand", value) for value in given]


def check_digits(operands: Sequence[int]) -> None:
    for value in operands:
        if not 0 <= value <= 9:
            raise UserError(f"operand {value} is out of range: operands are the digits 0..9")


def whole(name: str, value: Any) -> int:
    """`value`, perhaps text from a command line, as a whole number."""
    try:
        number = int(value)
        if isinstance(value, bool) or (not isinstance(value, str) and number != value):
            raise ValueError
    except (ValueError, TypeError, OverflowError):
        raise UserError(f"{name} {value!r} is not a whole number") from None
    return number
