"""Code that is not inwit's. It is a part of what was asked: a training is made again once it changes."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

from inwit.core.results import Json
from inwit.suite.controls import SHUFFLED


def own_code(names: Sequence[str], parts: Sequence[object]) -> Json:
    """A short hash of each file that is no part of inwit: of `names`, which are modules, paths of .py files or
    `module:Class`, and of the modules in which `parts` were made. Other names count for nothing."""
    files = {name: _file(name.removeprefix(f"{SHUFFLED}:").partition(":")[0]) for name in names}
    for part in parts:
        module = getattr(part, "__module__", "")
        files[module] = _file(module)
    return {name: _hash(file) for name, file in sorted(files.items()) if file is not None}


def _file(name: str) -> Path | None:
    """The file behind a name, unless it is inwit's."""
    if name.partition(".")[0] == "inwit":
        return None
    path = Path(name) if name.lower().endswith(".py") else getattr(sys.modules.get(name), "__file__", None)
    return None if path is None else Path(path)


def _hash(file: Path) -> str:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()[:16]
    except OSError:
        return ""
