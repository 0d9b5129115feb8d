"""Settings: frozen dataclasses that refuse what they do not know.

Each class that can be configured has one beside it. A field is declared with `setting(default, help, limits)`;
`build` makes an instance from a mapping (a recipe, command-line flags, Python keywords). Every refusal is a
one-line `UserError` that names the value, the limit and the nearest valid name, whichever way the value came in.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import Field, asdict, dataclass, field, fields
from functools import cache
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from inwit.core.errors import UserError, short, unknown
from inwit.core.numbers import finite_number, scalar, whole_number
from inwit.core.results import Json

S = TypeVar("S", bound="Settings")
T = TypeVar("T")


def setting(
    default: T, help: str, *, at_least: float | None = None, at_most: float | None = None, choices: tuple[str, ...] = ()
) -> T:
    """A dataclass field with its documentation and its limits."""
    return field(default=default, metadata={"help": help, "at_least": at_least, "at_most": at_most, "choices": choices})


@dataclass(frozen=True)
class Settings:
    """Base of all settings: checks every field's type and limits when an instance is made."""

    def __post_init__(self) -> None:
        hints = _hints(type(self))
        for item in fields(self):
            value, hint = getattr(self, item.name), hints[item.name]
            try:
                value = _convert(value, hint)
            except (ValueError, TypeError, OverflowError):
                raise UserError(f"{item.name} = {short(value)} is not {_describe(hint)}") from None
            _check_limits(item, value)
            object.__setattr__(self, item.name, value)

    def to_dict(self) -> Json:
        return {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(self).items()}


def build(cls: type[S], values: Mapping[str, object], where: str = "") -> S:
    """An instance of the settings class `cls` from `values`.

    `where` (for instance `policy`) prefixes the names in messages. Raises `UserError` for an unknown name, a value of
    the wrong type or one outside its limits.
    """
    prefix = f"{where}." if where else ""
    valid = [item.name for item in fields(cls)]
    for name in values:
        if name not in valid:
            raise unknown("setting", f"{prefix}{name}", [f"{prefix}{v}" for v in valid])
    try:
        return cls(**values)
    except UserError as error:
        raise UserError(f"{prefix}{error}") from None


_hints = cache(get_type_hints)  # resolving annotations is slow


def _convert(value: Any, hint: type) -> object:
    """`value` as the annotated type `hint`; text (from the command line) is read as that type."""
    if get_origin(hint) is tuple:
        items = value.split(",") if isinstance(value, str) else list(value)
        return tuple(_convert(item, get_args(hint)[0]) for item in items)
    value = os.fspath(value) if hint is str and isinstance(value, os.PathLike) else scalar(value)
    if isinstance(value, str):
        value = value.strip() or value
    if hint is int:
        return whole_number(value)
    if hint is float:
        return finite_number(value)
    if hint is bool and isinstance(value, str):
        value = {"true": True, "false": False}.get(value.lower())
    if not isinstance(value, hint):
        raise TypeError
    return hint(value)  # not NumPy's own text


def _describe(hint: type) -> str:
    if get_origin(hint) is tuple:
        return f"a list of values, each {_describe(get_args(hint)[0])} (0,1,2 on the command line)"
    return {bool: "true or false", int: "a whole number", float: "a finite number", str: "text"}[hint]


def _check_limits(item: Field, value: Any) -> None:
    name, limits = item.name, item.metadata
    if limits.get("choices") and value not in limits["choices"]:
        raise UserError(f"{name}: {unknown('choice', value, limits['choices'])}")
    least, most = limits.get("at_least"), limits.get("at_most")
    for number in value if isinstance(value, tuple) else (value,):
        if least is not None and number < least:
            raise UserError(f"{name} = {short(number)} is too small: it must be at least {least}")
        limit = 2**63 - 1 if most is None and isinstance(number, int) else most
        if limit is not None and number > limit:
            raise UserError(f"{name} = {short(number)} is too large: it must be at most {limit}")
