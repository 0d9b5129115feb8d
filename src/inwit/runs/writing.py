"""Writing a run's folder; docs/runs.md lists what is in one.

A run is a folder under `./runs` (or `$INWIT_RUNS`). `run.json` (status, resolved configuration, versions, summary) is
replaced as a whole and says `finished` or `interrupted` only after the weights have reached the disk. Files of lines
(`metrics.jsonl`, `events.jsonl`, `evaluations.jsonl`) only grow; a reader leaves out a torn last line.
"""

from __future__ import annotations

import errno
import json
import re
import shutil
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from safetensors.torch import save as tensors_to_bytes
from torch import Tensor

from inwit.core import imports, storage
from inwit.core.contracts import Agent, weights_of
from inwit.core.errors import UserError
from inwit.core.results import Json
from inwit.core.types import Rollout
from inwit.runs import provenance
from inwit.runs.folder import COMPLETE, FORMAT, read_whole_record, runs_folder
from inwit.runs.words import script_word
from inwit.training.config import NAME, Config

LINES = ("metrics.jsonl", "events.jsonl")  # what a training appends to
RESERVED = r"(?i)^(con|prn|aux|nul|com\d|lpt\d)\."  # on Windows a device, whatever follows the point
ATTEMPTS = 100  # names that are tried for a new run, a microsecond apart
MOST_TAGS, LONGEST_TAG = 20, 64


def checked_name(name: object) -> str | None:
    """The name that a run is given, without the white space around it. Raises `UserError` if it is none."""
    if name is None:
        return None
    text = name.strip() if isinstance(name, str) else ""
    if not re.fullmatch(NAME, text) or text == "latest":  # it becomes part of a folder's name
        raise UserError(
            f"name = {name!r} cannot name a run: letters, digits, '.', '_' and '-', 64 at most, and not 'latest'"
        )
    if script_word(text):
        raise UserError(f"name = {name!r} is the name of a script, and means no run: choose another name")
    return text


def checked_tags(tags: object) -> list[str]:
    """A run's tags, each once, in order; one tag may stand for itself. Raises `UserError` for what is no tag."""
    given = [tags] if isinstance(tags, str) else tags
    if not isinstance(given, Iterable):
        raise UserError(f"tags = {tags!r} are no tags: give a list of texts")
    found: list[str] = []
    for tag in given:
        text = tag.strip() if isinstance(tag, str) else ""
        if not text or "," in text or len(text) > LONGEST_TAG or not text.isprintable():
            raise UserError(f"{tag!r} is no tag: a tag is a text of 1 to {LONGEST_TAG} characters without a comma")
        found += [] if text in found else [text]
    if len(found) > MOST_TAGS:
        raise UserError(f"a run has {MOST_TAGS} tags at most: these are {len(found)}")
    return found


def create(config: Config, vocabulary: tuple[str, ...], name: str | None = None, tags: object = ()) -> Path:
    """A new run folder with status `running`, under a name that no other run has. Raises `UserError` if it cannot be
    written, or if `name` or `tags` are wrong, and leaves nothing behind then."""
    base, now, written = runs_folder(), datetime.now(UTC), provenance.now()
    name, tags = checked_name(name), checked_tags(tags)
    stem = re.sub(RESERVED, r"\1-", name or config.recipe) + f"-{config.seed}"
    record = {
        "format": FORMAT,
        "status": "running",
        "name": name,
        "tags": tags,
        "created": written,
        "updated": written,
        "recipe": config.recipe,
        "seed": config.seed,
        "config": config.to_dict(),
        "summary": {},
        **provenance.surroundings(config.training.threads, config.training.device),
        "git": provenance.revision(),
        "vocabulary": list(vocabulary),
        "resumed": [],
        "imports": imports.imported(),  # for the reader: nothing imports them because they stand here
    }
    why = "the names of new runs are taken"
    try:
        for later in range(ATTEMPTS):
            stamp = (now + timedelta(microseconds=later)).strftime("%Y%m%d-%H%M%S-%f")
            path = base.absolute() / f"{stem}-{stamp}"  # a callback may change the current folder
            if _made(path, storage.to_json(record)):
                return path
    except OSError as error:
        taken = isinstance(error, FileExistsError)  # where a folder should be: strerror says no more than `File exists`
        why = "a file or a link to nothing is in its place" if taken else error.strerror or str(error)
    raise UserError(f"cannot write a run under {base}: {why}; set INWIT_RUNS to another folder")


