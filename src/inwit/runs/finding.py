"""Which folder a word means: that of a run, of a checkpoint, or of an agent that travels. Needs no PyTorch."""

from __future__ import annotations

import json
from pathlib import Path

from inwit.core.paths import given_path
from inwit.runs.folder import runs_folder
from inwit.runs.index import latest, listing

CONFIG = "config.json"  # of an agent that travels
SNAPSHOTS = "snapshots"  # the folder of a run with weights of chosen updates
EVIDENCE = ("evidence.json", "evidence-seeds.json")  # what was found of a run's agent; of it and its other seeds
RECORDS = ("run.json", "manifest.json")  # of a run, of a checkpoint


def meant(word: str | Path, *, any_status: bool = False) -> list[Path]:
    """The folders (or, of a snapshot, the file) that a word means; none if nothing answers to it.

    `latest` is the last complete run or, with `any_status`, the last run. Anything else is a folder, by its path or by
    its name under the runs folder, or else the runs that were given this name, oldest first. A folder that holds no run
    and no agent hides none of them: it counts if nothing else answers.
    """
    if str(word).strip() == "latest":
        return [latest(any_status=any_status)]
    if not str(word):
        return []
    places = (given_path(word), runs_folder() / word)
    folders = [path for path in places if is_folder(path)]
    holding = [path for path in folders if any(is_file(path / name) for name in RECORDS) or is_portable(path)]
    holding += [path for path in places if is_snapshot(path)]
    if holding:
        return holding[:1]
    return [runs_folder() / row.run for row in reversed(listing()) if row.name == str(word)] or folders[:1]


def split_moment(word: str | Path) -> tuple[str, str | None]:
    """A word that names a run and a moment of its training, as `RUN@120` does, in its two parts. The moment is None in
    a word that names none."""
    name, at, moment = str(word).rpartition("@")
    return (name, moment) if at and name else (str(word), None)


def is_folder(path: Path) -> bool:
    """False, too, for a name that no file can have: one of 300 letters, say."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def is_file(path: Path) -> bool:
    """False, too, in a folder that may not be looked into."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def is_snapshot(path: Path) -> bool:
    """Whether a path is that of a file with weights that a run has kept of some update."""
    return path.suffix == ".safetensors" and path.stem.isdigit() and path.parent.name == SNAPSHOTS and is_file(path)


def is_portable(folder: Path) -> bool:
    """Whether a folder is an agent's that travels, damaged or not."""
    try:
        return json.loads((folder / CONFIG).read_bytes()).get("library") == "inwit"
    except (OSError, ValueError, AttributeError, RecursionError):
        return False
