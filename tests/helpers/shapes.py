"""The checks behind jaxtyping's import hook: every signature and dataclass that names a tensor's shape is checked.

Signatures without a shape are left to pyright, which reads them better than a check at run time does: settings take
text on purpose and convert it, and protocols describe, they are not there for isinstance.

`jaxtyping.jaxtyped` itself wraps every function, with a shape or without, wraps an inner function again at each call of
the outer one, and checks a call's arguments twice: the tests took a third longer. `install` puts `shaped` in its place.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import is_dataclass
from importlib.util import find_spec
from pathlib import Path
from types import FunctionType
from typing import Any

import jaxtyping
from beartype import BeartypeConf, beartype

_check = beartype(conf=BeartypeConf(is_pep484_tower=True))
_one_call = jaxtyping.jaxtyped  # `_one_call("context")`: within it, each name of a dimension means one size


def install(package: str) -> None:
    """Check every shape that `package` names. Call it before anything imports the package."""
    jaxtyping.jaxtyped = lambda *, typechecker: shaped  # type: ignore[assignment] # what the hook's decorators call
    jaxtyping.install_import_hook(annotated(package), None)


def shaped(thing: Any) -> Any:
    """The function, method or dataclass `thing` with those of its arguments and results checked that are tensors."""
    if isinstance(thing, staticmethod | classmethod):
        return type(thing)(shaped(thing.__func__))
    if isinstance(thing, property):
        return property(shaped(thing.fget), thing.fset, thing.fdel, thing.__doc__)
    if isinstance(thing, type):
        if is_dataclass(thing) and _names_a_tensor(thing.__init__):
            thing.__init__ = _checked(thing.__init__)
        return thing
    return _checked(thing) if isinstance(thing, FunctionType) and _names_a_tensor(thing) else thing


def _names_a_tensor(function: Any) -> bool:
    return any("Tensor" in str(hint) for hint in function.__annotations__.values())


def _checked(function: Callable[..., Any]) -> Callable[..., Any]:
    hints = function.__annotations__
    function.__annotations__ = {name: hint if "Tensor" in str(hint) else Any for name, hint in hints.items()}
    check = _check(function)

    @functools.wraps(function)
    def call(*arguments: Any, **named: Any) -> Any:
        with _one_call("context"):
            return check(*arguments, **named)

    return call


def annotated(package: str) -> list[str]:
    """The package's modules whose source imports jaxtyping, found without importing any. The others name no shape, and
    the hook would make every call in them slower."""
    spec = find_spec(package)
    assert spec is not None
    assert spec.submodule_search_locations
    root = Path(spec.submodule_search_locations[0])
    paths = [path for path in sorted(root.rglob("*.py")) if "jaxtyping import" in path.read_text(encoding="utf-8")]
    parts = [(package, *path.relative_to(root).with_suffix("").parts) for path in paths]
    return [".".join(part).removesuffix(".__init__") for part in parts]
