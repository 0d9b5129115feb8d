"""An agent's folder that travels: the reading of it, here or from the Hugging Face Hub.

It holds `model.safetensors`, `config.json` and `README.md`, the model card. The record in `config.json` holds the
SHA-256 of the weights; the weights hold that of the rest of the record, results included. A file that was changed, cut
short or mixed up with another agent's is refused: this finds accidents, it is no signature. Nothing is ever unpickled.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load as parse_tensors

from inwit.core import imports
from inwit.core.contracts import Agent
from inwit.core.errors import UserError, missing, short
from inwit.core.isolation import on_own_terms
from inwit.core.paths import given_path
from inwit.core.results import Json
from inwit.runs.finding import CONFIG, is_folder
from inwit.runs.folder import Kept, Record, evaluation_from
from inwit.runs.weights import fit, metadata_of, untrained
from inwit.training.config import resolve
from inwit.training.loop import settled

FORMAT = 1
WEIGHTS, CARD = "model.safetensors", "README.md"
REPO_ID = r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*"


def from_pretrained(source: str | Path, *, device: str = "cpu", revision: str | None = None) -> Agent:
    """The agent in a folder, or in a repository of the Hub (`name/agent`).

    Raises `UserError` for a folder that is missing, damaged, tampered with, or of a format that this version does not
    read.
    """
    folder = given_path(source, "a folder or a repository of the Hub")
    folder = folder if is_folder(folder) else download(str(source), revision)
    with on_own_terms(1):
        return read_agent(folder, device)


def read_agent(folder: Path, device: str | None) -> Agent:
    """The agent in a folder. Raises `UserError` as `from_pretrained` does."""
    record = read_portable(folder)
    weights = _bytes_of(folder / WEIGHTS)
    if hashlib.sha256(weights).hexdigest() != record["weights_sha256"]:
        raise UserError(f"{folder / WEIGHTS} is not the file that {CONFIG} names: it is damaged or was tampered with")
    try:
        with imports.asked_for(record.get("imports")):
            config = resolve(record["config"])
    except UserError as error:
        raise UserError(
            f"{folder} was saved by inwit {record['inwit']}, which this version cannot read: {error}"
        ) from None
    if metadata_of(weights).get("record_sha256") != record_hash(record):
        raise UserError(f"the record in {folder / CONFIG} is not the one that the weights were saved with")
    world, policy = untrained(config)
    misfit = f"the weights {folder / WEIGHTS} do not fit the policy and world that {CONFIG} names"
    try:
        place = fit(policy, parse_tensors(weights), config, device, misfit)
    except SafetensorError:
        raise UserError(misfit) from None
    return Agent(world, policy, settled(config, policy), None, record["status"], record["summary"], place)


def as_run(folder: Path) -> tuple[Record, list[Kept]]:
    """What a folder says of its agent, as a run would say it. Raises `UserError` for a damaged one."""
    values = read_portable(folder)
    config, summary = values["config"], values["summary"]
    rest = {"versions": {"inwit": values["inwit"]}}
    kept = [Kept(None, None, evaluation_from(values["evaluation"], config["world"]))] if "evaluation" in values else []
    return Record(folder.absolute(), str(values["status"]), config, summary, rest), kept


def read_portable(folder: Path) -> Json:
    """What `config.json` holds. Raises `UserError` for a folder that is no agent's, or a damaged one."""
    try:
        record = json.loads(_bytes_of(folder / CONFIG))
        if record.get("library") != "inwit":
            raise UserError(f"{folder} is not an inwit agent: its {CONFIG} does not say so")
        if record["format"] != FORMAT:
            made = f"inwit {record.get('inwit', 'of another version')}"
            raise UserError(f"{folder} has format {record['format']!r}, of {made}: this version reads format {FORMAT}")
        _ = record["config"]["world"]["id"], [record[name] for name in ("weights_sha256", "status", "summary", "inwit")]
    except UserError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise UserError(f"{folder / CONFIG} is damaged: it does not hold an agent's record") from None
    return record


def _bytes_of(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        raise UserError(f"{file.parent} is not an agent's folder: it has no readable {file.name}") from None


def record_hash(record: Json) -> str:
    """Of everything but the weights' own hash, as JSON gives it back (where keys are text)."""
    rest = json.loads(json.dumps({name: value for name, value in record.items() if name != "weights_sha256"}))
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def is_repo_id(source: str) -> bool:
    """Whether a text may name a repository of the Hub, `name/agent`: not if a folder `name` is here."""
    return bool(re.fullmatch(REPO_ID, source)) and not is_folder(Path(source).parent)


def download(source: str, revision: str | None = None) -> Path:
    """A repository's files, as a folder. Raises `UserError` without the extra, and for what the Hub does not give."""
    if not re.fullmatch(REPO_ID, source):
        raise UserError(f"{short(source)} is neither a folder nor a repository of the Hub, like name/agent")
    named = short(source).strip("'")
    try:
        from huggingface_hub import snapshot_download
    except ModuleNotFoundError:
        fix = missing("huggingface_hub", "hub")
        raise UserError(f"there is no run or folder {named}, and for the Hub {fix}") from None
    with hub_errors(f"there is no run or folder {named}, and the Hub did not give it"):
        return Path(snapshot_download(source, revision=revision, allow_patterns=[WEIGHTS, CONFIG, CARD]))


@contextmanager
def hub_errors(what: str) -> Iterator[None]:
    """Every failure between here and the Hub, in one line. All exceptions are caught, since the Hub's client passes on
    those of its HTTP library, which differ between versions."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(f"{what}: {reason}") from None
