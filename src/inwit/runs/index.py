"""The list of all runs, kept in a file so that 10,000 of them are listed at once.

The index is a convenience: it holds for each run what `run.json` and its evaluations said, and the identity (time,
size, inode) of these files at that moment. Every listing compares the identities and reads again only what has
changed. The file is replaced as a whole and never locked, so that many processes may list while others train. Where it
cannot be written, listing is slower.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from inwit.core.errors import UserError
from inwit.core.results import Json
from inwit.runs.folder import COMPLETE, evaluations, is_number, number, read_record, result, runs_folder, status_now

FILE = ".index.json"
FORMAT = 3
ABSENT = [0, 0, 0]
Identity = list[int]  # a list, because JSON gives a list back


class Row(NamedTuple):
    """A run in the list. `solved` of `problems` is its last exact evaluation; None where there is none."""

    run: str
    status: str
    recipe: str
    seed: object
    world: str
    policy: str
    learner: str
    solved: int | None
    problems: int | None
    updates: int | None
    seconds: float | None
    tokens: int | None
    created: str
    updated: str
    name: str | None = None  # that it was given
    tags: Sequence[str] = ()


def listing(folder: Path | None = None, *, keep: bool = True) -> list[Row]:
    """All runs of a folder, newest first; none if there is no folder. Raises `UserError` if it cannot be read. With
    `keep` false the index is used, and not written."""
    folder = runs_folder() if folder is None else folder
    known, index = _load(folder / FILE), {}
    for name, identity in _identities(folder).items():
        kept = known.get(name)
        index[name] = kept if kept and kept[0] == identity else [identity, _row(folder / name)]
    if keep and index != known:
        _save(folder / FILE, index)
    rows = [Row(*values) for _, values in index.values()]
    rows = [row._replace(status=status_now(folder / row.run, row.status)) for row in rows]
    return sorted(rows, key=lambda row: (row.created, row.run), reverse=True)


def latest(*, any_status: bool = False, keep: bool = True) -> Path:
    """The run that changed last, of those that are complete or of all. Raises `UserError` if there is none."""
    rows = [row for row in listing(keep=keep) if row.status in COMPLETE or (any_status and row.status != "damaged")]
    if not rows:
        which = "run" if any_status else "complete run"
        raise UserError(f"there is no {which} under {runs_folder()}: make one with `inwit train`")
    return runs_folder().absolute() / max(rows, key=lambda row: (row.updated, row.run)).run


def chosen(rows: Sequence[Row], tags: Sequence[str]) -> list[Row]:
    """Those that have all these tags. Raises `UserError` for an empty tag."""
    if not all(tag.strip() for tag in tags):
        raise UserError("--tag '' is no tag: name one that runs have")
    return [row for row in rows if {tag.strip() for tag in tags} <= set(row.tags)]


def _identities(folder: Path) -> dict[str, Identity]:
    """The runs of a folder: names, with the identities of their files."""
    found = {}
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith(".") or not entry.is_dir():
                    continue
                record = _identity(f"{entry.path}/run.json")
                if record != ABSENT or _remains(entry.path):
                    found[entry.name] = record + _evaluated(entry.path)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UserError(f"cannot read the runs folder {folder}: {error.strerror}") from None
    return found


def _identity(path: str) -> Identity:
    try:
        status = os.stat(path)  # noqa: PTH116 (a Path for each file would double the time)
    except OSError:
        return ABSENT
    return [status.st_mtime_ns, status.st_size, status.st_ino]


def _evaluated(folder: str) -> Identity:
    """The identity of the file of evaluations, or of the file that runs of earlier versions have."""
    several = _identity(f"{folder}/evaluations.jsonl")
    return _identity(f"{folder}/evaluation.json") if several == ABSENT else several


def _remains(folder: str) -> bool:
    """Whether a folder without a record holds what is left of a run."""
    return any(_identity(f"{folder}/{name}") != ABSENT for name in ("metrics.jsonl", "weights.safetensors"))


def _row(path: Path) -> Row:
    try:
        record = read_record(path)
    except UserError:
        return Row(path.name, "damaged", "?", None, "?", "?", "?", None, None, None, None, None, "", "")
    found = result(record, evaluations(path))
    exact = found if found and found.rows else None
    updates, tokens = (number(record.summary, name) for name in ("update", "tokens"))
    return Row(
        run=path.name,
        status=record.status,
        recipe=record.recipe,
        seed=record.seed,
        world=record.part("world"),
        policy=record.part("policy"),
        learner=record.part("learner"),
        solved=exact.solved if exact else None,
        problems=exact.problems if exact else None,
        updates=None if updates is None else int(updates),
        seconds=number(record.summary, "seconds"),
        tokens=None if tokens is None else int(tokens),
        created=record.created,
        updated=record.updated,
        name=record.label,
        tags=record.tags,
    )


def _load(path: Path) -> Json:
    """The runs in the index; empty if there is no index, or one of another version, or a damaged one."""
    try:
        index = json.loads(path.read_bytes())
        runs = index["runs"]
        valid = all(
            len(identity) == 2 * len(ABSENT) and _sound(name, Row(*row)) for name, (identity, row) in runs.items()
        )
        return runs if valid and (index["format"], index["fields"]) == (FORMAT, list(Row._fields)) else {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def _sound(name: str, row: Row) -> bool:
    """Whether a row of the index can be sorted and shown."""
    texts = (row.status, row.recipe, row.world, row.policy, row.learner, row.created, row.updated)
    numbers = (row.solved, row.problems, row.updates, row.seconds, row.tokens)
    return (
        row.run == name
        and isinstance(row.tags, list)
        and all(isinstance(t, str) for t in (*texts, row.name or "", *row.tags))
        and all(n is None or is_number(n) for n in numbers)
    )


def _save(path: Path, index: Json) -> None:
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    text = json.dumps({"format": FORMAT, "fields": Row._fields, "runs": index}, separators=(",", ":"))
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError:  # a read-only folder, a full disk: the next listing reads everything again
        with suppress(OSError):
            partial.unlink()
