"""The way back from what was kept to an agent: runs, their checkpoints, and folders that travel."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load as parse_tensors
from torch import Tensor

from inwit.core import imports, storage
from inwit.core.contracts import Agent
from inwit.core.errors import UserError, unknown
from inwit.core.isolation import on_own_terms
from inwit.runs import checkpoint, portable
from inwit.runs.finding import is_file, is_portable, meant
from inwit.runs.folder import COMPLETE, Record, read_record, read_whole_record, runs_folder, status_now
from inwit.runs.weights import fit, metadata_of, untrained
from inwit.training.config import Config, resolve
from inwit.training.loop import settled


def find(run: str | Path, *, any_status: bool = False) -> Path:
    """The folder that a word means, as `meant` has it: of several runs that were given one name the newest, and a
    complete one if there is one, but for `any_status`. After `@` stands a checkpoint: `RUN@best`, `RUN@last`, or the
    update, as in `RUN@120`. Raises `UserError` if there is none."""
    found = meant(run, any_status=any_status)
    if len(found) > 1 and not any_status:
        found = [path for path in found if read_record(path).status in COMPLETE] or found
    if found:
        return found[-1]
    name, at, which = str(run).rpartition("@")
    if at and name:
        return _checkpoint(find(name, any_status=True), which)
    with storage.explained(f"cannot read the runs folder {runs_folder()}"):
        names = [path.name for path in sorted(runs_folder().glob("[!.]*/"))]
    raise unknown("run", run, ["latest", *names[-5:]])


def find_to_resume(run: str | Path) -> Path:
    """As `find`, of whatever status. Raises `UserError` also for a checkpoint."""
    path = find(run, any_status=True)
    if is_file(path / "manifest.json") and not is_file(path / "run.json"):
        name, _, which = str(run).rpartition("@")
        way = f"leave out @{which}" if name and Path(which).name == which else f"give {path.absolute().parents[1]}"
        raise UserError(f"{run} is a checkpoint, and a run goes on from its newest one: {way}")
    return path


def _checkpoint(run: Path, which: str) -> Path:
    with storage.explained(f"cannot read the run {run}"):
        kept = checkpoint.listed(run)
    named = {"best": checkpoint.best(run), "last": kept[0] if kept else None}
    found = named.get(which) or next((path for path in kept if path.name == which.zfill(6)), None)
    if found is None:
        raise unknown(f"checkpoint of {run}", which, [name for name in named if kept] + [path.name for path in kept])
    return found


def locate(source: str | Path) -> Path:
    """The folder that `load` reads: as `find`, and what the Hub gives for `name/agent`. Raises `UserError`."""
    try:
        return find(source)
    except UserError:
        if not portable.is_repo_id(str(source)):
            raise
    return portable.download(str(source))


def load(source: str | Path = "latest", device: str | None = None) -> Agent:
    """The agent of a complete run, of one of its checkpoints (its path, or as in `latest@best`), of a folder that
    `save_pretrained` wrote, or of a repository of the Hub (`name/agent`).

    It computes on `device`: by default on that of its training, or on the CPU if this machine does not have it. Raises
    `UserError` for what is missing, unfinished, damaged, or made for a world that this installation lacks.
    """
    with on_own_terms(1):
        path = locate(source)
        return portable.read_agent(path, device) if is_portable(path) else _load(path, device)


def _load(path: Path, device: str | None) -> Agent:
    kept = checkpoint.load(path) if is_file(path / "manifest.json") else None
    folder = path.absolute().parents[1] if kept else path
    record = read_whole_record(folder)
    if kept is None and record.status not in COMPLETE:
        raise UserError(_incomplete(path, status_now(path, record.status)))
    config, file = resolved(record), path / "weights.safetensors"
    world, policy = untrained(config)
    tensors = kept.weights if kept else _read_weights(file, config)
    place = fit(policy, tensors, config, device, _misfit(path if kept else file))
    status, summary = ("checkpoint", kept.numbers["summary"]) if kept else (record.status, record.summary)
    return Agent(world, policy, settled(config, policy), folder.absolute(), status, summary, place)


def resolved(record: Record, **overrides: object) -> Config:
    """The configuration that a run's record holds, with overrides. Raises `UserError` for one that is impossible
    here."""
    with imports.asked_for(record.rest.get("imports")):
        config = resolve(record.config)
    return resolve(config, **overrides)


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
    if not _made_for(metadata_of(data), config):
        raise UserError(_misfit(file))
    return tensors


def _made_for(metadata: dict[str, str], config: Config) -> bool:
    """Whether weights were made for this world and policy. A setting that their file does not name is one that came
    later: it stood at its default."""
    try:
        given = json.loads(metadata["made_for"])
    except (KeyError, ValueError):
        return False
    parts = config.world, config.policy
    return [type(part.settings)().to_dict() | named for part, named in zip(parts, given, strict=True)] == [
        part.to_dict() for part in parts
    ]


def _misfit(source: Path) -> str:
    return f"the weights {source} do not fit the policy and world that run.json names"
