"""The commands `inwit runs` and `inwit query`."""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from decimal import Decimal
from math import isfinite
from typing import Any

from inwit.arguments import Parser, print_json
from inwit.errors import UserError
from inwit.records.folder import read_metrics, runs_folder
from inwit.records.index import Row, listing
from inwit.records.text import count, seconds, table

SHOWN = 30  # runs, unless --limit says otherwise
LONGEST = 1000  # rows of a table; --csv and --json have no end
STATUSES = ("running", "stopped", "finished", "interrupted", "failed", "damaged")


def runs(arguments: Sequence[str]) -> int:
    parser = Parser(
        prog="inwit runs",
        description="List the runs under ./runs or $INWIT_RUNS, newest first. `solved` is the last exact evaluation\n"
        "of the weights that a run has now. One that is `stopped` was killed: `inwit train --resume RUN` goes on.\n"
        "An index is kept in the folder, so that thousands are listed at once.\n\n"
        "example: inwit runs --recipe tutorial --status finished --limit 5",
    )
    parser.add_argument("--recipe", help="only runs of this recipe", metavar="NAME")
    parser.add_argument("--status", help=f"only these: {', '.join(STATUSES)}", choices=STATUSES, metavar="STATUS")
    parser.add_argument("--limit", help=f"show so many (default: {SHOWN}; 0: all)", metavar="N")
    parser.add_argument("--json", action="store_true", help="print a JSON list")
    args = parser.parse_args(arguments)
    limit = _limit(args.limit)
    chosen = [row for row in listing() if args.recipe in (None, row.recipe) and args.status in (None, row.status)]
    shown = [_so_far(row) for row in chosen[: limit or None]]
    if args.json:
        print_json([row._asdict() for row in shown])
        return 0
    if not chosen:
        print(f"no such runs under {runs_folder()}: make one with `inwit train`")
        return 0
    headings = ("run", "status", "recipe", "seed", "solved", "updates", "time", "tokens", "begun (UTC)")
    print(table(headings, map(_cells, shown), [False, False, False, True, True, True, True, True, False]))
    if len(shown) < len(chosen):
        print(f"{len(shown):,} of {len(chosen):,} runs: --limit 0 shows all")
    return 0


def _limit(text: str | None) -> int:
    if text is None:
        return SHOWN
    if not (text.isascii() and text.isdigit()):
        raise UserError(f"--limit {text} is not a whole number: 0 shows all runs")
    return int(text)


def _so_far(row: Row) -> Row:
    """A training that goes on, or was killed, has the summary of its last checkpoint at most: its last line of metrics
    stands in."""
    if row.status not in ("running", "stopped"):
        return row
    metrics = read_metrics(runs_folder() / row.run)
    if not metrics or metrics[-1]["update"] <= (row.updates or 0):
        return row
    last = metrics[-1]
    return row._replace(updates=last.get("update"), seconds=last.get("seconds"), tokens=last.get("tokens"))


def _cells(row: Row) -> list[Any]:
    solved = None if row.solved is None else f"{row.solved:,} of {row.problems or 0:,}"
    begun = row.created[:16].replace("T", " ")
    amounts = count(row.updates), seconds(row.seconds), count(row.tokens)
    return [row.run, row.status, row.recipe, row.seed, solved, *amounts, begun]


def query(arguments: Sequence[str]) -> int:
    parser = Parser(
        prog="inwit query",
        description="Ask all runs one question in SQL (DuckDB's). It only reads. The tables:\n\n"
        "  runs         run, status, recipe, seed, world, policy, learner, solved, problems, updates, seconds,\n"
        "               tokens, created, updated\n"
        "  metrics      run, update, seconds, episodes, tokens, success (a map: success['2'] is stage 2's), entropy,\n"
        "               loss and what else the learner reports: DESCRIBE metrics\n"
        "  evaluations  run, update, time, stage (or operators), slots, problems, solved, success, steps, shortest,\n"
        "               shortcut, random\n"
        "  settings     run, name (as in policy.width), value (text)\n\n"
        'example: inwit query "SELECT learner, count(*), median(seconds) FROM runs GROUP BY learner"\n'
        "example: inwit query \"SELECT run, min(tokens) FROM metrics WHERE success['2'] > 0.8 GROUP BY run\"",
    )
    parser.add_argument("sql", help="one SELECT, in quotes")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print a JSON list, an object for each row")
    form.add_argument("--csv", action="store_true", help="print CSV with a line of headings")
    args = parser.parse_args(arguments)
    from inwit.records.query import query as ask

    answer = ask(args.sql)
    if args.json:
        print_json([dict(zip(answer.columns, map(_plain, row), strict=True)) for row in answer.rows])
    elif args.csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerows([answer.columns, *answer.rows])
    else:
        right = [
            any(isinstance(row[i], int | float | Decimal) for row in answer.rows) for i in range(len(answer.columns))
        ]
        print(table(answer.columns, [list(map(_shown, row)) for row in answer.rows[:LONGEST]], right))
        if len(answer.rows) > LONGEST:
            print(f"{LONGEST:,} of {len(answer.rows):,} rows: say LIMIT, or take --csv or --json")
    return 0


def _plain(value: Any) -> Any:
    """As JSON has it: decimals are floats, times are text, what is no number is null."""
    if isinstance(value, Decimal):
        value = float(value)
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def _shown(value: Any) -> Any:
    if isinstance(value, Decimal):
        return _shown(float(value))
    if isinstance(value, float):
        return f"{value:,.4f}".rstrip("0").rstrip(".") if abs(value) >= 0.001 or value == 0 else f"{value:.3g}"
    return value
