"""What a caller gives to a script, or to the parts of one: options, and parts of the caller's own."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from inwit.core.errors import UserError, short, unknown
from inwit.core.numbers import given_number

if TYPE_CHECKING:
    from inwit.core.contracts import World


def check_taken(
    name: str,
    maker: Callable[..., object],
    world: World,
    options: Mapping[str, object],
    also: Sequence[str] = (),
) -> None:
    """Raises `UserError` for options that the maker called `name` does not take, nor what makes the rest (`also`). What
    goes wrong inside a maker is an error of its own."""
    _, *known = inspect.signature(maker).parameters.values()
    named = [each.name for each in known if each.kind is not each.VAR_KEYWORD]
    if len(named) == len(known):
        for option in options:
            if option not in named:
                raise unknown(f"option of {name}", option, [*also, *named] or ["none"])
    try:
        inspect.signature(maker).bind(world, **options)
    except TypeError as error:
        raise UserError(f"{name}: {error}") from None


def check_part(name: str, part: object, protocol: type) -> None:
    """Raises `UserError` for a part that lacks a function of its Protocol."""
    for function in vars(protocol):
        if not function.startswith("_") and not callable(getattr(part, function, None)):
            raise UserError(f"{name} = {short(part)} is no {name}: it has no function {function!r}")


def at_least(name: str, value: object, least: int) -> int:
    """An option that is a whole number. Raises `UserError` for one that is none, and for one that is too small."""
    number = given_number(name, value)
    if number < least:
        raise UserError(f"{name} = {number} is too small: it must be at least {least}")
    return number
