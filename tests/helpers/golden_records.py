"""The recorded episodes, or each `every`th, read once, in one shape for every world: adapters are held against them.

Take every seventh or every 41st: the settings of some worlds come in turn, and 40 would always meet the same ones.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import inwit

FOLDER = Path(__file__).parents[1] / "golden"
TASK_FIELDS = {
    "tutorial-v0": ("stage", "operands"),
    "tutorial-v1": ("stage", "operands"),
    "calculator-v0": ("expression", "operands"),
    "lookup-v0": ("query", "table", "broken", "fails"),
}
WORLDS = tuple(TASK_FIELDS)


@dataclass(frozen=True)
class Record:
    """One episode: `actions` without what stands after the end; `legal` before each of them (tutorial-v0: None)."""

    task: dict[str, Any]
    actions: list[int]
    legal: list[list[int]] | None
    reward: float
    terminated: bool
    truncated: bool | None  # None: the record does not say
    settings: dict[str, Any]  # what its environment must be made with


@cache
def records(world_id: str, every: int) -> list[Record]:
    text = gzip.decompress((FOLDER / f"{world_id.replace('-', '_')}.jsonl.gz").read_bytes())
    return [_record(world_id, json.loads(line)) for line in text.splitlines()[::every]]


_vocabulary = cache(lambda world_id, **settings: inwit.make(world_id, **settings).vocabulary)


def _record(world_id: str, row: dict[str, Any]) -> Record:
    settings = row.get("settings", {})
    if world_id == "calculator-v0":
        settings = {"slots": row["num_slots"], "max_operators": 4}
    ids = _vocabulary(world_id, **row.get("settings", {})).ids
    actions = ids(row["actions"][: row["steps"]])
    success = row.get("success", row.get("identity_ok"))
    answered = bool(actions) and actions[-1] == ids(["ANS"])[0]
    legal = row.get("legal")
    return Record(
        task={name: row[name] for name in TASK_FIELDS[world_id]},
        actions=actions,
        legal=None if legal is None else [sorted(ids(tokens)) for tokens in legal[: row["steps"]]],
        reward=float(row["reward"] if "settings" in row or success is None else success),
        terminated=row.get("terminated", answered),
        truncated=row.get("truncated"),
        settings=settings,
    )


def groups(world_id: str, every: int = 1) -> list[tuple[dict[str, Any], list[Record]]]:
    """The records by what their environment must be made with."""
    found: dict[str, list[Record]] = {}
    for row in records(world_id, every):
        found.setdefault(json.dumps(row.settings), []).append(row)
    return [(rows[0].settings, rows) for rows in found.values()]
