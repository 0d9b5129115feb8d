"""Run folders: what a training leaves behind, and the way back from it to an agent. docs/runs.md tells what is in one.

A run is a folder under `./runs` (or `$INWIT_RUNS`). `run.json` (status, resolved configuration, versions, summary) is
replaced as a whole and says `finished` or `interrupted` only after the weights have reached the disk. Files of lines
(`metrics.jsonl`, `events.jsonl`, `evaluations.jsonl`) only grow; a reader leaves out a torn last line.
"""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as tensors_to_bytes
from torch import Tensor

from inwit import worlds
from inwit.core import storage
from inwit.core.contracts import Agent, weights_of
from inwit.core.devices import usable_device, usable_devices
from inwit.core.errors import UserError, unknown
from inwit.core.seeding import stream
from inwit.policies import make_policy
from inwit.runs import checkpoint, provenance
from inwit.runs.folder import COMPLETE, runs_folder, status_now
from inwit.runs.index import latest
from inwit.training.config import Config, resolve

FORMAT = 1
LINES = ("metrics.jsonl", "events.jsonl")  # what a training appends to


def create(config: Config, vocabulary: tuple[str, ...]) -> Path:
    """A new run folder with status `running`. Raises `UserError` if it cannot be written; leaves nothing behind
    then."""
    base = runs_folder()
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")
    path = base / f"{config.recipe}-{config.seed}-{stamp}"
    partial = path.with_name(f".{path.name}.partial")  # a folder without a record is never seen under a run's name
    try:
        partial.mkdir(parents=True)
    except OSError as error:  # another process may have this name: what is there is not ours to remove
        raise _unwritable(base, error) from None
    try:
        storage.write(partial / "run.json", storage.to_json(_record(config, vocabulary)))
        storage.sync(partial)
        storage.adopt(partial, path)
    except OSError as error:
        discard(partial if partial.exists() else path)
        raise _unwritable(base, error) from None
    return path


def _record(config: Config, vocabulary: tuple[str, ...]) -> dict[str, Any]:
    time = provenance.now()
    return {
        "format": FORMAT,
        "status": "running",
        "created": time,
        "updated": time,
        "recipe": config.recipe,
        "seed": config.seed,
        "config": config.to_dict(),
        "summary": {},
        **provenance.surroundings(config.training.threads, config.training.device),
        "git": provenance.revision(),
        "vocabulary": list(vocabulary),
        "resumed": [],
    }


def change(path: Path, **changes: Any) -> None:
    """Change a run's record, durably. Raises `UserError` with the path if it cannot be read or written."""
    record = read_record(path) | changes | {"updated": provenance.now()}
    try:
        storage.replace(path / "run.json", storage.to_json(record))
    except OSError as error:
        raise unsaved(path, error) from None


def unsaved(path: Path, error: Exception) -> UserError:
    return UserError(f"cannot save the run {path}: {getattr(error, 'strerror', None) or error}")


def _unwritable(base: Path, error: OSError) -> UserError:
    return UserError(f"cannot write a run under {base}: {error.strerror}; set INWIT_RUNS to another folder")


def finish(agent: Agent) -> None:
    """Save the weights, then say so. Raises `UserError` with the path if the disk refuses."""
    path = agent.path
    assert path is not None
    assert agent.status in COMPLETE
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in weights_of(agent.policy).items()}
    try:
        storage.replace(path / "weights.safetensors", tensors_to_bytes(weights, weights_metadata(agent.config)))
    except (OSError, SafetensorError) as error:
        raise unsaved(path, error) from None
    change(path, status=agent.status, summary=agent.summary)


def weights_metadata(config: Config) -> dict[str, str]:
    """What weights are good for: kept with them, so that they are not taken for another world's or policy's."""
    return {"made_for": json.dumps([config.world.to_dict(), config.policy.to_dict()], sort_keys=True)}


def discard(path: Path) -> None:
    """Remove a run folder that came to nothing."""
    shutil.rmtree(path, ignore_errors=True)


def append(path: Path, name: str, line: dict[str, Any]) -> None:
    """Add a line to one of a run's files. Raises `UserError` with the path if the disk refuses."""
    try:
        storage.append(path / name, storage.to_json(line, indent=None).decode())
    except OSError as error:
        raise UserError(f"cannot write {path / name}: {error.strerror}") from None


def save_evaluation(agent: Agent, evaluation: dict[str, Any]) -> None:
    """Add it to the run's evaluations; that of the run's own weights is kept as `evaluation.json`, too."""
    assert agent.path is not None
    line = {"update": agent.summary.get("update"), "time": provenance.now(), "evaluation": evaluation}
    append(agent.path, "evaluations.jsonl", line)
    if agent.status not in COMPLETE:
        return  # of a checkpoint
    try:
        storage.replace(agent.path / "evaluation.json", storage.to_json(evaluation))
    except OSError as error:
        raise UserError(f"cannot save the evaluation of the run {agent.path}: {error.strerror}") from None


