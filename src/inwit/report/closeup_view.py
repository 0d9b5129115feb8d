"""A close-up as the page takes it: the result, programs, kinds, tools and explained problems of one run."""

from __future__ import annotations

from collections import Counter

from inwit.core import result_text
from inwit.core.results import Evaluation
from inwit.core.text import percent
from inwit.report.charts import BARS, FILLED, HOLLOW, SPANS, ChartRow, RowChart, compact, per_cent, row_chart
from inwit.report.closeup import CloseUp
from inwit.report.panels import Table, has_critic, step_charts, table, tool_charts
from inwit.report.select import Run

KINDS = 400  # kinds that are shown one by one, at most; above that the unsolved ones alone
ORACLE = "oracle"  # the yardstick that is drawn as a line across the bar
MARKERS = (3, 2, 4, 5, 1)  # of other yardsticks, in order


def closeup_view(run: Run, look: CloseUp, key: str, heading: str) -> dict[str, object]:
    return {
        "key": key,
        "name": run.record.name,
        "heading": heading,
        **_result(run.evaluation, key),
        "kinds": _kinds(look),
        "excess": _excess(look),
        "tools": _tools(look),
        "over_training": [*tool_charts(run, key), *step_charts(run, key)],
        "episodes": look.episodes,
        "critic": has_critic(run),
        "problem": look.problem,
        "source": look.source,
    }


def _result(evaluation: Evaluation | None, key: str) -> dict[str, object]:
    """The evaluation, as charts and tables; nothing where there is none."""
    if evaluation is None or not evaluation.rows:
        return dict.fromkeys(("bars", "spans", "table", "split", "programs")) | {"text": "", "notes": [], "limit": ""}
    programs = result_text.programs(evaluation)
    meanings = [f"{name}: {meaning}" for name, meaning in result_text.meanings(evaluation).items()]
    return {
        "bars": _bars(evaluation, f"result-chart-{key}"),
        "spans": _spans(evaluation, f"length-{key}"),
        "table": table(evaluation.method, result_text.headings(evaluation), result_text.cells(evaluation)),
        "text": _text(evaluation),
        "notes": [*meanings, *result_text.notes(evaluation)],
        "split": _split(evaluation),
        "limit": evaluation.known_limit,
        "programs": table("programs", ["", "whose", "program"], programs, left=3) if programs else None,
    }


def _text(evaluation: Evaluation) -> str:
    every = "every one: " if evaluation.proven and evaluation.solved == evaluation.problems else ""
    what = result_text.problems(evaluation)
    text = f"The greedy agent solves {every}{evaluation.solved:,} of {evaluation.problems:,} {what}."
    if evaluation.split is None:
        return text
    solved, of = result_text.held_out(evaluation.split)
    return f"{text} Of the {of:,} that were held out of training it solves {solved:,}."


def _split(evaluation: Evaluation) -> Table | None:
    """The trained problems and the test set side by side."""
    split = evaluation.split
    if split is None:
        return None
    caption = f"split by {split.name}, solved of trained and of held out; {result_text.leak(split)}"
    return table(caption, ["", "trained", "held out"], result_text.split_rows(split))


def _bars(evaluation: Evaluation, key: str) -> RowChart:
    """The agent's success as bars, with the yardsticks as marks, alternately in a bar's lower and upper half."""
    names = result_text.yardstick_names(evaluation)
    others = [name for name in names if name != ORACLE]
    looks = {name: MARKERS[place % len(MARKERS)] for place, name in enumerate(others)}
    rows, said, drawn = [], [], set()
    for row in evaluation.rows:
        found = ((name, row.yardsticks[name].success) for name in names if name in row.yardsticks)
        known = [(name, success) for name, success in found if success is not None]
        marks = [
            (looks.get(name, ORACLE), success, -5.0 if place % 2 else 5.0, 4.5)
            for place, (name, success) in enumerate(known)
        ]
        shown = f"{'~' * (row.interval is not None)}{percent(row.success)}"
        rows.append(ChartRow(row.name, shown, bar=row.success, marks=marks))
        said.append(f"{row.name}: agent {shown}")
        drawn |= {name for name, _ in known}
    legend = [("bar", 0, "agent")]
    legend += [("marker" if name in looks else ORACLE, looks.get(name, 0), name) for name in names if name in drawn]
    return row_chart(key, "Success", "; ".join(said) + ".", BARS, rows, ("", 1.0, per_cent), legend)


def _spans(evaluation: Evaluation, key: str) -> RowChart | None:
    """Each row a line from the shortest length (hollow) to the agent's (filled)."""
    rows, said, lengths = [], [], []
    for row in evaluation.rows:
        if row.cost:
            best = row.best_cost
            marks = [] if best is None else [(HOLLOW, best, 0.0, 7.5)]
            link = None if best is None else (best, row.cost)
            rows.append(ChartRow(row.name, link=link, marks=[*marks, (FILLED, row.cost, 0.0, 4.5)]))
            said.append(f"{row.name}: agent {row.cost:.2f}" + (f", shortest {best:.2f}" if best else ""))
            lengths += [row.cost, best or 0.0]
    if not rows:
        return None
    legend = [("marker", FILLED, "agent, mean of what it solves")]
    legend += [("marker", HOLLOW, "best possible, on the same")] if any(lengths[1::2]) else []
    axis = "tokens in a program", 1.12 * max(lengths), compact
    return row_chart(key, "Program length", "; ".join(said) + ".", SPANS, rows, axis, legend)


def _kinds(look: CloseUp) -> list[dict[str, object]]:
    parts = []
    everything = len(look.kinds) <= KINDS
    for stage, held_out in sorted({(kind.stage, kind.held_out) for kind in look.kinds}):
        members = [kind for kind in look.kinds if (kind.stage, kind.held_out) == (stage, held_out)]
        solved = sum(kind.solved for kind in members)
        shown = sorted((kind for kind in members if everything or not kind.solved), key=lambda kind: kind.solved)
        name = f"stage {stage}" + (", held out of training" if held_out else "")
        title = f"{name}: {solved} of {len(members)} solved"
        parts.append({"title": title, "members": shown[:KINDS]})
    return parts


def _excess(look: CloseUp) -> Table | None:
    """How many kinds take how many tokens more than the shortest program."""
    more = Counter(kind.cost - kind.shortest for kind in look.kinds if kind.solved and kind.shortest is not None)
    if not more:
        return None
    rows = [["as short as possible" if extra <= 0 else f"{extra:g} more", str(more[extra])] for extra in sorted(more)]
    return table("solved kinds by length over the shortest program", ["tokens", "kinds"], rows)


def _tools(look: CloseUp) -> dict[str, object] | None:
    """How often each token stands in a program: a row for each stage, darker the nearer to the greatest of all."""
    if not look.tools:
        return None
    tokens = list(dict.fromkeys(token for uses in look.tools.values() for token in uses))
    greatest = max(value for uses in look.tools.values() for value in uses.values())
    return {"tokens": tokens, "greatest": greatest, "stages": look.tools}
