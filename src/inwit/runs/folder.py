"""A run folder as its readers see it: plain data, read while the run goes on, patient with what is absent or torn."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from inwit.core import storage
from inwit.core.errors import UserError

COMPLETE = ("finished", "interrupted")


def runs_folder() -> Path:
    return Path(os.environ.get("INWIT_RUNS") or "runs")


@dataclass(frozen=True)
class Record:
    """What `run.json` says. Nothing in it is trusted to be there, apart from a status and a configuration."""

    path: Path
    status: str
    config: dict[str, Any]
    summary: dict[str, Any]
    rest: dict[str, Any]  # versions, device, times ...: as they stand in the file

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def recipe(self) -> str:
        return str(self.config.get("recipe", "?"))

    @property
    def seed(self) -> Any:
        return self.config.get("seed")

    @property
    def created(self) -> str:
        """UTC, in ISO form; empty where the record does not say."""
        return str(self.rest.get("created") or self.rest.get("written") or "")

    @property
    def updated(self) -> str:
        return str(self.rest.get("updated") or self.rest.get("written") or self.created)

    def part(self, name: str) -> str:
        """The `id` of the world, policy, learner or curriculum."""
        table = self.config.get(name)
        return str(table.get("id", "?")) if isinstance(table, dict) else "?"


def read_record(path: Path) -> Record:
    """Raises `UserError` for what is no run, or a damaged one."""
    try:
        record = json.loads((path / "run.json").read_bytes())
    except OSError:
        raise UserError(f"{path} is not a run: it has no readable run.json") from None
    except (ValueError, RecursionError):
        record = None
    if not isinstance(record, dict) or not isinstance(record.get("config"), dict):
        raise UserError(f"{path / 'run.json'} is damaged: it does not hold a run's record")
    summary = record.get("summary")
    known = {"status", "config", "summary"}
    return Record(
        path=path.absolute(),
        status=str(record.get("status", "unknown")),
        config=record["config"],
        summary=summary if isinstance(summary, dict) else {},
        rest={name: value for name, value in record.items() if name not in known},
    )


def status_now(path: Path, status: str) -> str:
    """`stopped` where the record says `running` and no process holds the run's lock: the training was killed."""
    return "stopped" if status == "running" and not storage.is_locked(path / "lock") else status


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a file with one in each line. Absent files are empty; torn lines and strange ones are left out."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        return
    for line in lines:
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            yield value


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The metrics of a run, in the order of their updates. Where a resumed run went back, its later lines hold."""
    rows: list[dict[str, Any]] = []
    for row in read_lines(path / "metrics.jsonl"):
        if not is_number(row.get("update")):
            continue
        while rows and rows[-1]["update"] >= row["update"]:
            rows.pop()
        rows.append(row)
    return rows


def read_evaluations(path: Path) -> list[dict[str, Any]]:
    """`{"update", "time", "evaluation"}` of every evaluation, oldest first."""
    rows = [row for row in read_lines(path / "evaluations.jsonl") if isinstance(row.get("evaluation"), dict)]
    if rows:
        return rows
    try:
        last = json.loads((path / "evaluation.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        return []
    return [{"update": None, "time": None, "evaluation": last}] if isinstance(last, dict) else []


def result(record: Record, evaluations: list[dict[str, Any]]) -> dict[str, Any]:
    """The last evaluation of the weights that a run has now; empty if there is none. One of an older checkpoint, or
    from before the run was resumed, is not its result."""
    now = number(record.summary, "update")
    own = [row["evaluation"] for row in evaluations if row.get("update") in (None, now)]
    return own[-1] if own else {}


@dataclass(frozen=True)
class Exact:
    """One row of an exact result: a stage of the tutorial, or the calculator's expressions of a size and need.

    Lengths are mean tokens: `steps` the agent's, `shortest` the best possible. None where nobody knows.
    """

    stage: int  # the stage, or the number of operators
    slots: int | None  # memory slots that the expressions need; None: not asked, or no program was found
    problems: int
    solved: int
    steps: float | None
    shortest: float | None
    shortcut: float | None  # success of the best constant program that is shorter
    random: float | None  # success of uniformly random legal tokens
    grouped: bool  # True: `stage` counts operators

    @property
    def success(self) -> float:
        return self.solved / self.problems if self.problems else 0.0

    @property
    def name(self) -> str:
        if not self.grouped:
            return f"stage {self.stage}"
        slots = "" if self.slots is None else f", {self.slots} slot{'' if self.slots == 1 else 's'}"
        return f"{self.stage} operator{'' if self.stage == 1 else 's'}{slots}"


def exact_rows(evaluation: dict[str, Any]) -> list[Exact]:
    """The rows of an evaluation as `evaluation.json` holds it; what is no row is left out."""
    return [
        _exact(row, grouped)
        for grouped, key in ((False, "stages"), (True, "groups"))
        for row in part_rows(evaluation, key)
    ]


@dataclass(frozen=True)
class Split:
    """The trained expressions and the test set apart: by number of operators, how many are solved of how many."""

    name: str
    trained: dict[str, tuple[int, int]]
    held_out: dict[str, tuple[int, int]]
    twins: int  # held-out expressions that equal a trained one as polynomials

    @property
    def solved(self) -> int:
        """Of the held-out ones."""
        return sum(solved for solved, _ in self.held_out.values())

    @property
    def size(self) -> int:
        """How many are held out."""
        return sum(of for _, of in self.held_out.values())


def split_of(evaluation: dict[str, Any]) -> Split | None:
    """The split of an evaluation; None where nothing is held out."""
    split = evaluation.get("split")
    if not isinstance(split, dict):
        return None
    trained, held_out = (_parts(split.get(part)) for part in ("trained", "held_out"))
    if not any(of for _, of in held_out.values()):
        return None
    return Split(str(split.get("name")), trained, held_out, int(number(split, "held_out_twins") or 0))


def _parts(part: Any) -> dict[str, tuple[int, int]]:
    rows = part.items() if isinstance(part, dict) else ()
    return {
        str(name): (int(row[0]), int(row[1]))
        for name, row in rows
        if isinstance(row, list) and len(row) == 2 and all(map(is_number, row))
    }


def part_rows(evaluation: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """The `stages` or the `groups` of an evaluation, as they stand in the file."""
    rows = evaluation.get(key)
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _exact(row: dict[str, Any], grouped: bool) -> Exact:
    return Exact(
        stage=int(number(row, "operators" if grouped else "stage") or 0),
        slots=row.get("slots_needed") if grouped else None,
        problems=int(number(row, "expressions" if grouped else "problems") or 0),
        solved=int(number(row, "identity_solved" if grouped else "solved") or 0),
        steps=number(row, "mean_tokens" if grouped else "mean_steps"),
        shortest=number(row, "shortest_tokens" if grouped else "oracle_steps"),
        shortcut=number(row, "shortcut_success"),
        random=number(row, "random_success"),
        grouped=grouped,
    )


def flat(config: dict[str, Any]) -> dict[str, Any]:
    """`{"policy": {"width": 32}}` as `{"policy.width": 32}`."""
    values = {}
    for name, value in config.items():
        values |= {f"{name}.{key}": v for key, v in value.items()} if isinstance(value, dict) else {name: value}
    return values


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def number(values: Any, name: str) -> float | None:
    """A finite number out of a mapping, or None."""
    value = values.get(name) if isinstance(values, dict) else None
    return value if is_number(value) else None
