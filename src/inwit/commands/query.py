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

import json
from decimal import Decimal
from math import isfinite

from inwit.commands.arguments import Parser
from inwit.commands.streams import terminal_width
from inwit.core.text import table

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
        objects = [dict(zip(answer.columns, map(_as_json, row), strict=True)) for row in answer.rows]
        print(json.dumps(objects, indent=1, allow_nan=False))
    elif args.csv:
        for row in [answer.columns, *answer.rows]:
            print(",".join(map(_csv, row)))
    elif answer.columns[:1] == ["explain_key"]:
        print("\n".join(row[1] for row in answer.rows))
    else:
        columns = range(len(answer.columns))
        right = [any(isinstance(row[i], int | float | Decimal) for row in answer.rows) for i in columns]
        headings, *rows = ([_shown(value) for value in row] for row in [answer.columns, *answer.rows[:LONGEST]])
        print(table([str(name) for name in headings], rows, right, terminal_width()))
        if len(answer.rows) > LONGEST:
            print(f"{LONGEST:,} of {len(answer.rows):,} rows: say LIMIT, or take --csv or --json")
    return 0


def _as_json(value: object) -> object:
    """As JSON has it. Text stands for what is no number there, and for decimals that a float would round."""
    if isinstance(value, dict):
        return {str(name): _as_json(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_as_json(item) for item in value]
    if isinstance(value, float) and not isfinite(value):
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Decimal):
        return float(value) if Decimal(repr(float(value))) == value else str(value)
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _csv(value: object) -> str:
    """A field of a line: nothing for NULL, `""` for an empty text, JSON for lists and the like."""
    if value is None:
        return ""
    text = _text(value)
    quoted = text == "" or text != text.strip() or any(sign in text for sign in ',"\r\n')
    return '"' + text.replace('"', '""') + '"' if quoted else text


def _text(value: object) -> str:
    """A value alone: every digit of a number."""
    if isinstance(value, str):
        return value
    if isinstance(value, Decimal):
        return f"{value:f}"
    found = _as_json(value)
    return found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)


def _shown(value: object) -> str | None:
    """As a cell of the table, in one line."""
    if value is None:
        return None
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in _text(value))
