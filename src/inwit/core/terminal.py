"""The terminal, or the file, that tables are printed on."""

from __future__ import annotations

import sys
from io import TextIOBase
from typing import IO, cast

from rich.console import Console

NARROWEST = 20  # columns that a terminal is taken to have at least
PIPED = 132  # columns of what is no terminal


class _Nowhere(TextIOBase):
    def write(self, s: str) -> int:
        return len(s)


class _Console(Console):
    @property
    def file(self) -> IO[str]:
        """A stream that is closed, even in the meantime, is treated as none."""
        found = super().file
        return cast(IO[str], _Nowhere()) if getattr(found, "closed", False) else found

    @file.setter
    def file(self, new_file: IO[str]) -> None:
        self._file = new_file

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError  # the command line's own end for it, not rich's


def console(*, stderr: bool = False) -> Console:
    """Tables are as wide as the terminal; when piped, wide enough that nothing is cut."""
    stream = sys.stderr if stderr else sys.stdout
    there = None if getattr(stream, "closed", False) else stream
    terminal = there is not None and there.isatty()  # FORCE_COLOR and its like make no terminal of a file
    made = _Console(stderr=stderr, highlight=False, markup=False, emoji=False, width=None if terminal else PIPED)
    if made.width < NARROWEST:
        made.width = NARROWEST
    return made


def can_change(target: Console) -> bool:
    """Whether what was printed can be changed afterwards: on a terminal that a person sees, whatever variables such as
    FORCE_COLOR say of it."""
    return target.file.isatty() and target.is_interactive and not target.is_dumb_terminal
