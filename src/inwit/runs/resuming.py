"""What may differ when a run is resumed, and what its folder must look like first."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from inwit.core import storage
from inwit.core.errors import UserError
from inwit.runs import writing
from inwit.runs.folder import flat, read_whole_record
from inwit.runs.loading import find
from inwit.training.config import Config

# Settings that decide how long and where a training runs, not what it does (but for a rate that falls to its end).
FREE = ("max_updates", "confirm", "confirm_at", "confirm_every", "checkpoint_every")
# Those that may change the last bit of a sum.
FREE_BUT_SAID = ("threads", "device")


def checked_path(run: str | Path) -> Path:
    """The folder of a run that can be written to. Raises `UserError` otherwise."""
    path = find(run, any_status=True)
    read_whole_record(path)
    if not os.access(path, os.W_OK):
        raise UserError(f"the run {path} cannot be written to: copy it to a folder of your own and resume the copy")
    return path


def check_changes(path: Path, old: Config, new: Config, elsewhere: list[str], tell: Callable[[str], None]) -> None:
    """Raises `UserError` if a setting differs that makes another training; says what may change the bits."""
    before, after = flat(old.to_dict()), flat(new.to_dict())
    free = {f"training.{name}" for name in (*FREE, *FREE_BUT_SAID)}
    changed = [name for name in sorted(before | after) if before.get(name) != after.get(name) and name not in free]
    if changed:
        name = changed[0]
        raise UserError(
            f"{name} = {after.get(name)} is another training than {path}, which has {before.get(name)}: "
            f"leave it out to resume, or start a new run"
        )
    most, last_rate = "training.max_updates", after["training.last_rate"]
    if last_rate != 1 and before.get(most) != after[most]:
        tell(
            f"training.last_rate = {last_rate}: with max_updates {before.get(most)} -> {after[most]} "
            "the learning rate falls along another line from here on"
        )
    if elsewhere:
        tell(f"resuming under other conditions ({', '.join(elsewhere)}): from here on bits may differ")


def cut_back(path: Path, lengths: dict[str, int], tell: Callable[[str], None]) -> None:
    """Bring the files of lines back to where a checkpoint left them; what came later will come again."""
    storage.sweep(path)
    try:
        (path / "metrics.parquet").unlink(missing_ok=True)  # of a training that goes on now
        for name, length in lengths.items():
            file = path / name
            present = file.stat().st_size if file.exists() else 0
            if present > length:
                storage.truncate(file, length)
            elif present < length:
                tell(f"{file} lost {length - present} bytes since the checkpoint: earlier lines are missing")
    except OSError as error:
        raise writing.unsaved(path, error) from None
