"""The terminal, or the file, that tables are printed on."""

from __future__ import annotations

import sys

from rich.console import Console

NARROWEST = 20  # columns that a terminal is taken to have at least
PIPED = 132  # columns of what is no terminal


class _Console(Console):
    def on_broken_pipe(self) -> None:
        raise BrokenPipeError  # the command line's own end for it, not rich's


def console(*, stderr: bool = False) -> Console:
    """Tables are as wide as the terminal; when piped, wide enough that nothing is cut."""
    stream = sys.stderr if stderr else sys.stdout
    terminal = stream is not None and stream.isatty()  # FORCE_COLOR and its like make no terminal of a file
    made = _Console(stderr=stderr, highlight=False, markup=False, emoji=False, width=None if terminal else PIPED)
    if made.width < NARROWEST:
        made.width = NARROWEST
    return made


def can_change(target: Console) -> bool:
    """Whether what was printed can be changed afterwards: on a terminal that a person sees, whatever variables such as
    FORCE_COLOR say of it."""
    return target.file.isatty() and target.is_interactive and not target.is_dumb_terminal
