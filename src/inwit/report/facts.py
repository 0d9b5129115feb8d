"""What was trained: the figures at the top of a run's page, its settings, and the command that repeats it."""

from __future__ import annotations

import json
import shlex

from inwit.core import result_text
from inwit.core.errors import UserError
from inwit.core.text import count, percent, seconds
from inwit.report.compare import Group
from inwit.report.panels import table
from inwit.report.select import Run
from inwit.runs.folder import flat, read_lines


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
    found += [training, written]
    if result.cost_over_best is not None:
        found.append(_tile("length", f"{result.cost_over_best:.3f} ×", "mean tokens over the proven best"))
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
    versions = run.record.rest.get("versions")
    named = [f"{name} {value}" for name, value in versions.items()] if isinstance(versions, dict) else []
    loop = run.record.config.get("training")
    where = f"on {loop.get('device', '?')}, {loop.get('threads', '?')} thread(s)" if isinstance(loop, dict) else ""
    when = run.record.created[:16].replace("T", " ")
    text = [f"Begun {when} UTC" if when else "", where, ", ".join(named)]
    rows = [[name, _plain(value)] for name, value in group.config.items()]
    return {
        "name": group.name,
        "text": f"Runs: {', '.join(each.record.name for each in group.runs)}. {'; '.join(filter(None, text))}.",
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


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
