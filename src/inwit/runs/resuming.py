"""Going on with a run: what may differ, what its folder must look like first, and the way back into the loop."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from inwit.core import storage
from inwit.core.contracts import Agent
from inwit.core.devices import usable_device
from inwit.core.errors import UserError
from inwit.core.interruption import checkpoint_signal
from inwit.core.isolation import on_own_terms
from inwit.core.storage import Tell, to_stderr
from inwit.runs import checkpoint, moments, provenance, writing
from inwit.runs.conditions import check_arguments, enough_memory, training_of
from inwit.runs.folder import flat, read_metrics, read_whole_record
from inwit.runs.loading import find_to_resume, resolved
from inwit.runs.recording import Recorder
from inwit.runs.starting import begin
from inwit.runs.tracking import Names, trackers_of
from inwit.training.config import Config
from inwit.training.loop import Parts, prepare
from inwit.training.progress import Callback, watching

# Settings of `training` that decide how long and where it runs, not what it does, but for a learning rate that falls to
# the end. `threads` and `device` may change the last bit of a sum.
FREE = (
    "max_updates",
    "confirm",
    "confirm_at",
    "confirm_every",
    "checkpoint_every",
    "checkpoint_on",
    "snapshots",
    "threads",
    "device",
)


def resume(
    run: str | Path,
    *,
    callback: Callback | None = None,
    progress: bool = False,
    tell: Tell = to_stderr,
    track: Names = None,
    **overrides: object,
) -> Agent:
    """Go on with a run from its newest undamaged checkpoint, as if it had never stopped: bit-identical on the same
    versions, threads and device. A run that was killed before its first checkpoint starts over.

    `overrides` may change how long and on what it trains (`training`'s max_updates, confirm..., checkpoint_...,
    threads, device). Raises `UserError` if they change anything else, if there is nothing to go on from or nothing left
    to do, if another process is training the run, and as `train` does.
    """
    check_arguments(resume, overrides, callback=callback, progress=progress, tell=tell)
    with on_own_terms(1), storage.telling(tell):
        return _resume(find_to_resume(run).absolute(), callback, progress, tell, track, overrides)


def _resume(
    path: Path,
    callback: Callback | None,
    progress: bool,
    tell: Tell,
    track: Names,
    overrides: Mapping[str, object],
) -> Agent:
    record = read_whole_record(path)
    if not os.access(path, os.W_OK):
        raise UserError(f"the run {path} cannot be written to: copy it to a folder of your own and resume the copy")
    config = resolved(record, **overrides)
    with training_of(path), on_own_terms(config.training.threads):
        record = read_whole_record(path)  # as it is now that no other process changes it
        usable_device(config.training.device)  # before it is asked for its name
        here = provenance.surroundings(config.training.threads, config.training.device)
        notes: list[str] = []  # told when it is sure that the training goes on
        _refuse_changes(path, resolved(record), config, provenance.differences(record.rest, here), notes.append)
        checkpoint_signal(config.training.checkpoint_on)
        with enough_memory(config):
            parts, trackers = prepare(config), trackers_of(track, record, tell)
        recorder = Recorder(parts, path, callback, tell, trackers)
        kept = checkpoint.newest(path, tell)
        if kept is not None:
            recorder.go_on_from(kept)
        elif record.summary or checkpoint.listed(path):
            raise UserError(f"the run {path} has no undamaged checkpoint left to go on from: start a new run")
        else:
            begin(parts)
        _refuse_if_done(path, record.status, parts)
        for note in notes:
            tell(note)
        lengths: dict[str, int] = kept.numbers["lengths"] if kept else dict.fromkeys(writing.LINES, 0)
        trackers.sent = max((line["update"] for line in read_metrics(path)), default=0)
        _go_back(path, parts.counters.updates, lengths, tell)
        earlier = record.rest.get("resumed") or []  # a record of an earlier version, or an edited one, may have none
        resumption = {"update": parts.counters.updates, "time": provenance.now(), **here}
        now = parts.agent.config.to_dict()
        writing.change(path, status="running", config=now, resumed=[*earlier, resumption], **here)
        with watching(config, callback, progress) as recorder.callback:
            return recorder.run()


def _refuse_if_done(path: Path, status: str, parts: Parts) -> None:
    at, most = parts.counters, parts.agent.config.training.max_updates
    if at.solved and status == "finished":
        raise UserError(
            f"the run {path} is finished: every problem that it trains on is solved after {at.updates} updates"
        )
    if at.updates > most or (at.updates == most and status == "finished"):
        raise UserError(
            f"the run {path} has {at.updates} updates already and training.max_updates = {most}: "
            f"ask for more, as in --training.max_updates {2 * at.updates}"
        )


def _refuse_changes(path: Path, old: Config, new: Config, elsewhere: list[str], tell: Tell) -> None:
    """Raises `UserError` if a setting differs that makes another training; tells what may change the bits."""
    before, after = flat(old.to_dict()), flat(new.to_dict())
    free = {f"training.{name}" for name in FREE}
    changed = [name for name in sorted(before | after) if before.get(name) != after.get(name) and name not in free]
    if changed:
        name = changed[0]
        raise UserError(
            f"{name} = {after.get(name)} is another training than {path}, which has {before.get(name)}: "
            f"leave it out to resume, or start a new run"
        )
    most = "training.max_updates"
    for name, what in (("last_rate", "the learning rate"), ("last_entropy", "the entropy bonus")):
        share = after[f"training.{name}"]
        if share != 1 and before.get(most) != after[most]:
            tell(
                f"training.{name} = {share}: with max_updates {before.get(most)} -> {after[most]} "
                f"{what} falls along another line from here on"
            )
    if elsewhere:
        tell(f"resuming under other conditions ({', '.join(elsewhere)}): from here on bits may differ")


def _go_back(path: Path, update: int, lengths: dict[str, int], tell: Tell) -> None:
    """Bring a run's folder back to the checkpoint of `update`, at which the files of lines had these lengths."""
    storage.sweep(path)
    with storage.explained(f"cannot save the run {path}"):
        checkpoint.set_aside(path, update)
        moments.go_back(path, update)
        (path / "metrics.parquet").unlink(missing_ok=True)  # of a training that goes on now
        for name, length in lengths.items():
            file = path / name
            present = file.stat().st_size if file.exists() else 0
            if present > length:
                storage.truncate(file, length)
            elif present < length:
                tell(f"{file} lost {length - present} bytes since the checkpoint: earlier lines are missing")
