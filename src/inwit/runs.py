"""Run folders: what a training leaves behind, and the way back from it to an agent.

A run is a folder under `./runs` (or `$INWIT_RUNS`) with `run.json` (status, resolved configuration, versions,
summary), `metrics.jsonl` (a line per report), `weights.safetensors` and, once evaluated, `evaluation.json`.
`run.json` is replaced atomically and says `finished` or `interrupted` only after the weights have been written (not
yet: synced to disk).
"""

from __future__ import annotations

import json
import os
import platform
import shutil
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from inwit import worlds
from inwit.config import Config, resolve
from inwit.devices import usable_device, usable_devices
from inwit.errors import UserError, unknown
from inwit.policies import make_policy
from inwit.seeding import stream
from inwit.types import Agent
from inwit.version import __version__

FORMAT = 1
COMPLETE = ("finished", "interrupted")


def runs_folder() -> Path:
    return Path(os.environ.get("INWIT_RUNS") or "runs")


def create(config: Config) -> Path:
    """A new run folder with status `running`. Raises `UserError` if it cannot be written; leaves nothing behind
    then."""
    base = runs_folder()
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")
    path = base / f"{config.recipe}-{config.seed}-{stamp}"
    try:
        path.mkdir(parents=True)
    except OSError as error:
        raise _unwritable(base, error) from None
    try:
        _write_json(path / "run.json", _record(config, "running", {}))
    except OSError as error:
        discard(path)
        raise _unwritable(base, error) from None
    return path


def _unwritable(base: Path, error: OSError) -> UserError:
    return UserError(f"cannot write a run under {base}: {error.strerror}; set INWIT_RUNS to another folder")


def finish(agent: Agent) -> None:
    """Save the weights, then say so. Raises `UserError` with the path if the disk refuses."""
    path = agent.path
    assert path is not None
    assert agent.status in COMPLETE
    partial = path / "weights.safetensors.partial"
    try:
        weights = {name: tensor.detach().cpu().contiguous() for name, tensor in agent.policy.state_dict().items()}
        save_file(weights, partial, metadata={"made_for": _made_for(agent.config)})
        partial.replace(path / "weights.safetensors")
        _write_json(path / "run.json", _record(agent.config, agent.status, agent.summary))
    except (OSError, SafetensorError) as error:
        partial.unlink(missing_ok=True)
        raise UserError(f"cannot save the run {path}: {getattr(error, 'strerror', None) or error}") from None


def _made_for(config: Config) -> str:
    """What weights are good for: kept with them, so that they are not taken for another world's or policy's."""
    return json.dumps([config.world.to_dict(), config.policy.to_dict()], sort_keys=True)


def discard(path: Path) -> None:
    """Remove a run folder that came to nothing."""
    shutil.rmtree(path, ignore_errors=True)


def append_metrics(path: Path, line: dict[str, Any]) -> None:
    try:
        with (path / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, allow_nan=False) + "\n")
    except OSError as error:
        raise UserError(f"cannot write the metrics of the run {path}: {error.strerror}") from None


def save_evaluation(agent: Agent, evaluation: dict[str, Any]) -> None:
    assert agent.path is not None
    try:
        _write_json(agent.path / "evaluation.json", evaluation)
    except OSError as error:
        raise UserError(f"cannot save the evaluation of the run {agent.path}: {error.strerror}") from None


def find(run: str | Path) -> Path:
    """The folder of a run given by path, by its name under the runs folder, or as `latest` (the last one that is
    complete)."""
    if str(run) == "latest":
        return _latest()
    for path in (Path(run), runs_folder() / run):
        if path.is_dir():
            return path
    names = [path.name for path in sorted(runs_folder().glob("*/"))]
    raise unknown("run", run, ["latest", *names[-5:]])


def load(run: str | Path = "latest", device: str | None = None) -> Agent:
    """The agent of a complete run, on the device it was trained on or on `device`.

    Raises `UserError` for a run that is missing, unfinished, damaged, or made for a world that this installation lacks.
    """
    path = find(run)
    record = _read_record(path)
    if record["status"] not in COMPLETE:
        raise UserError(
            f"the run {path} is not complete: its training is still going on, or was killed before it saved"
        )
    config = resolve(record["config"])
    world = worlds.make(config.world.id, **config.world.settings.to_dict())
    policy = make_policy(config.policy.id, config.policy.settings, world, stream(config.seed, "weights"))
    _load_weights(policy, path, config)
    return Agent(world, policy.to(_device(config, device)), config, path, record["status"], record["summary"])


def _device(config: Config, asked: str | None) -> torch.device:
    """The device asked for; else the one the run was trained on, or the CPU where this machine does not have it."""
    if asked is not None:
        return usable_device(asked)
    return usable_device(config.training.device if config.training.device in usable_devices() else "cpu")


def _load_weights(policy: Any, path: Path, config: Config) -> None:
    file = path / "weights.safetensors"
    misfit = UserError(f"the weights {file} do not fit the policy and world that run.json names")
    try:
        with safe_open(file, "pt") as weights:
            if (weights.metadata() or {}).get("made_for") != _made_for(config):
                raise misfit
            policy.load_state_dict({name: weights.get_tensor(name) for name in weights.keys()})  # noqa: SIM118
    except FileNotFoundError:
        raise UserError(f"the run {path} has no weights.safetensors: it is half-written or was tampered with") from None
    except (OSError, SafetensorError) as error:
        raise UserError(f"the weights {file} are damaged: {error}") from None
    except RuntimeError:
        raise misfit from None


def _latest() -> Path:
    """By the time of completion, the newest run that is complete."""
    complete = []
    for path in runs_folder().glob("*/run.json"):
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            if record["status"] in COMPLETE and isinstance(record["written"], str):
                complete.append((record["written"], path.parent))
        except (OSError, ValueError, KeyError, TypeError):
            continue  # somebody else's folder, or a damaged one: not a candidate
    if not complete:
        raise UserError(f"there is no complete run under {runs_folder()}: make one with `inwit train`")
    return max(complete)[1]


def _read_record(path: Path) -> dict[str, Any]:
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


def _record(config: Config, status: str, summary: dict[str, Any]) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "status": status,
        "written": datetime.now(UTC).isoformat(),
        "config": config.to_dict(),
        "summary": summary,
        "versions": {"inwit": __version__, "torch": torch.__version__, "python": platform.python_version()},
    }


def _write_json(path: Path, value: dict[str, Any]) -> None:
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_text(json.dumps(value, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        partial.replace(path)
    except OSError:
        with suppress(OSError):
            partial.unlink()
        raise
