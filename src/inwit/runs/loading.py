"""The way back from what was kept to an agent: runs, their checkpoints, and folders that travel."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load as parse_tensors
from torch import Tensor

from inwit.core import imports, storage
from inwit.core.contracts import Agent, weights_of
from inwit.core.errors import UserError, short, unknown
from inwit.core.isolation import on_own_terms
from inwit.core.numbers import given_number, scalar
from inwit.runs import checkpoint, moments, portable
from inwit.runs.finding import is_file, is_portable, is_snapshot, meant, split_moment
from inwit.runs.folder import COMPLETE, Record, read_record, read_whole_record, runs_folder, status_now
from inwit.runs.scripted import script_agent
from inwit.runs.weights import fit, metadata_of, untrained
from inwit.runs.words import refuse_script, script_word, scripts_told
from inwit.training.config import Config, resolve
from inwit.training.loop import settled


def find(run: str | Path, *, any_status: bool = False) -> Path:
    """The folder that a word means, as `meant` has it: of several runs that were given one name the newest, and a
    complete one if there is one, but for `any_status`. After `@` stands a checkpoint: `RUN@best`, `RUN@last`, or the
    update, as in `RUN@120`; where no checkpoint has that update, it is the file of the snapshot that has. Raises
    `UserError` if there is none."""
    refuse_script(run, "has neither a folder nor weights")
    found = meant(run, any_status=any_status)
    if len(found) > 1 and not any_status:
        found = [path for path in found if read_record(path).status in COMPLETE] or found
    if found:
        if is_file(found[-1] / "suite.json"):
            raise UserError(f"{short(str(run))} is the folder of a suite, not a run: see inwit suite --compare")
        return found[-1]
    name, which = split_moment(run)
    if which is not None:
        return _earlier(find(name, any_status=True), which)
    with storage.explained(f"cannot read the runs folder {runs_folder()}"):
        names = [path.parent.name for path in sorted(runs_folder().glob("[!.]*/run.json"))]
    raise UserError(f"{unknown('run', run, ['latest', *names[-5:]])}; {scripts_told()}")


def find_to_resume(run: str | Path) -> Path:
    """As `find`, of whatever status. Raises `UserError` also for a checkpoint and for a snapshot."""
    path = find(run, any_status=True)
    if what := _part(path):
        newest = "one" if what == "checkpoint" else "checkpoint"
        raise UserError(f"{run} is a {what}, and a run goes on from its newest {newest}: {_way_to_run(run, path)}")
    return path


def _part(path: Path) -> str:
    """What of a run a path is, "checkpoint" or "snapshot"; empty for a run's own folder, and for what is no run's."""
    if is_snapshot(path):
        return "snapshot"
    return "checkpoint" if is_file(path / "manifest.json") and not is_file(path / "run.json") else ""


def _way_to_run(word: str | Path, path: Path) -> str:
    """How to name the run where `word` means a part of it."""
    name, _, which = str(word).rpartition("@")
    return f"leave out @{which}" if name and Path(which).name == which else f"give {path.absolute().parents[1]}"


def _earlier(run: Path, which: str) -> Path:
    """The folder of a checkpoint, or the file of a snapshot."""
    if is_portable(run):
        raise UserError(f"{run} is an exported agent: of its training it keeps the end alone; leave out @{which}")
    with storage.explained(f"cannot read the run {run}"):
        kept, snapshots = checkpoint.listed(run), moments.listed(run)
    named = {"best": checkpoint.best(run), "last": kept[0]} if kept else {}
    for path in [*kept, *snapshots]:
        named.setdefault(path.stem, path)
    found = named.get(which) or (named.get(which.zfill(6)) if which else None)  # nothing is no update 0
    if found is None and named:
        raise unknown(f"checkpoint or snapshot of {run}", which, named)
    if found is None:
        raise UserError(
            f"the run {run} has neither checkpoints nor snapshots, so nothing of {which!r}: a training keeps snapshots "
            "of the updates that training.snapshots names, as in 0,50,100"
        )
    return found


def locate(source: str | Path) -> Path:
    """The folder that `load` reads: as `find`, and what the Hub gives for `name/agent`. Raises `UserError`."""
    try:
        return find(source)
    except UserError:
        if not portable.is_repo_id(str(source)):
            raise
    return portable.download(str(source))


def load(
    source: str | Path = "latest",
    device: str | None = None,
    *,
    at: int | str | None = None,
    untrained: int | None = None,
) -> Agent:
    """The agent of a complete run, of one of its checkpoints (its path, or as in `latest@best`), of a folder that
    `save_pretrained` wrote, or of a repository of the Hub (`name/agent`). Or of a script, in the world of a recipe, of
    an id or of a run, as in `pipeline:calculator`; alone, as `pipeline`, in the world of a plain `inwit train`.

    `at`: the same agent as it was after so many updates, from a checkpoint or a snapshot (`training.snapshots`); also
    "best" and "last", of the checkpoints. `untrained`: the agent as training would have begun it from this seed, which
    belongs to no run. Both are asked of a run, not of a checkpoint or a snapshot, as `RUN@2` is. The agent computes on
    `device`: by default on that of its training, or on the CPU if this machine does not have it. Raises `UserError` for
    what is missing, unfinished, damaged, or made for a world that this installation lacks.
    """
    if at is not None and untrained is not None:
        raise UserError(f"at = {at} and untrained = {untrained} are two agents: give one of them")
    if script := script_word(source):
        asked = {"device": device, "at": at, "untrained": untrained}
        if given := [f"{name} = {value}" for name, value in asked.items() if value is not None]:
            raise UserError(f"{script} is a script, without weights or training: leave out {given[0]}")
        return script_agent(script)
    with on_own_terms(1):
        if untrained is not None:
            return _fresh(source, device, given_number("untrained", untrained))
        if at is not None:
            path = _earlier(_whole(source, find(source, any_status=True), f"at = {at}"), str(scalar(at)))
        else:
            path = locate(source)
        return portable.read_agent(path, device) if is_portable(path) else _load(path, device)


def _fresh(source: str | Path, device: str | None, seed: int) -> Agent:
    """An agent that differs from that of a run in its weights alone, which are as they are before any training."""
    path = _whole(source, locate(source), f"untrained = {seed}")
    config = portable.read_agent(path, device).config if is_portable(path) else resolved(read_whole_record(path))
    config = resolve(config, seed=seed)
    world, policy = untrained(config)
    place = fit(policy, weights_of(policy), config, device, "")
    return Agent(world, policy, settled(config, policy), device=place)


def run_of(path: Path) -> Path:
    """The folder of the run that a checkpoint or a snapshot belongs to; a run's own is itself."""
    return path.absolute().parents[1] if _part(path) else path


