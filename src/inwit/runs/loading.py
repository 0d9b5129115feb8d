"""The way back from a run's folder to an agent."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as parse_tensors
from torch import Tensor

from inwit import worlds
from inwit.core.contracts import Agent, Policy, World
from inwit.core.devices import usable_device, usable_devices
from inwit.core.errors import UserError, unknown
from inwit.core.isolation import on_own_terms
from inwit.core.seeding import stream
from inwit.policies import make_policy
from inwit.runs import checkpoint
from inwit.runs.folder import COMPLETE, read_whole_record, runs_folder, status_now
from inwit.runs.index import latest, named
from inwit.runs.writing import weights_metadata
from inwit.training.config import Config, resolve
from inwit.training.loop import settled

RECORDS = ("run.json", "manifest.json")  # of a run, of a checkpoint


def find(run: str | Path, *, any_status: bool = False) -> Path:
    """The folder of a run given by path, by its name under the runs folder, or as `latest`: the last complete run, or,
    with `any_status`, the last run. Where there is no such folder: the newest run that was given this name. A folder
    that is no run does not hide a run of the same name."""
    if str(run) == "latest":
        return latest(any_status=any_status)
    folders = [path for path in (Path(run), runs_folder() / run) if str(run) and path.is_dir()]
    if folders:
        return min(folders, key=lambda path: not any((path / name).is_file() for name in RECORDS))
    if (path := named(str(run), any_status=any_status)) is not None:
        return path
    names = [path.name for path in sorted(runs_folder().glob("[!.]*/"))]
    raise unknown("run", run, ["latest", *names[-5:]])


def load(run: str | Path = "latest", device: str | None = None) -> Agent:
    """The agent of a complete run, or of one of its checkpoints (given by path), on `device`: by default on that of its
    training, or on the CPU if this machine does not have it.

    Raises `UserError` for a run that is missing, unfinished, damaged, or made for a world that this installation lacks.
    """
    with on_own_terms(1):
        return _load(run, device)


def _load(run: str | Path, device: str | None) -> Agent:
    path = find(run)
    kept = checkpoint.load(path) if (path / "manifest.json").is_file() else None
    folder = path.absolute().parents[1] if kept else path
    record = read_whole_record(folder)
    if kept is None and record.status not in COMPLETE:
        raise UserError(_incomplete(path, status_now(path, record.status)))
    config, file = resolve(record.config), path / "weights.safetensors"
    world, policy = untrained(config)
    _fit(policy, kept.weights if kept else _read_weights(file, config), path if kept else file)
    if device is None:
        device = config.training.device if config.training.device in usable_devices() else "cpu"
    place = usable_device(device)
    if isinstance(policy, torch.nn.Module):
        policy.to(place)
    status, summary = ("checkpoint", kept.numbers["summary"]) if kept else (record.status, record.summary)
    return Agent(world, policy, settled(config, policy), folder, status, summary, place)


def untrained(config: Config) -> tuple[World, Policy]:
    """The world of a configuration, and its policy with fresh weights, on the CPU."""
    world = worlds.make(config.world.id, **config.world.settings.to_dict())
    return world, make_policy(config.policy.id, config.policy.settings, world, stream(config.seed, "weights"))


def _incomplete(path: Path, status: str) -> str:
    whys = {"failed": "its training failed", "stopped": "its training was killed"}
    why = whys.get(status, "its training is still going on")
    kept = checkpoint.listed(path)
    more = f"; its last checkpoint is {kept[0]}" if kept else ""
    if kept and status == "stopped":
        more += f", and `inwit train --resume {path}` goes on from there"
    return f"the run {path} is not complete: {why}{more}"


def _read_weights(file: Path, config: Config) -> dict[str, Tensor]:
    try:
        data = file.read_bytes()  # safetensors opens no path that is not text
        tensors = parse_tensors(data)
    except FileNotFoundError:
        raise UserError(f"the run {file.parent} has no {file.name}: it is half-written or was tampered with") from None
    except (OSError, SafetensorError) as error:
        raise UserError(f"the weights {file} are damaged: {error}") from None
    if metadata_of(data).get("made_for") != weights_metadata(config)["made_for"]:
        raise _misfit(file)
    return tensors


def metadata_of(weights: bytes) -> dict[str, str]:
    """What a safetensors file says of itself: JSON after eight bytes with its length. Empty if it is damaged."""
    try:
        length = int.from_bytes(weights[:8], "little")
        return json.loads(weights[8 : 8 + length]).get("__metadata__", {})
    except (ValueError, AttributeError):
        return {}


def _fit(policy: Policy, tensors: dict[str, Tensor], source: Path) -> None:
    if not isinstance(policy, torch.nn.Module):  # a script has no weights
        return
    try:
        policy.load_state_dict(tensors)
    except RuntimeError:
        raise _misfit(source) from None


def _misfit(source: Path) -> UserError:
    return UserError(f"the weights {source} do not fit the policy and world that run.json names")
