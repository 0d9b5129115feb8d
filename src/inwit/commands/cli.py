"""The command line: which command, the help above them all, and what becomes of their errors.

Each command is a module in `commands`, imported when it is called, so that `--help` answers at once.
"""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import TextIO

from inwit.commands import streams
from inwit.commands.arguments import take_imports
from inwit.core.errors import UserError, out_of_memory, unknown
from inwit.core.storage import to_stderr
from inwit.version import __version__

# Each a module of `inwit.commands` with a `main`; the help takes its usage from its docstring.
COMMANDS = (
    "train",
    "evaluate",
    "explain",
    "evidence",
    "play",
    "oracle",
    "bench",
    "suite",
    "runs",
    "query",
    "compare",
    "report",
    "page",
    "playground",
    "export",
    "worlds",
    "recipes",
    "doctor",
)
USAGE = re.compile(r"^`inwit (?P<usage>.+?)`: (?P<about>.+?)\.?$", re.MULTILINE)

HELP = """\
inwit: a laboratory for model-native agents: small neural policies that learn from reward to plan, to remember and
to use tools, in worlds small enough to be solved exactly. Some recipes also imitate programs, their own or random
ones, that turned out right.

commands:
{commands}

Start with:  inwit train
RUN is the path of a run folder, its name, or `latest`. `inwit COMMAND --help` tells more.
--import MODULE, with every command and several times, brings worlds, policies and learners of your own: a module
as Python names it, also one in this folder, or the path of a .py file.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status: 0, 2 for a user's mistake, 130 after Ctrl-C, 141 where nobody reads."""
    streams.prepare()
    try:
        status = _finished(list(sys.argv[1:] if argv is None else argv))
        sys.stdout.flush()
        return status
    except UserError as error:
        to_stderr(" ".join(str(error).split()))
        return 2
    except KeyboardInterrupt as interrupt:
        to_stderr(f"interrupted{f': {interrupt}' if str(interrupt) else ''}")
        return 130
    except BrokenPipeError:  # a reader such as head has ended
        _drop_output()
        return 141
    except RecursionError:
        to_stderr("what was given is nested too deeply to be read")
        return 2
    except (MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
        to_stderr(f"there is not enough memory: {str(error).partition(chr(10))[0]}")
        return 2
    except OSError as error:
        to_stderr(_of_the_disk(error))
        _drop_output()
        return 2
    except ImportError as error:
        to_stderr(f"{error}: the installation is not complete; `inwit doctor` says what to do")
        return 2


def _of_the_disk(error: OSError) -> str:
    """What was being read or written when the system refused."""
    reason = error.strerror or str(error)
    if error.filename is not None:  # a file that no command expects to be unreadable
        return f"{error.filename}: {reason}"
    full = error.errno in (errno.ENOSPC, errno.EDQUOT) or not _is_written(sys.stdout)
    return f"cannot write the output: {reason}" if full else reason


def _is_written(stream: TextIO) -> bool:
    """Whether everything that was printed could be written."""
    try:
        stream.flush()
    except OSError:
        return False
    return True


def _drop_output() -> None:
    """Send what is still to be flushed nowhere, so that the interpreter does not complain at its exit."""
    for stream in (sys.stdout, sys.stderr):
        if not _is_written(stream):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _finished(arguments: list[str]) -> int:
    """The status of a command that has come to its end."""
    arguments, modules = take_imports(arguments)
    if modules:
        from inwit.core.imports import bring

        bring(modules)
    try:
        return _dispatch(arguments)
    except SystemExit:  # as argparse leaves `--help`
        sys.stdout.flush()  # here, where it is told if that fails
        raise


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
    lines = [match.group("usage", "about") for module in modules for match in USAGE.finditer(module.__doc__ or "")]
    found = [(usage, about) for usages, about in lines for usage in usages.split("` or `inwit ")]
    width = max((len(usage) for usage, _ in found), default=0)
    return "\n".join(f"  inwit {usage:{width}}  {about}" for usage, about in found)
