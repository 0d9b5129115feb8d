"""The runs as a page lists them. Needs no PyTorch, so that the list is there before the agents are."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path

from inwit.core.errors import UserError, short
from inwit.core.paths import readable
from inwit.core.results import Json
from inwit.runs.folder import number, runs_folder
from inwit.runs.index import Row, listing

MOST = 200  # rows of an answer
LONGEST = 200  # characters of a text to look for
LAST = 16_384  # bytes of a file that hold its last line


def rows(text: object = "", here: Collection[str] = ()) -> Json:
    """The newest runs that fit, 200 at most, as `runs`; how many fit, and how many there are in `all`. A run fits if
    each word of `text` stands in one of its texts. `here`: those that are trained by whoever asks."""
    if text is not None and not (isinstance(text, str) and len(text) <= LONGEST):
        raise UserError(f"text = {short(text)} is no text of up to {LONGEST} characters")
    words, every = (text or "").casefold().split(), listing()
    fitting = [row for row in every if all(word in _texts(row) for word in words)]
    told = [_told(row) | {"here": row.run in here} for row in fitting[:MOST]]
    return {"runs": told, "fitting": len(fitting), "all": len(every)}


def _texts(row: Row) -> str:
    texts = (row.run, row.name or "", row.status, row.recipe, row.world, row.policy, row.learner, *row.tags)
    return "\n".join(texts).casefold()


def _told(row: Row) -> Json:
    """A row; of a training that goes on, or was killed, with its last report: its record is older."""
    last = last_report(runs_folder() / row.run) if row.status in ("running", "stopped") else None
    reported: Json = last if last and (number(last, "update") or 0) > (row.updates or 0) else {}
    return {
        "run": readable(row.run),
        "name": row.name,
        "status": row.status,
        "recipe": row.recipe,
        "world": row.world,
        "policy": row.policy,
        "learner": row.learner,
        "seed": row.seed if isinstance(row.seed, int) else None,
        "solved": row.solved,
        "problems": row.problems,
        "updates": number(reported, "update") or row.updates,
        "seconds": number(reported, "seconds") or row.seconds,
        "started": row.created,
        "tags": list(row.tags),
    }


def last_report(path: Path) -> Json | None:
    """The last whole line of a run's metrics; None where there is none."""
    try:
        with (path / "metrics.jsonl").open("rb") as stream:
            stream.seek(max(stream.seek(0, 2) - LAST, 0))
            lines = stream.read().splitlines()
    except OSError:
        return None
    return next((told for line in reversed(lines) if (told := parsed(line)) is not None), None)


def parsed(line: bytes) -> Json | None:
    """The JSON object that a line is; None for a torn or strange one."""
    try:
        value = json.loads(line, parse_constant=_refused)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _refused(name: str) -> None:
    raise ValueError(f"JSON has no {name}")
