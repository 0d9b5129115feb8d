"""Modules of the user's own, imported by name or by path, so that what they register can be used by its name.

What was imported is remembered as it was given: a run's record notes it, and says what is missing where it is read.
Nothing is ever imported because a file names it: that would run whatever the file's author likes.
"""

from __future__ import annotations

import os
import shlex
import sys
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from importlib import import_module
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path

from inwit.core.errors import UserError

_given: list[str] = []


def imported() -> list[str]:
    """What was imported so far, as it was given."""
    return list(_given)


def bring(modules: Iterable[str]) -> None:
    """Import modules: each a dotted name, found from the current folder too, or the path of a .py file.

    What they print goes to stderr. Raises `UserError`, in one line, for one that is not there or fails.
    """
    for module in modules:
        if module in _given:
            continue
        try:
            with redirect_stdout(sys.stderr):
                _import(module)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # test tools and event loops have exceptions of that kind
            raise UserError(f"cannot import {module}: {_what(error, module)}") from None
        _given.append(module)


@contextmanager
def asked_for(recorded: object) -> Iterator[None]:
    """Say with a `UserError` from inside which modules, of those that a record notes, were not imported here."""
    try:
        yield
    except UserError as error:
        names = recorded if isinstance(recorded, list) else []
        given = {*_given, *(Path(name).name for name in _given)}  # an agent that travels has no folders of its maker's
        flags = [f"--import {shlex.quote(name)}" for name in names if isinstance(name, str) and name not in given]
        if not flags:
            raise
        raise UserError(f"{error}; it was made with {' '.join(flags)}: give that, or import it in Python") from None


def _import(module: str) -> None:
    path = Path(module)
    if set(module) <= {"."}:
        raise ModuleNotFoundError(name=module.split(".")[0])
    if path.suffix.lower() != ".py":
        _find_in(os.getcwd())  # noqa: PTH109  as sys.path has it
        import_module(module)
        return
    path = Path(os.path.abspath(path))  # noqa: PTH100  without `..`, as modules have it
    if any(getattr(loaded, "__file__", None) == str(path) for loaded in list(sys.modules.values())):
        return
    if not path.is_file():
        raise FileNotFoundError("it is a folder" if path.is_dir() else "there is no such file")
    name = path.stem
    if not name.isidentifier() or name in sys.modules or ((known := find_spec(name)) and known.origin != str(path)):
        name = f"inwit_import_{len(_given)}"  # the other module of that name stays what it is
    spec = spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    _find_in(str(path.parent))  # its neighbours
    sys.modules[name] = loaded = module_from_spec(spec)
    try:
        spec.loader.exec_module(loaded)
    except BaseException:
        del sys.modules[name]
        raise


def _find_in(folder: str) -> None:
    """At the end: a file of the user's does not hide a module of others."""
    if folder not in sys.path:
        sys.path.append(folder)


def _what(error: BaseException, module: str) -> str:
    """The kind of an exception, what it says, and where in the user's files it came up."""
    said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    if isinstance(error, ModuleNotFoundError) and error.name == module.split(".")[0]:
        return "there is no module of that name, here or installed; a file is given as in ./my_world.py"
    if isinstance(error, FileNotFoundError) and error.errno is None:
        return str(error)
    if isinstance(error, SyntaxError):
        place = "" if error.filename is None else f" ({error.filename}, line {error.lineno})"
        return f"{type(error).__name__}: {error.msg}{place}"
    own = Path(__file__).parents[1]
    frames = [each for each in traceback.extract_tb(error.__traceback__) if "importlib" not in each.filename]
    places = [each for each in frames if own not in Path(each.filename).parents]
    return f"{said} ({places[-1].filename}, line {places[-1].lineno})" if places else said
