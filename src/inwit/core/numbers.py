"""Numbers as callers give them: Python's, NumPy's and PyTorch's scalars, and text from a command line."""

from __future__ import annotations

from inwit.core.errors import UserError, short


def scalar(value: object) -> object:
    """The Python value of a NumPy or PyTorch scalar (an array without dimensions); any other value as it is."""
    item = getattr(value, "item", None)
    try:
        return item() if callable(item) and getattr(value, "ndim", None) == 0 else value
    except RuntimeError:  # a tensor without a value
        return value


def whole_number(value: object) -> int:
    """`value` as a whole number, if it is one: `3`, `3.0`, `" 3 "`, `"1e3"`, a scalar of NumPy's or PyTorch's.

    Raises `ValueError`, `TypeError` or `OverflowError` for anything else: a bool, a list, `"1.5"`.
    """
    value = scalar(value)
    if isinstance(value, str):
        try:
            return int(value)
        except ValueError:  # no digits alone; or too many, and then not below the limit either
            value = float(value)
            if abs(value) > 2**53:  # not every whole number is a float from here on
                raise
    if isinstance(value, bool) or hasattr(value, "__len__"):
        raise TypeError
    number = int(value)  # pyright: ignore[reportArgumentType]
    if number != value:
        raise ValueError
    return number


def given_number(name: str, value: object, *, text: bool = False) -> int:
    """What a user gives as `name`, as a whole number. Text is one in flags and tasks, which come from a command line;
    in the arguments of a function it is none. Raises `UserError`."""
    try:
        if text or not isinstance(value, str):
            return whole_number(value)
    except (ValueError, TypeError, OverflowError):
        pass
    raise UserError(f"{name} = {short(value)} is not a whole number")


def finite_number(value: object) -> float:
    """`value` as a finite float. Raises `ValueError`, `TypeError` or `OverflowError` for anything else."""
    value = scalar(value)
    if isinstance(value, bool) or (hasattr(value, "__len__") and not isinstance(value, str)):
        raise TypeError
    number = float(value)  # pyright: ignore[reportArgumentType]
    if not abs(number) < float("inf"):
        raise ValueError
    return number
