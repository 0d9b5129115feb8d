"""Run folders: what a training leaves behind, and the way back from it to an agent.

A run is a folder under `./runs` (or `$INWIT_RUNS`) with `run.json` (status, resolved configuration, versions,
summary), `metrics.jsonl` (a line per report), `weights.safetensors` and, once evaluated, `evaluation.json`.
`run.json` is replaced atomically and says `finished` or `interrupted` only after the weights are on disk.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from inwit import worlds
from inwit.config import Config, resolve
from inwit.devices import usable_device
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
        _write_json(path / "run.json", _record(config, "running", {}))
    except OSError as error:
        shutil.rmtree(path, ignore_errors=True)
        raise UserError(
            f"cannot write a run under {base}: {error.strerror}; set INWIT_RUNS to another folder"
        ) from None
    return path


def finish(agent: Agent) -> None:
    """Save the weights, then say so. Raises `UserError` with the path if the disk refuses."""
    path = agent.path
    assert path is not None
    assert agent.status in COMPLETE
    try:
        weights = {name: tensor.detach().cpu().contiguous() for name, tensor in agent.policy.state_dict().items()}
        partial = path / "weights.safetensors.partial"
        save_file(weights, partial)
        partial.replace(path / "weights.safetensors")
        _write_json(path / "run.json", _record(agent.config, agent.status, agent.summary))
    except (OSError, SafetensorError) as error:
        raise UserError(f"cannot save the run {path}: {getattr(error, 'strerror', None) or error}") from None


def discard(path: Path) -> None:
    """Remove a run folder that came to nothing."""
    shutil.rmtree(path, ignore_errors=True)


def append_metrics(path: Path, line: dict[str, Any]) -> None:
    try:
        with (path / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
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
    where = usable_device(device or config.training.device)
    world = worlds.make(config.world.id, **config.world.settings.to_dict())
    policy = make_policy(config.policy.id, config.policy.settings, world, stream(config.seed, "weights"))
    _load_weights(policy, path)
    return Agent(world, policy.to(where), config, path, record["status"], record["summary"])


def _load_weights(policy: Any, path: Path) -> None:
    file = path / "weights.safetensors"
    try:
        policy.load_state_dict(load_file(file))
    except FileNotFoundError:
        raise UserError(f"the run {path} has no weights.safetensors: it is half-written or was tampered with") from None
    except (OSError, SafetensorError) as error:
        raise UserError(f"the weights {file} are damaged: {error}") from None
    except RuntimeError:
        raise UserError(f"the weights {file} do not fit the policy and world that run.json names") from None


def _latest() -> Path:
    """By the time of completion, the newest run that is complete."""
    complete = []
    for path in runs_folder().glob("*/run.json"):
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            if record["status"] in COMPLETE:
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
    partial.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
    partial.replace(path)
