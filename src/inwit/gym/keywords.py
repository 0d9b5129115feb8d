"""The keywords of the environments and adapters: what is unknown is refused as Python and Gymnasium do it.

`budget`, in every one of them, says what an episode that has spent its budget of tokens is. "terminates": it is over,
and is worth nothing more, since the budget is part of the task. "truncates": it was cut off, and learners that tell the
two apart add the value of going on. Only the flags differ.
"""

from __future__ import annotations

from collections.abc import Iterable
from inspect import Parameter, signature

from inwit import worlds
from inwit.core.errors import UserError, unknown

OBSERVATIONS = ("tokens", "machine")
BUDGETS = ("terminates", "truncates")
SUCCESS = ("success", "is_success")  # in `info`: ours, and the name that Stable-Baselines3 counts


class WrongTypeError(UserError, TypeError):
    """A `UserError` that is a `TypeError`, too: other libraries try a keyword, catch that, and do without."""


def check_keywords(owner: type, options: type, world: str, given: Iterable[str]) -> None:
    """Raise `WrongTypeError` for a keyword that neither the constructors of `owner` and `options` nor `world` take.

    It begins with Python's own words, which TorchRL reads. Raises `UserError` for a world that there is not.
    """
    takes = [p for cls in (owner, options) for p in list(signature(cls.__init__).parameters.values())[1:]]
    names = [p.name for p in takes if p.kind is not Parameter.VAR_KEYWORD]
    valid = list(dict.fromkeys([*names, *worlds.WORLDS.settings(world).__dataclass_fields__]))
    for name in given:
        if name not in valid:
            advice = str(unknown("keyword", name, valid)).partition(": ")[2]
            raise WrongTypeError(f"{owner.__name__}.__init__() got an unexpected keyword argument {name!r}: {advice}")


def check_choice(name: str, value: object, valid: tuple[str, ...]) -> None:
    """Raise `UserError` for a value that does not exist."""
    if value not in valid:
        raise UserError(f"{name} = {value!r} does not exist: valid: {', '.join(valid)}")
