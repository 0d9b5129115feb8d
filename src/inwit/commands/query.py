"""`inwit query "SQL"`: a question to all runs' metrics and evaluations.

Ask all runs one question in SQL (DuckDB's). It only reads. The tables:

  runs         run, status, recipe, seed, world, policy, learner, solved, problems, updates, seconds,
               tokens, created, updated, name, tags (a list)
  metrics      run, update, seconds, episodes, tokens, success (a map: success['2'] is stage 2's), entropy,
               loss and what else the learner reports: DESCRIBE metrics
  evaluations  run, update, time, row, stage, problems, solved, success, cost, best_cost, low, high,
               labels, extra (JSON), and the success of each yardstick: oracle, shortcut, random ...
  settings     run, name (as in policy.width), value (text)

example: inwit query "SELECT learner, count(*), median(seconds) FROM runs GROUP BY learner"
example: inwit query "SELECT run, min(tokens) FROM metrics WHERE success['2'] > 0.8 GROUP BY run"
"""

from __future__ import annotations

import csv
import sys
from decimal import Decimal

from inwit.commands.arguments import Parser, print_json
from inwit.core.text import plain, table

LONGEST = 1000  # rows of a table; --csv and --json have no end


def main(arguments: list[str]) -> int:
    parser = Parser(__doc__)
    parser.add_argument("sql", help="one SELECT, in quotes")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print a JSON list, an object for each row")
    form.add_argument("--csv", action="store_true", help="print CSV with a line of headings")
    args = parser.parse_args(arguments)
    from inwit.runs.query import query as ask

    answer = ask(args.sql)
    if args.json:
        print_json([dict(zip(answer.columns, map(plain, row), strict=True)) for row in answer.rows])
    elif args.csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerows([answer.columns, *answer.rows])
    else:
        columns = range(len(answer.columns))
        right = [any(isinstance(row[i], int | float | Decimal) for row in answer.rows) for i in columns]
        print(table(answer.columns, [list(map(_shown, row)) for row in answer.rows[:LONGEST]], right))
        if len(answer.rows) > LONGEST:
            print(f"{LONGEST:,} of {len(answer.rows):,} rows: say LIMIT, or take --csv or --json")
    return 0


def _shown(value: object) -> object:
    if isinstance(value, Decimal):
        return _shown(float(value))
    if isinstance(value, float):
        return f"{value:,.4f}".rstrip("0").rstrip(".") if abs(value) >= 0.001 or value == 0 else f"{value:.3g}"
    return value
