"""Values out of files that may be damaged, or of another version: what is not as it should be is left out."""

from __future__ import annotations

from typing import TypeGuard

from inwit.core.results import Json

LARGEST = 1e100  # what is beyond was not measured, and sums and squares of it would overflow


def as_list(value: object) -> list[object]:
    return list(value) if isinstance(value, list | tuple) else []


def as_dict(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def as_pair(value: object) -> tuple[float, float] | None:
    pair = [each for each in as_list(value) if is_number(each)]
    return (pair[0], pair[1]) if len(pair) == len(as_list(value)) == 2 else None


def is_number(value: object) -> TypeGuard[int | float]:
    """A finite number that can be reckoned with."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST


def number(values: object, name: str) -> float | None:
    """A finite number out of a mapping, or None."""
    value = as_dict(values).get(name)
    return value if is_number(value) else None
