"""What a person sees on the terminal: tables of results and of episodes, and the live view of a training.

No decisions, no PyTorch.
"""

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
