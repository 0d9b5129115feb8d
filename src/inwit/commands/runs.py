"""`inwit runs`: the runs, newest first.

List the runs under ./runs or $INWIT_RUNS, newest first. `solved` is the last exact evaluation
of the weights that a run has now. One that is `stopped` was killed: `inwit train --resume RUN` goes on.
An index is kept in the folder, so that thousands are listed at once.

example: inwit runs --recipe tutorial --status finished --limit 5
"""

from __future__ import annotations

from fnmatch import fnmatchcase

from inwit.commands.arguments import Parser, add_json, add_tag, print_json
from inwit.commands.streams import terminal_width
from inwit.core.errors import UserError, short
from inwit.core.numbers import given_number
from inwit.core.text import count, seconds, table
from inwit.runs.folder import read_metrics, runs_folder
from inwit.runs.index import Row, chosen, listing

SHOWN = 30  # runs, unless --limit says otherwise
STATUSES = ("running", "stopped", "finished", "interrupted", "failed", "damaged")


def main(arguments: list[str]) -> int:
    parser = Parser(__doc__)
    parser.add_argument("--recipe", help="only runs of this recipe", metavar="NAME")
    parser.add_argument(
        "--status", help=f"only these: {', '.join(STATUSES)}", type=str.strip, choices=STATUSES, metavar="STATUS"
    )
    parser.add_argument("--name", help="only runs whose given name fits, as in 'wide-*'", metavar="PATTERN")
    add_tag(parser)
    parser.add_argument("--limit", help=f"show so many (default: {SHOWN}; 0: all)", metavar="N", default=str(SHOWN))
    add_json(parser, "print a JSON list")
    args = parser.parse_args(arguments)
    limit = given_number("--limit", args.limit, text=True)
    if limit < 0:
        raise UserError(f"--limit {short(limit)} is too small: 0 shows all runs")
    rows = [row for row in listing() if args.recipe in (None, row.recipe) and args.status in (None, row.status)]
    rows = chosen(rows, args.tag)
    if args.name is not None:
        rows = [row for row in rows if row.name is not None and fnmatchcase(row.name, args.name)]
    shown = [_so_far(row) for row in rows[: limit or None]]
    if args.json:
        print_json([row._asdict() for row in shown])
        return 0
    if not rows:
        print(f"no such runs under {runs_folder()}: make one with `inwit train`")
        return 0
    labels = {"name": [row.name for row in shown], "tags": [", ".join(row.tags) or None for row in shown]}
    labels = {heading: texts for heading, texts in labels.items() if any(texts)}  # where a run has them
    headings = ("run", *labels, "status", "recipe", "seed", "solved", "updates", "time", "tokens", "begun (UTC)")
    right = [False] * (3 + len(labels)) + [True] * 5 + [False]
    cells = [[row.run, *own, *_cells(row)] for row, *own in zip(shown, *labels.values(), strict=True)]
    print(table(headings, cells, right, terminal_width()))
    if len(shown) < len(rows):
        print(f"{len(shown):,} of {len(rows):,} runs: --limit 0 shows all")
    return 0


def _so_far(row: Row) -> Row:
    """The row of a training that goes on, or was killed, with its last metrics: its summary is older."""
    metrics = read_metrics(runs_folder() / row.run) if row.status in ("running", "stopped") else []
    if not metrics or metrics[-1]["update"] <= (row.updates or 0):
        return row
    last = metrics[-1]
    return row._replace(updates=last.get("update"), seconds=last.get("seconds"), tokens=last.get("tokens"))


def _cells(row: Row) -> list[object]:
    solved = None if row.solved is None else f"{row.solved:,} of {row.problems or 0:,}"
    begun = row.created[:16].replace("T", " ")
    amounts = count(row.updates), seconds(row.seconds), count(row.tokens)
    return [row.status, row.recipe, row.seed, solved, *amounts, begun]
