"""An agent as it was at chosen moments of its training: `RUN/snapshots/000050.safetensors` holds the weights that
update 50 left, and nothing else. No training goes on from one. On the disk it takes four bytes for each parameter.
"""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import save as tensors_to_bytes

from inwit.core import storage
from inwit.core.contracts import Agent, weights_of
from inwit.runs.finding import SNAPSHOTS, is_file
from inwit.runs.writing import plain, weights_metadata


def file_of(run: Path, update: int) -> Path:
    return run / SNAPSHOTS / f"{update:06d}.safetensors"


def listed(run: Path) -> list[Path]:
    """The snapshots of a run, earliest first."""
    found = (path for path in (run / SNAPSHOTS).glob("[0-9]*.safetensors") if path.stem.isdigit() and is_file(path))
    return sorted(found, key=update_of)


def update_of(path: Path) -> int:
    """How many updates had been made."""
    return int(path.stem)


def save(run: Path, agent: Agent, update: int) -> None:
    """Keep the agent's weights, durably. Raises `UserError` if the disk refuses."""
    file = file_of(run, update)
    data = tensors_to_bytes(plain(weights_of(agent.policy)), weights_metadata(agent.config))
    with storage.explained(f"cannot save the snapshot {file}"):
        if not file.parent.is_dir():
            file.parent.mkdir()  # and nothing above: a run's folder that was renamed or deleted is not begun anew
            storage.sync(run)
        storage.replace(file, data)


def go_back(run: Path, update: int) -> None:
    """Delete the snapshots after `update`: a training goes on from there. Raises `OSError`."""
    storage.sweep(run / SNAPSHOTS)
    for path in listed(run):
        if update_of(path) > update:
            path.unlink()
