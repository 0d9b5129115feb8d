"""A suite as a table, in Markdown and for a terminal: a line for each ability."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group
from rich.text import Text

from inwit.core.columns import Columns
from inwit.core.results import Json
from inwit.core.text import seconds
from inwit.suite.ability import Ability
from inwit.suite.scores import Interval, Score, Scored

HEADINGS = ("ability", "knob: score of each level", "score")
DEFAULT_BUDGET = "each experiment's own"


def number(value: float | None) -> str:
    """Two decimals, and no `-0.00`; a point where there is none."""
    return "·" if value is None else f"{round(value, 2) + 0.0:.2f}"


def with_interval(mean: float, interval: Interval | None) -> str:
    """`0.93 (0.90 to 0.96)`"""
    return number(mean) if interval is None else f"{number(mean)} ({number(interval[0])} to {number(interval[1])})"


def levels(score: Score) -> str:
    """`operators: 1 0.98, 2 0.75`"""
    shown = ", ".join(f"{level.knob} → {number(level.score)}" for level in score.levels)
    return f"{score.knob}: {shown}" if shown else score.knob


def cells(score: Score, beside: Sequence[Scored] = ()) -> list[str]:
    """An ability's line: its own score, and those of the agents beside it."""
    own = with_interval(score.mean, score.interval) if score.seeds else "failed"
    return [score.ability, levels(score), own, *(_other(each.scores.get(score.ability)) for each in beside)]


def _other(score: Score | None) -> str:
    return with_interval(score.mean, score.interval) if score and score.seeds else "·"


def headings(beside: Sequence[Scored]) -> list[str]:
    return [*HEADINGS, *(f"{each.name} (ref.)" for each in beside)]


def title(record: Json) -> str:
    seeds = f"{record['seeds']} seed{'s' if record['seeds'] > 1 else ''}"
    return f"{record['name']}: {seeds}, budget: {record['budget']}"


def notes(record: Json, scores: Sequence[Score], others: Sequence[Scored] = ()) -> list[str]:
    """The lines below the table."""
    found = ["0 is the uniformly random legal policy, 1 the proven optimum; no score is clipped."]
    if record["seeds"] > 1:
        found[0] += " In brackets: 95 % interval of the mean over seeds (Student's t)."
    if record["seconds_budget"]:
        found.append("The budget is in seconds: scores do not compare with those of other machines.")
    if others and record["budget"] != DEFAULT_BUDGET:
        found.append(f"The reference beside it was trained with another budget: {DEFAULT_BUDGET}.")
    if missing := record["without_reference"]:
        why = "nobody was measured on them as they are now"
        found.append(f"Without a reference: {'all' if len(missing) == len(scores) else ', '.join(missing)}; {why}.")
    own = [f"--{part}.{name} {value}" for part, table in record["overrides"].items() for name, value in table.items()]
    if own:
        found.append(f"Trained with settings of its own, which the reference has not: {', '.join(own)}.")
    if record["tokens"]:
        spent = f"{record['tokens']:,} tokens in {seconds(record['training_seconds'])} of training"
        found.append(f"{spent}, {seconds(record['examination_seconds'])} of examination.")
    return found + [f"failed: {each.ability}: {each.failed}" for each in scores if each.failed]


def markdown(record: Json, scores: Sequence[Score], beside: Sequence[Scored]) -> str:
    rows = [headings(beside), *(cells(score, beside) for score in scores)]
    lines = [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
    lines.insert(1, f"|---|---{'|---:' * (len(rows[0]) - 2)}|")
    return "\n".join([f"# {title(record)}", "", *lines, "", *(f"{note}\n" for note in notes(record, scores, beside))])


def terminal_table(record: Json, scores: Sequence[Score], beside: Sequence[Scored]) -> Group:
    rows = [[cell.replace(" (", "\n(") for cell in cells(score, beside)] for score in scores]
    table = Columns([each.replace(" (", "\n(") for each in headings(beside)], rows, left=(0, 1), fold=1)
    return Group(Text(title(record), "italic"), table, Text("\n".join(notes(record, scores, beside)), "dim"))


def described(abilities: Sequence[Ability]) -> str:
    """What each ability asks and what its experiments may spend, as the table of docs/suite.md."""
    rows = [["ability", "what it asks", "knob", "measured", "experiments", "tokens in all"]]
    for each in abilities:
        measures = dict.fromkeys(experiment.measure.name for experiment in each.experiments)
        tokens = sum(experiment.tokens for experiment in each.experiments)
        counts = [str(len(each.experiments)), f"{tokens:,}"]
        rows.append([each.name, each.about, each.knob, ", ".join(measures), *counts])
    lines = [f"| {' | '.join(row)} |" for row in rows]
    lines.insert(1, "|---|---|---|---|---:|---:|")
    return "\n".join(lines)
