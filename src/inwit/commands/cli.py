"""The command line: which command, the help above them all, and what becomes of their errors.

Each command is a module in `commands`, imported when it is called, so that `--help` answers at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from inwit.core.errors import UserError, unknown
from inwit.version import __version__

# Each a module of `inwit.commands` with a `main`.
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

ABOUT = """\
inwit: a laboratory for model-native agents: small neural policies that learn, by reinforcement alone and inside
one network, to plan, to remember and to use tools, in worlds whose best possible behaviour is known exactly.

commands:
  inwit train [RECIPE]          train an agent, prove it on every problem, show how it does it
  inwit train --resume RUN      go on with an interrupted or killed run, from its last checkpoint
  inwit evaluate RUN            exact success over all problems, beside oracle, shortcut and random policy
  inwit explain RUN ...         one problem, token by token: machine, value, alternatives
  inwit play WORLD ... -- ...   run a program by hand and see every state
  inwit oracle EXPRESSION       the proven shortest program for an expression of the calculator
  inwit bench [RECIPE] ...      learners x policies x seeds: how soon each gets to 95 % and to 100 %
  inwit runs                    the runs, newest first
  inwit query "SQL"             a question to all runs' metrics and evaluations
  inwit compare RUNS...         what differs, how soon each got there, the exact results side by side
  inwit report RUN [RUN...]     one HTML page about a run, or a comparison
  inwit export RUN --onnx FILE  the agent as ONNX, or (--folder) as a folder that travels: see docs/ecosystem.md
  inwit worlds                  the worlds
  inwit recipes [NAME]          the recipes; with a name, its text, to copy and change

Start with:  inwit train
RUN is the path of a run folder, its name, or `latest`. `inwit COMMAND --help` tells more.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status: 0, 2 for a user's mistake, 130 after Ctrl-C."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if sys.stdout is None:  # closed by the caller, as with >&-
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    try:
        status = _dispatch(arguments)
        sys.stdout.flush()
        return status
    except UserError as error:
        message = " ".join(str(error).split())
        print(f"inwit: {message}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as interrupt:
        print(f"inwit: interrupted{f': {interrupt}' if str(interrupt) else ''}", file=sys.stderr)
        return 130
    except BrokenPipeError:  # somebody downstream, such as head, has seen enough
        _drop_output()
        return 141
    except OSError as error:
        _drop_output()
        print(f"inwit: cannot write the output: {error.strerror}", file=sys.stderr)
        return 2


def _drop_output() -> None:
    """Send what is still to be flushed nowhere, so that the interpreter does not complain at its exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _dispatch(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(ABOUT, end="")
        return 0
    if arguments[0] in ("-V", "--version", "version"):
        print(f"inwit {__version__}")
        return 0
    if arguments[0] not in COMMANDS:
        raise unknown("command", arguments[0], COMMANDS)
    return import_module(f"inwit.commands.{arguments[0]}").main(arguments[1:])