def _made(path: Path, record: bytes) -> bool:
    """Make a run's folder with its record; False if another process has this name. Raises `OSError`."""
    partial = path.with_name(f".{path.name}.partial")  # a folder without a record is never seen under a run's name
    try:
        partial.mkdir(parents=True)
    except FileExistsError:
        if partial.is_dir():
            return False
        raise
    try:
        storage.write(partial / "run.json", record)
        storage.write(partial / "lock", b"")
        storage.sync(partial)
        storage.adopt(partial, path)
    except BaseException as error:
        taken = isinstance(error, OSError) and partial.exists() and error.errno in (errno.ENOTEMPTY, errno.EEXIST)
        discard(partial if partial.exists() else path)
        if taken:
            return False
        raise
    return True


def change(path: Path, **changes: object) -> None:
    """Change a run's record, durably. Raises `UserError` with the path if it cannot be read or written."""
    record = read_whole_record(path).to_dict() | changes | {"updated": provenance.now()}
    with storage.explained(f"cannot save the run {path}"):
        storage.replace(path / "run.json", storage.to_json(record))


def finish(agent: Agent) -> None:
    """Save the weights, then change the record. Raises `UserError` with the path if the disk refuses."""
    path = agent.path
    assert path is not None
    assert agent.status in COMPLETE
    weights = tensors_to_bytes(plain(weights_of(agent.policy)), weights_metadata(agent.config))
    with storage.explained(f"cannot save the run {path}"):
        storage.replace(path / "weights.safetensors", weights)
    change(path, status=agent.status, summary=agent.summary)


def plain(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Copies on the CPU that share no memory, as safetensors needs them."""
    return {name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()}


def weights_metadata(config: Config) -> dict[str, str]:
    """The world and policy that weights were made for: kept with them, so that no other world or policy gets them."""
    return {"made_for": json.dumps([config.world.to_dict(), config.policy.to_dict()], sort_keys=True)}


def discard(path: Path) -> None:
    """Delete a run folder in which nothing is kept yet."""
    shutil.rmtree(path, ignore_errors=True)


def append(path: Path, name: str, line: Json) -> None:
    """Add a line to one of a run's files. Raises `UserError` with the path if the disk refuses."""
    with storage.explained(f"cannot write {path / name}"):
        storage.append(path / name, storage.to_json(line, indent=None).decode())


def save_batch(path: Path, rollout: Rollout) -> str:
    """Keep the batch in which a training lost its numbers; returns where, and what to look at in it."""
    file = path / "unhealthy.safetensors"
    tensors = {name: value for name, value in vars(rollout).items() if isinstance(value, Tensor)}
    tensors |= {f"task/{name}": value for name, value in rollout.tasks.data.items()} | {"kind": rollout.tasks.kind}
    try:
        storage.replace(file, tensors_to_bytes(plain(tensors)))
    except OSError as error:
        return f"the batch could not be kept as {file}: {error.strerror}"
    return f"look at log_probs, values and reward in the batch, kept as {file}"


def save_evaluation(agent: Agent, evaluation: Json) -> None:
    """Add an evaluation, as `to_dict` gives it, to the run's; that of the run's own weights is also `evaluation.json`.
    Raises `UserError` if the disk refuses."""
    assert agent.path is not None
    line = {"update": agent.summary.get("update"), "time": provenance.now(), "evaluation": evaluation}
    append(agent.path, "evaluations.jsonl", line)
    if agent.status in COMPLETE:  # not of a checkpoint
        with storage.explained(f"cannot save the evaluation of the run {agent.path}"):
            storage.replace(agent.path / "evaluation.json", storage.to_json(evaluation))