def find(run: str | Path, *, any_status: bool = False) -> Path:
    """The folder of a run given by path, by its name under the runs folder, or as `latest`: the last one that is
    complete; of `any_status`, the last one at all."""
    if str(run) == "latest":
        return latest(any_status=any_status)
    for path in (Path(run), runs_folder() / run):
        if path.is_dir():
            return path
    names = [path.name for path in sorted(runs_folder().glob("[!.]*/"))]
    raise unknown("run", run, ["latest", *names[-5:]])


def load(run: str | Path = "latest", device: str | None = None) -> Agent:
    """The agent of a complete run, or of one of its checkpoints (given by path), on the device it was trained on or on
    `device`.

    Raises `UserError` for a run that is missing, unfinished, damaged, or made for a world that this installation lacks.
    """
    path = find(run)
    if (path / "manifest.json").is_file():
        return _load_checkpoint(path, device)
    record = read_record(path)
    if record["status"] not in COMPLETE:
        raise UserError(_incomplete(path, status_now(path, record["status"])))
    config = resolve(record["config"])
    world, policy = _untrained(config)
    _load_weights(policy, path, config)
    place = _device(config, device)
    return Agent(world, _placed(policy, place), config, path, record["status"], record["summary"], place)


def _incomplete(path: Path, status: str) -> str:
    whys = {"failed": "its training failed", "stopped": "its training was killed"}
    why = whys.get(status, "its training is still going on")
    kept = checkpoint.listed(path)
    more = f"; its last checkpoint is {kept[0]}" if kept else ""
    if kept and status == "stopped":
        more += f", and `inwit train --resume {path}` goes on from there"
    return f"the run {path} is not complete: {why}{more}"


def _load_checkpoint(path: Path, device: str | None) -> Agent:
    run, snapshot = path.absolute().parents[1], checkpoint.load(path)
    config = resolve(read_record(run)["config"])
    world, policy = _untrained(config)
    _fit(policy, snapshot.weights, path)
    summary = snapshot.numbers["summary"]
    place = _device(config, device)
    return Agent(world, _placed(policy, place), config, run, "checkpoint", summary, place)


def _untrained(config: Config) -> tuple[Any, Any]:
    world = worlds.make(config.world.id, **config.world.settings.to_dict())
    return world, make_policy(config.policy.id, config.policy.settings, world, stream(config.seed, "weights"))


def _device(config: Config, asked: str | None) -> torch.device:
    """The device asked for; else the one the run was trained on, or the CPU where this machine does not have it."""
    if asked is not None:
        return usable_device(asked)
    return usable_device(config.training.device if config.training.device in usable_devices() else "cpu")


def _load_weights(policy: Any, path: Path, config: Config) -> None:
    file = path / "weights.safetensors"
    try:
        with safe_open(file, "pt") as weights:
            if (weights.metadata() or {}).get("made_for") != weights_metadata(config)["made_for"]:
                raise _misfit(file)
            tensors = {name: weights.get_tensor(name) for name in weights.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise UserError(f"the run {path} has no weights.safetensors: it is half-written or was tampered with") from None
    except (OSError, SafetensorError) as error:
        raise UserError(f"the weights {file} are damaged: {error}") from None
    _fit(policy, tensors, file)


def _placed(policy: Any, place: torch.device) -> Any:
    return policy.to(place) if isinstance(policy, torch.nn.Module) else policy


def _fit(policy: Any, tensors: dict[str, Tensor], source: Path) -> None:
    if not isinstance(policy, torch.nn.Module):  # a script has nothing to load
        return
    try:
        policy.load_state_dict(tensors)
    except RuntimeError:
        raise _misfit(source) from None


def _misfit(source: Path) -> UserError:
    return UserError(f"the weights {source} do not fit the policy and world that run.json names")


def read_record(path: Path) -> dict[str, Any]:
    """What `run.json` says. Raises `UserError` if it is missing, damaged or of another format."""
    try:
        record = json.loads((path / "run.json").read_text(encoding="utf-8"))
        if record["format"] != FORMAT:
            raise UserError(f"the run {path} has format {record['format']}: this version reads format {FORMAT}")
        _ = record["status"], record["summary"], record["config"]["world"]["id"]
        return record
    except OSError:
        raise UserError(f"{path} is not a run: it has no readable run.json") from None
    except UserError:
        raise
    except (ValueError, KeyError, TypeError):
        raise UserError(f"{path / 'run.json'} is damaged: it does not hold a run's record") from None
