"""The command line: which command, the help above them all, and what becomes of their errors.

Each command is a module in `commands`, imported when it is called, so that `--help` answers at once.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path

from inwit.core.errors import UserError, out_of_memory, unknown
from inwit.version import __version__

# Each a module of `inwit.commands` with a `main`; the help takes its usage from its docstring.
COMMANDS = (
    "train",
    "evaluate",
    "explain",
    "play",
    "oracle",
    "bench",
    "runs",
    "query",
    "compare",
    "report",
    "export",
    "worlds",
    "recipes",
)
USAGE = re.compile(r"^`inwit (?P<usage>.+?)`: (?P<about>.+?)\.?$", re.MULTILINE)

HELP = """\
inwit: a laboratory for model-native agents: small neural policies that learn, by reinforcement alone and inside
one network, to plan, to remember and to use tools, in worlds whose best possible behaviour is known exactly.

commands:
{commands}

Start with:  inwit train
RUN is the path of a run folder, its name, or `latest`. `inwit COMMAND --help` tells more.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status: 0, 2 for a user's mistake, 130 after Ctrl-C."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if sys.stdout is None:  # closed by the caller, as with >&-
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a `?` where a terminal's encoding lacks a character
            stream.reconfigure(errors="replace")
    try:
        status = _dispatch(arguments)
        sys.stdout.flush()
        return status
    except UserError as error:
        print("inwit:", *str(error).split(), file=sys.stderr)
        return 2
    except KeyboardInterrupt as interrupt:
        print(f"inwit: interrupted{f': {interrupt}' if str(interrupt) else ''}", file=sys.stderr)
        return 130
    except BrokenPipeError:  # a reader such as head has ended
        _drop_output()
        return 141
    except (MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
        print(f"inwit: there is not enough memory: {str(error).partition(chr(10))[0]}", file=sys.stderr)
        return 2
    except OSError as error:
        if error.filename is not None:  # a file that no command expects to be unreadable
            print(f"inwit: {error.filename}: {error.strerror}", file=sys.stderr)
            return 2
        _drop_output()
        print(f"inwit: cannot write the output: {error.strerror or error}", file=sys.stderr)
        return 2


def _drop_output() -> None:
    """Send what is still to be flushed nowhere, so that the interpreter does not complain at its exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _dispatch(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(HELP.format(commands=_usages()), end="")
        return 0
    if arguments[0] in ("-V", "--version", "version"):
        print(f"inwit {__version__}")
        return 0
    if arguments[0] not in COMMANDS:
        raise unknown("command", arguments[0], COMMANDS)
    return import_module(f"inwit.commands.{arguments[0]}").main(arguments[1:])


def _usages() -> str:
    """A line for each way to call a command, as its module's docstring has them."""
    modules = (import_module(f"inwit.commands.{name}") for name in COMMANDS)
    found = [match.group("usage", "about") for module in modules for match in USAGE.finditer(module.__doc__ or "")]
    width = max((len(usage) for usage, _ in found), default=0)
    return "\n".join(f"  inwit {usage:{width}}  {about}" for usage, about in found)
