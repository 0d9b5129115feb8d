"""The page: runs in, one HTML text out. It loads nothing, runs no script, and every string in it is escaped."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from inwit.core import result_text
from inwit.core.errors import UserError
from inwit.core.text import count, held, percent, seconds, task_text
from inwit.report.closeup import close_up, closeup_view
from inwit.report.compare import Comparison, compare, different_worlds, size_text, trainings
from inwit.report.curves import solved_at
from inwit.report.groups import Group
from inwit.report.panels import (
    differences_table,
    goal_charts,
    goals_table,
    inner_charts,
    learning_charts,
    result_table,
    table,
)
from inwit.report.select import Run
from inwit.runs.folder import flat, read_lines
from inwit.version import __version__

if TYPE_CHECKING:
    from jinja2 import Template

CLOSE = 4  # agents that get a close-up on one page, at most


def make_page(runs: Sequence[Run]) -> str:
    """The report of one run, or of several side by side."""
    comparisons = compare(runs)
    worlds = [_world(comparison, str(place), len(comparisons)) for place, comparison in enumerate(comparisons)]
    return _template().render(
        title=runs[0].record.folder_name if len(runs) == 1 else f"{_size(comparisons)} compared",
        lead=_lead(runs, comparisons),
        apart=different_worlds(comparisons),
        worlds=worlds,
        version=__version__,
    )


@cache
def _template() -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("inwit.report", "")
    made = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, loader=loader)
    made.filters |= {
        "f": "{:.1f}".format,
        "g": "{:g}".format,
        "held": held,
        "task": task_text,
        "amount": count,
        "seconds": seconds,
    }
    return made.get_template("page.html.j2")


def _size(comparisons: Sequence[Comparison]) -> str:
    """`3 runs and 1 script`, of all worlds."""
    return size_text(replace(comparisons[0], groups=[each for one in comparisons for each in one.groups]))


def _lead(runs: Sequence[Run], comparisons: Sequence[Comparison]) -> str:
    if len(runs) == 1:
        record = runs[0].record
        if runs[0].script:
            return f"The script {runs[0].script}, written by hand, in the world {runs[0].world}. Nothing was trained."
        return (
            f"Recipe {record.recipe}, seed {record.seed}: a {record.part('policy')} policy, trained by "
            f"{record.part('learner')} in the world {record.part('world')}."
        )
    groups = [each.name for comparison in comparisons for each in comparison.groups]
    kept = f"In {len(groups)} groups: {', '.join(groups)}." if len(groups) > 1 else "They differ in the seed alone."
    by_hand = " A script was written by hand: nothing of it was trained." if any(run.script for run in runs) else ""
    return f"{kept} Runs that differ in nothing but the seed are one group.{by_hand}"


def _world(comparison: Comparison, key: str, worlds: int) -> dict[str, object]:
    runs, groups = comparison.runs, comparison.groups
    alone = len(runs) == 1
    looked = groups[: max(1, CLOSE // worlds)]
    return {
        "name": comparison.world,
        "alone": alone,
        "runs": trainings(comparison),
        "size": size_text(comparison),
        "tiles": tiles(runs[0]) if alone else [],
        "events": events(runs[0]) if alone else [],
        "differences": differences_table(comparison),
        "learning": learning_charts(comparison, key),
        "solved": solved_at(runs[0]) if alone else None,
        "goals": None if alone or not trainings(comparison) else goals_table(comparison),
        "goal_charts": [] if alone else goal_charts(comparison, key),
        "results": None if alone else result_table(comparison),
        "closeups": [_closeup(each, f"{key}-{place}", alone, len(looked)) for place, each in enumerate(looked)],
        "inner": inner_charts(comparison, key),
        "trained": [trained(each) for each in groups],
    }


def _closeup(group: Group, key: str, alone: bool, looked: int) -> dict[str, object]:
    """Of a group the run that solves most (-1 without an evaluation), and of those the one that took fewest tokens."""
    run = max(
        group.runs, key=lambda run: (run.evaluation.solved if run.evaluation else -1, -(run.total("tokens") or 0))
    )
    seed = "" if run.script else f", seed {run.seed}"
    heading = "The result" if alone else f"A closer look: {group.name}{seed}"
    return closeup_view(run, close_up(run, each=2 if alone or looked == 1 else 1), key, heading)


def tiles(run: Run) -> list[dict[str, str]]:
    """The figures at the top."""
    training = _tile("training", seconds(run.total("seconds")), f"status: {run.record.status}")
    written = _tile("tokens written", count(run.total("tokens")), f"in {count(run.total('update'))} updates")
    result = run.evaluation
    if result is None:
        return [_tile("solved", "not evaluated", ""), training, written]
    found = [_solved("solved", result.solved, result.problems, result_text.problems(result), result.proven)]
    if result.split is not None:
        found.append(_solved("held out", *result_text.held_out(result.split), "never drawn in training", result.proven))
    if any(row.expected is not None for row in result.rows):
        found.append(_tile("success", percent(result.success), "mean over problems and all that may be drawn"))
    found += [] if run.script else [training, written]
    if result.cost_over_best is not None:
        name = "length" if result.cost_unit == "tokens" else result.cost_unit
        found.append(_tile(name, f"{result.cost_over_best:.3f} ×", f"mean {result.cost_unit} over the proven best"))
    return found


def _solved(name: str, solved: int, of: int, what: str, proven: bool) -> dict[str, str]:
    share = "every one" if solved == of and proven else f"{'' if proven else '~'}{percent(solved / max(of, 1))}"
    return _tile(name, count(solved), f"of {count(of)} {what}: {share}", "good" if solved == of else "bad")


def _tile(name: str, value: str, small: str, mood: str = "") -> dict[str, str]:
    return {"name": name, "value": value, "small": small, "mood": mood}


def events(run: Run) -> list[str]:
    """What was said in words while training, each sentence once."""
    said = [row.get("text") for row in read_lines(run.record.path / "events.jsonl")]
    return list(dict.fromkeys(text for text in said if isinstance(text, str)))[:20]


def trained(group: Group) -> dict[str, object]:
    """A group's settings, and what its runs ran on."""
    run = group.runs[0]
    if run.script:
        return _written(group)
    versions = run.record.rest.get("versions")
    named = [f"{name} {value}" for name, value in versions.items()] if isinstance(versions, dict) else []
    loop = run.record.config.get("training")
    where = f"on {loop.get('device', '?')}, {loop.get('threads', '?')} thread(s)" if isinstance(loop, dict) else ""
    when = run.record.created[:16].replace("T", " ")
    text = [f"Begun {when} UTC" if when else "", where, ", ".join(named)]
    rows = [[name, _plain(value)] for name, value in group.config.items()]
    return {
        "name": group.name,
        "text": f"Runs: {', '.join(each.record.folder_name for each in group.runs)}. {'; '.join(filter(None, text))}.",
        "command": _command(group),
        "settings": table("settings", ["setting", "value"], rows, left=2),
    }


def _written(group: Group) -> dict[str, object]:
    """Of a script the world that it was written for."""
    rows = [[name, _plain(value)] for name, value in group.config.items()]
    return {
        "name": group.name,
        "text": "A script, written by hand for this world: it has no weights, and nothing was trained.",
        "command": "",
        "settings": table("settings", ["setting", "value"], rows, left=2),
    }


def _command(group: Group) -> str:
    """`inwit train RECIPE` with the settings that are not the recipe's own; empty where there is no such recipe."""
    from inwit.training.config import resolve

    recipe = str(group.config.get("recipe"))
    try:
        own = flat(resolve(recipe).to_dict())
    except UserError:
        return ""
    words = ["inwit", "train", recipe, "--seed", str(group.runs[0].record.seed)]
    for name, value in group.config.items():
        if name != "recipe" and own.get(name) != value and value is not None:
            words += [f"--{name}", ",".join(map(str, value)) if isinstance(value, list) else _plain(value)]
    return shlex.join(words)


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
