"""How evaluations were read before `folder.evaluations`: kept until the reports read those."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inwit.runs.folder import Record, is_number, number, read_lines


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


def result_dict(record: Record, evaluations: list[dict[str, Any]]) -> dict[str, Any]:
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
