"""Searched programs on disk, in files named by the content of what they depend on.

`$INWIT_CACHE` or `~/.cache/inwit` holds one small file a search. It is a convenience only: a file that is damaged, or a
folder that cannot be read or written, is as good as none. Files hold arrays of numbers and nothing that is executed.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from inwit.worlds.calculator.tools import TOOLS, balanced
from inwit.worlds.oracle import shortest_search as search
from inwit.worlds.oracle import shortest_targets as search_targets
from inwit.worlds.oracle.shortest_search import Result, calls_of
from inwit.worlds.oracle.shortest_targets import points_of

_NONE = 255  # fills the rows of `calls`


def path_of(what: str, num_operands: int, tools: Sequence[str]) -> Path | None:
    """The file for the search that `what` describes: its name changes with the code of the search, the points and what
    the tools compute on them. None where there is no place for it."""
    try:
        root = Path(os.environ.get("INWIT_CACHE") or Path.home() / ".cache" / "inwit")
        digest = hashlib.sha256(f"{what} {search.BUDGET} {search.GROWTH}".encode())
        for module in (search, search_targets):
            digest.update(Path(module.__file__ or "").read_bytes())
    except (OSError, RuntimeError):
        return None
    points = points_of(num_operands)
    for name in tools:
        digest.update(name.encode() + balanced(TOOLS[name].apply(points[0], points[1])).tobytes())
    return root / f"shortest-{digest.hexdigest()[:32]}.npz"


def load(path: Path, num_programs: int, num_operands: int, num_slots: int, tools: Sequence[str]) -> Result | None:
    """What `save` wrote, None if it is not there or not whole. That programs are right is for the caller to check."""
    calls = calls_of(num_operands, num_slots, tools)
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            codes, (searched_to, states) = file["calls"], file["numbers"].tolist()
            rows = [[code for code in row if code != _NONE] for row in codes.tolist()]
            programs = [tuple(calls[code] for code in row) or None for row in rows]
    except (OSError, EOFError, ValueError, KeyError, IndexError, TypeError, zipfile.BadZipFile):
        return None
    return Result(programs, searched_to, states) if len(programs) == num_programs else None


def save(path: Path, result: Result, num_operands: int, num_slots: int, tools: Sequence[str]) -> None:
    """Write the programs in one step (a reader sees all of a file or none), or silently nothing."""
    codes = {call: code for code, call in enumerate(calls_of(num_operands, num_slots, tools))}
    table = np.full((len(result.programs), max(1, result.searched_to)), _NONE, dtype=np.uint8)
    for row, program in zip(table, result.programs, strict=True):
        row[: len(program or ())] = [codes[call] for call in program or ()]
    name = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".tmp", delete=False) as file:
            name = Path(file.name)
            np.savez_compressed(file, calls=table, numbers=np.array([result.searched_to, result.states]))
        name.replace(path)
    except OSError:
        if name is not None:
            with suppress(OSError):
                name.unlink()
