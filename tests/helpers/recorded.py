"""Run folders for the tests of what reads them: written by a real, tiny training, then copied and changed."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import inwit
from inwit.core.results import Evaluation
from inwit.runs.writing import save_evaluation

# Three expressions of one operator, and a training that is far too short for them.
SHORT = {
    "world": {"max_operators": 1},
    "policy": {"width": 8},
    "hindsight": {"babble": 16, "rows": 16},
    "training": {"episodes": 32, "max_updates": 21},
}
# One that solves them in a second.
LONG = SHORT | {
    "policy": {"width": 32},
    "hindsight": {"babble": 0, "rows": 32},
    "training": {"episodes": 64, "max_updates": 400},
}


@cache
def _original(long: bool) -> Path:
    """Trained once in a process, in a folder that no test writes to."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("INWIT_RUNS", tempfile.mkdtemp())
        agent = inwit.train("calculator", **(LONG if long else SHORT))
        save_evaluation(agent, inwit.evaluate(agent).to_dict())
    assert agent.path is not None
    return agent.path


def put(
    runs: Path, name: str, change: Callable[[dict[str, Any]], Any] = lambda record: None, *, long: bool = False
) -> Path:
    """A run called `name` among `runs`; `change` may edit its record. It solves nothing, or everything if `long`."""
    path = runs / name
    shutil.copytree(_original(long), path)
    edit(path, change)
    return path


def edit(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    record = json.loads((path / "run.json").read_text())
    change(record)
    (path / "run.json").write_text(json.dumps(record))


def evaluated(path: Path, evaluation: Evaluation) -> Path:
    """Give a run another result, as if its agent had been evaluated so."""
    text = json.dumps(evaluation.to_dict())
    update = json.loads((path / "run.json").read_text())["summary"].get("update")
    (path / "evaluation.json").write_text(text)
    (path / "evaluations.jsonl").write_text(f'{{"update": {json.dumps(update)}, "evaluation": {text}}}\n')
    return path


def setting(name: str, value: Any) -> Callable[[dict[str, Any]], Any]:
    """Change a setting, as in `learner.entropy`, or one above the tables, as in `seed`."""
    part, _, key = name.rpartition(".")
    return lambda record: (record["config"][part] if part else record["config"]).update({key: value})


def begun(record: dict[str, Any], stamp: str) -> None:
    """Set when the run was begun and last changed, whatever the record calls that."""
    for name in ("written", "created", "updated"):
        if name in record or name == "written":
            record[name] = stamp


def lines(path: Path, rows: list[Any]) -> None:
    (path / "metrics.jsonl").write_text(
        "".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows)
    )


def metric(update: int, rates: list[float], **more: Any) -> dict[str, Any]:
    """A line of metrics: 100 tokens and half a second an update."""
    success = {str(stage): rate for stage, rate in enumerate(rates, 1)}
    return {"update": update, "seconds": update / 2, "tokens": 100 * update, "success": success} | more


VOID = {"meta", "link", "br", "img", "input", "hr"}


class Page(HTMLParser):
    """A page taken apart: its tags with their attributes, its text, and whether every tag is closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == [], f"These tags are never closed: {self.open}."

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing."
        assert self.open.pop() == tag, f"</{tag}> stands in the wrong place."

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]
