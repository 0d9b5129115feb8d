"""Checkpoints: a folder for each, whole or not there, with checksums that show whether it is undamaged.

`RUN/checkpoints/000120` holds what update 120 left: `weights.safetensors`, `state.safetensors` (optimiser, generators,
curriculum, store), `state.json` (counters) and, written last, `manifest.json` with the size and SHA-256 of each file
and of itself. The folder is written under another name, synced, read back and checked, renamed, and only then are
older ones deleted: the last three and the best stay. Nothing in it is a pickle.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load as parse_tensors
from safetensors.torch import save as tensors_to_bytes
from torch import Tensor

from inwit.core import storage
from inwit.core.errors import UserError
from inwit.core.results import Json

FORMAT = 1
FILES = ("weights.safetensors", "state.safetensors", "state.json")
KEPT = 3


@dataclass(frozen=True)
class Snapshot:
    """What a training is after an update, in plain tensors on the CPU and plain numbers."""

    update: int  # updates done
    weights: dict[str, Tensor]
    tensors: dict[str, Tensor]  # all other tensors, named part/name
    numbers: Json
    score: float  # the best is kept: mean running success


def folder(run: Path) -> Path:
    return run / "checkpoints"


def listed(run: Path) -> list[Path]:
    """The checkpoints of a run, newest first, damaged ones too."""
    return sorted((path for path in folder(run).glob("[0-9]*") if path.name.isdigit()), key=_update, reverse=True)


def _update(path: Path) -> int:
    return int(path.name)


def save(run: Path, snapshot: Snapshot, metadata: dict[str, str]) -> Path:
    """Keep a snapshot as a checkpoint and delete the older ones that are no longer needed; returns its folder.

    `metadata` goes into the weights' header. Raises `OSError` or `UserError`; older checkpoints are intact then.
    """
    contents = {
        "weights.safetensors": tensors_to_bytes(snapshot.weights, metadata),
        "state.safetensors": tensors_to_bytes(snapshot.tensors),
        "state.json": storage.to_json(snapshot.numbers),
    }
    files = {name: {"bytes": len(data), "sha256": _digest(data)} for name, data in contents.items()}
    manifest = {"format": FORMAT, "update": snapshot.update, "score": snapshot.score, "files": files}
    path = folder(run) / f"{snapshot.update:06d}"
    partial = path.with_name(f".{path.name}.partial")
    storage.sweep(path.parent)
    try:
        path.parent.mkdir(exist_ok=True)
        partial.mkdir()  # and nothing above: a run's folder that was renamed or deleted is not begun anew
        for name, data in {**contents, "manifest.json": _signed(manifest)}.items():
            storage.write(partial / name, data)
        storage.sync(partial)
        read_verified(partial)
        if path.exists():  # of the same update: a signal came after it was kept and before that was noted
            storage.remove_folder(path)
        storage.adopt(partial, path)
    except (OSError, UserError):
        shutil.rmtree(partial, ignore_errors=True)  # what is left of it may be what fills the disk
        raise
    storage.sync(run)
    with suppress(OSError):  # the next one tries it again
        _prune(run)
    return path


def _signed(manifest: Json) -> bytes:
    return storage.to_json({**manifest, "sha256": _digest(storage.to_json(manifest))})


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _prune(run: Path) -> None:
    """Keep the last three and the best; of equally good ones the newest."""
    good = best(run)
    for path in listed(run)[KEPT:]:
        if path != good:
            storage.remove_folder(path)


def best(run: Path) -> Path | None:
    """The undamaged checkpoint of the best agent, by mean running success; of equally good ones the newest."""
    for path in sorted(listed(run), key=lambda path: (_score(path), _update(path)), reverse=True):
        with suppress(UserError):
            read_verified(path)
            return path
    return None


def _score(path: Path) -> float:
    try:
        return float(_read_manifest(path)["score"])
    except UserError:
        return -1.0


def read_verified(path: Path) -> tuple[Json, dict[str, bytes]]:
    """The manifest and the files of a checkpoint. Raises `UserError`, one line with the path, if one is damaged."""
    manifest, contents = _read_manifest(path), {}
    for name in FILES:
        data, expected = _read(path, name), manifest["files"][name]
        if len(data) != expected["bytes"]:
            raise _damaged(path, f"{name} has {len(data)} bytes instead of {expected['bytes']}")
        if _digest(data) != expected["sha256"]:
            raise _damaged(path, f"{name} is not what was written")
        contents[name] = data
    return manifest, contents


def _read_manifest(path: Path) -> Json:
    data = _read(path, "manifest.json")
    try:
        manifest = json.loads(data)
        whole = data == _signed({name: value for name, value in manifest.items() if name != "sha256"})
        format = manifest["format"]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise _damaged(path, "manifest.json is not what was written") from None
    if not whole:
        raise _damaged(path, "manifest.json is not what was written")
    if format != FORMAT:
        raise UserError(f"the checkpoint {path} has format {format}: this version reads format {FORMAT}")
    return manifest


def _read(path: Path, name: str) -> bytes:
    with storage.explained(f"the checkpoint {path} is damaged: {name}"):
        return (path / name).read_bytes()


def _damaged(path: Path, why: str) -> UserError:
    return UserError(f"the checkpoint {path} is damaged: {why}")


def load(path: Path) -> Snapshot:
    """The snapshot in a checkpoint's folder. Raises `UserError` if it is damaged or of another format."""
    manifest, contents = read_verified(path)
    try:
        weights, tensors = (_tensors(contents[name]) for name in FILES[:2])
        return Snapshot(manifest["update"], weights, tensors, json.loads(contents["state.json"]), manifest["score"])
    except (SafetensorError, ValueError) as error:
        raise _damaged(path, str(error)) from None


def _tensors(data: bytes) -> dict[str, Tensor]:
    """Copies in memory of their own: parsed tensors lie in memory as in the file, not aligned."""
    return {name: tensor.clone() for name, tensor in parse_tensors(data).items()}


def newest(run: Path, tell: Callable[[str], None]) -> Snapshot | None:
    """The newest undamaged checkpoint of a run, or None. Calls `tell` with the reason why a newer one is refused."""
    for path in listed(run):
        try:
            return load(path)
        except UserError as error:
            tell(f"{error}; using the one before it")
    return None


def set_aside(run: Path, after: int) -> None:
    """Rename the checkpoints after update `after`, which were refused, so that new ones can take their names."""
    for path in listed(run):
        if _update(path) > after:
            aside = path.with_name(f"{path.name}.refused")
            if aside.exists():
                storage.remove_folder(aside)
            storage.adopt(path, aside)
