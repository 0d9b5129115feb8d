"""Options of a script, or of the parts of one, as a caller gives them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from inwit.core.errors import UserError, short
from inwit.core.numbers import given_number

if TYPE_CHECKING:
    from inwit.core.contracts import World


def check_taken(name: str, maker: Callable[..., object], world: World, options: Mapping[str, object]) -> None:
    """Raises `UserError` for options that the maker called `name` does not take. What goes wrong inside a maker is an
    error of its own."""
    try:
        inspect.signature(maker).bind(world, **options)
    except TypeError as error:
        raise UserError(f"{name} takes no such options as {short(str(dict(options)))}: {error}") from None


def at_least(name: str, value: object, least: int) -> int:
    """An option that is a whole number. Raises `UserError` for one that is none, and for one that is too small."""
    number = given_number(name, value)
    if number < least:
        raise UserError(f"{name} = {number} is too small: it must be at least {least}")
    return number