def _whole(source: str | Path, path: Path, asked: str) -> Path:
    """The path, if it is not that of a checkpoint or a snapshot: what is asked for besides would name another agent."""
    if what := _part(path):
        raise UserError(f"{source} is a {what} already, and {asked} is another agent: {_way_to_run(source, path)}")
    return path


def _load(path: Path, device: str | None) -> Agent:
    kept = checkpoint.load(path) if is_file(path / "manifest.json") else None
    at = moments.update_of(path) if is_snapshot(path) else None
    folder = run_of(path)
    record = read_whole_record(folder)
    if kept is None and at is None and record.status not in COMPLETE:
        raise UserError(_incomplete(path, status_now(path, record.status)))
    config, file = resolved(record), path if at is not None else path / "weights.safetensors"
    world, policy = untrained(config)
    tensors = kept.weights if kept else _read_weights(file, config)
    place = fit(policy, tensors, config, device, _misfit(path if kept else file))
    status, summary = record.status, record.summary
    if kept:
        status, summary = "checkpoint", kept.numbers["summary"]
    elif at is not None:
        status, summary = "snapshot", {"update": at}
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
    if not (isinstance(given, list) and len(given) == len(parts) and all(isinstance(named, dict) for named in given)):
        return False
    return [type(part.settings)().to_dict() | named for part, named in zip(parts, given, strict=True)] == [
        part.to_dict() for part in parts
    ]


def _misfit(source: Path) -> str:
    return f"the weights {source} do not fit the policy and world that run.json names"
