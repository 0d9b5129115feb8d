"""What the commands' parsing shares. Free of PyTorch, and of everything else that is slow to import."""

from __future__ import annotations

import argparse
import json
from typing import Any, NoReturn

from inwit.core.errors import UserError

AT_THE_END = "print one JSON object at the end, nothing else on stdout"  # --json, where progress is shown


class Parser(argparse.ArgumentParser):
    """A command's. Errors are one line (raised, not printed), abbreviations are refused, texts keep their lines."""

    def __init__(self, command: str, description: str, usage: str | None = None) -> None:
        super().__init__(
            prog=f"inwit {command}",
            usage=usage,
            description=description,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}; see {self.prog} --help")


def add_run(parser: Parser) -> None:
    parser.add_argument("run", help="a run folder, its name, or latest")


def add_runs(parser: Parser) -> None:
    parser.add_argument(
        "runs", nargs="+", help="names, paths, patterns such as 'calculator-*', or latest", metavar="RUN"
    )


def add_json(parser: Parser, prints: str = "print one JSON object") -> None:
    parser.add_argument("--json", action="store_true", help=prints)


def add_task(parser: Parser) -> None:
    """One problem, of any world; `task` reads it."""
    parser.add_argument("--stage", help="tutorial: the problem's stage", metavar="S")
    parser.add_argument("--expression", help="calculator: the expression, as in '(a*b)-c'", metavar="E")
    parser.add_argument(
        "--operands", nargs="*", help="the digits: one for each operand (tutorial-v0: five)", metavar="D"
    )
    parser.add_argument("--slots", help="calculator: the machine's memory slots", metavar="K")


def task(args: argparse.Namespace) -> dict[str, Any]:
    """The task as the flags give it; the world decides whether it fits."""
    operands = None if args.operands is None else [part for text in args.operands for part in text.split(",") if part]
    given = {"stage": args.stage, "expression": args.expression, "operands": operands, "num_slots": args.slots}
    return {name: value for name, value in given.items() if value is not None}


def print_json(value: Any) -> None:
    print(json.dumps(value, indent=1, allow_nan=False))
