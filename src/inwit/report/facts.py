"""What was trained: the figures at the top of a run's page, its settings, and the command that repeats it."""

from __future__ import annotations

import json
import shlex
from typing import Any

from inwit.core.errors import UserError
from inwit.report.groups import Group
from inwit.report.panels import table
from inwit.report.select import Run
from inwit.runs.folder import flat, read_lines
from inwit.core.text import count, seconds


def tiles(run: Run) -> list[dict[str, Any]]:
    """The figures at the top."""
    if run.exact:
        every = run.solved == run.problems
        what = "expressions" if run.exact[0].grouped else "problems"
        share = "every one" if every else f"{min(100 * run.solved / max(run.problems, 1), 99.9):.1f} %"
        solved = _tile("solved", f"{run.solved:,}", f"of {run.problems:,} {what}: {share}", "good" if every else "bad")
    else:
        solved = _tile("solved", "not evaluated", "")
    found = [solved]
    if run.split:
        mood = "good" if run.split.solved == run.split.size else "bad"
        found.append(_tile("held out", f"{run.split.solved:,}", f"of {run.split.size:,} never drawn in training", mood))
    found += [_tile("training", seconds(run.total("seconds")), f"status: {run.record.status}")]
    found.append(_tile("tokens written", count(run.total("tokens")), f"in {count(run.total('update'))} updates"))
    ratio = run.evaluation.get("tokens_over_shortest")
    if isinstance(ratio, float):
        found.append(_tile("length", f"{ratio:.3f} ×", "mean tokens over proven shortest"))
    elif run.exact and run.solved == run.problems and all(row.steps and row.shortest for row in run.exact):
        steps = sum(row.steps or 0 for row in run.exact) / sum(row.shortest or 0 for row in run.exact)
        found.append(_tile("length", f"{steps:.2f} ×", "mean tokens over the oracle's, each stage alike"))
    return found


def _tile(name: str, value: str, small: str, mood: str = "") -> dict[str, str]:
    return {"name": name, "value": value, "small": small, "mood": mood}


def events(run: Run) -> list[str]:
    """What was said in words while training, each sentence once."""
    said = [row.get("text") for row in read_lines(run.record.path / "events.jsonl")]
    return list(dict.fromkeys(text for text in said if isinstance(text, str)))[:20]


def trained(group: Group) -> dict[str, Any]:
    """A group's settings, and what its runs ran on."""
    run = group.runs[0]
    versions = run.record.rest.get("versions")
    named = [f"{name} {value}" for name, value in versions.items()] if isinstance(versions, dict) else []
    device = run.record.config.get("training")
    where = (
        f"on {device.get('device', '?')}, {device.get('threads', '?')} thread(s)" if isinstance(device, dict) else ""
    )
    when = run.record.created[:16].replace("T", " ")
    runs = ", ".join(each.record.name for each in group.runs)
    text = [f"Runs: {runs}.", f"Begun {when} UTC" if when else "", where, ", ".join(named)]
    rows = [[name, value if isinstance(value, str) else json.dumps(value)] for name, value in group.config.items()]
    return {
        "name": group.name,
        "text": text[0] + " " + "; ".join(part for part in text[1:] if part) + ".",
        "command": _command(group),
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


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
