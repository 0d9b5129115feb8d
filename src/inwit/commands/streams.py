"""The standard streams: whatever encoding they have and whether or not they are there, the commands can print.

A sign that a stream's encoding lacks is replaced by one that looks like it, or by `?`. A stream that the caller has
closed (as with `>&-`) leads nowhere.
"""

from __future__ import annotations

import codecs
import os
import shutil
import sys
from io import TextIOWrapper
from pathlib import Path

# Signs that inwit prints itself. Each has one sign for it, so that columns stay below each other; but for infinity.
LOOKALIKES = dict(zip("─━│·×–—−…⁻°▁▂▃▄▅▆▇█✓✕", "--|.x---.-o_.:-=+*#vx", strict=True)) | {"∞": "inf"}


def prepare() -> None:
    """Make the streams ready for any text."""
    codecs.register_error("inwit", _look_alike)
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("r" if name == "stdin" else "w", encoding="utf-8"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="inwit")


def _look_alike(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(LOOKALIKES.get(sign, "?") for sign in error.object[error.start : error.end]), error.end


def terminal_width() -> int | None:
    """The columns of the terminal; None where stdout is none, and lines may be of any length."""
    return max(20, shutil.get_terminal_size().columns) if sys.stdout.isatty() else None
