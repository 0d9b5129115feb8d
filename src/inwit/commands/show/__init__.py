"""What a person sees on the terminal: tables of results and of episodes, and the live view of a training.

No decisions, no PyTorch.
"""

from __future__ import annotations

import sys

from rich.console import Console


def console(*, stderr: bool = False) -> Console:
    """Tables are as wide as the terminal; when piped, wide enough that nothing is cut."""
    stream = sys.stderr if stderr else sys.stdout
    terminal = stream is not None and stream.isatty()
    return Console(stderr=stderr, highlight=False, markup=False, width=None if terminal else 132)
