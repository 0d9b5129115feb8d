"""Agents as folders, and the Hugging Face Hub to share them.

A folder holds `model.safetensors`, `config.json` and `README.md`, the model card. The record in `config.json` holds the
SHA-256 of the weights; the weights hold that of the rest of the record, results included. A file that was changed, cut
short or mixed up with another agent's is refused: this finds accidents, it is no signature. Nothing is ever unpickled.
Folders need no extra; the Hub needs `pip install "inwit[hub]"`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from inwit.core import result_text
from inwit.core.contracts import Agent, parameters_of, weights_of
from inwit.core.devices import usable_device
from inwit.core.errors import UserError
from inwit.core.results import Evaluation
from inwit.evaluation.exact import evaluate
from inwit.integrations import missing
from inwit.runs import loading
from inwit.training.config import resolve
from inwit.training.loop import settled
from inwit.version import __version__
from inwit.worlds import WORLDS

FORMAT = 1
WEIGHTS, CONFIG, CARD = "model.safetensors", "config.json", "README.md"
REPO_ID = r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*"


def save_pretrained(agent: Agent | str | Path, folder: str | Path, *, repo_id: str | None = None) -> Path:
    """Write an agent (or a run's, by its path, name or `latest`) to a folder, with its results in the card.

    Evaluates the agent first, which takes seconds. Returns the folder. Raises `UserError` if it cannot be written, if
    the agent has no configuration, or if its summary holds what JSON cannot, such as NaN.
    """
    agent = agent if isinstance(agent, Agent) else loading.load(agent)
    if agent.config is None:
        raise UserError("the agent cannot be saved: it has no configuration, since no training made it")
    _check_summary(agent.summary)
    folder = Path(folder)
    evaluation = evaluate(agent)
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in weights_of(agent.policy).items()}
    record = {
        "library": "inwit",
        "format": FORMAT,
        "inwit": __version__,
        "status": agent.status,
        "summary": agent.summary,
        "evaluation": evaluation.to_dict(),
        "config": agent.config.to_dict(),
    }
    weights = save(tensors, metadata={"record_sha256": _record_hash(record)})
    record["weights_sha256"] = hashlib.sha256(weights).hexdigest()
    card = model_card(agent, evaluation, repo_id or folder.resolve().name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / WEIGHTS).write_bytes(weights)
        (folder / CONFIG).write_text(json.dumps(record, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        (folder / CARD).write_text(card, encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot write the agent to {folder}: {error.strerror}") from None
    return folder


def from_pretrained(source: str | Path, *, device: str = "cpu", revision: str | None = None) -> Agent:
    """The agent in a folder, or in a repository of the Hub (`name/agent`).

    Raises `UserError` for a folder that is missing, damaged, tampered with, or of a format that this version does not
    read.
    """
    folder = Path(source) if Path(source).is_dir() else _download(str(source), revision)
    record = _read(folder)
    weights = _bytes_of(folder / WEIGHTS)
    if hashlib.sha256(weights).hexdigest() != record["weights_sha256"]:
        raise UserError(f"{folder / WEIGHTS} is not the file that {CONFIG} names: it is damaged or was tampered with")
    try:
        config = resolve(record["config"])
    except UserError as error:
        raise UserError(
            f"{folder} was saved by inwit {record['inwit']}, which this version cannot read: {error}"
        ) from None
    if loading.metadata_of(weights).get("record_sha256") != _record_hash(record):
        raise UserError(f"the record in {folder / CONFIG} is not the one that the weights were saved with")
    place = usable_device(device)
    world, policy = loading.untrained(config)
    try:
        tensors = load(weights)
        if isinstance(policy, torch.nn.Module):  # a script has no weights
            policy.load_state_dict(tensors)
            policy.to(place)
    except (SafetensorError, RuntimeError):
        raise UserError(f"the weights {folder / WEIGHTS} do not fit the policy and world that {CONFIG} names") from None
    return Agent(world, policy, settled(config, policy), None, record["status"], record["summary"], place)


def push_to_hub(agent: Agent | str | Path, repo_id: str, *, private: bool = False, token: str | None = None) -> str:
    """Create the repository on the Hub if need be and upload the agent's folder; returns its address.

    Raises `UserError` without the extra, without a network, or where the token (given, or stored by `hf auth login`) is
    missing or refused.
    """
    try:
        from huggingface_hub import HfApi, get_token
    except ModuleNotFoundError:
        raise missing("huggingface_hub", "hub") from None
    if not re.fullmatch(REPO_ID, repo_id):
        raise UserError(f"{repo_id!r} is no repository of the Hub: it must be like name/agent")
    if not (token or get_token()):
        raise UserError("there is no token for the Hub: run `hf auth login`, set HF_TOKEN, or give token=")
    with TemporaryDirectory() as folder:
        save_pretrained(agent, folder, repo_id=repo_id)
        with _hub_errors(f"cannot push to {repo_id}"):
            api = HfApi(token=token)
            api.create_repo(repo_id, private=private, exist_ok=True)
            return str(api.upload_folder(repo_id=repo_id, folder_path=folder, commit_message="Save an inwit agent"))


def _check_summary(summary: dict[str, object]) -> None:
    """Called before the evaluation and before anything is written. Only a caller's own entries can fail here."""
    for name, value in summary.items():
        try:
            json.dumps(value, allow_nan=False)
        except (ValueError, TypeError):
            raise UserError(
                f"the agent's summary has {name} = {value!r}, which JSON cannot hold: correct agent.summary[{name!r}]"
            ) from None


def _read(folder: Path) -> dict[str, Any]:
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


def _record_hash(record: dict[str, object]) -> str:
    """Of everything but the weights' own hash, as JSON gives it back (where keys are text)."""
    rest = json.loads(json.dumps({name: value for name, value in record.items() if name != "weights_sha256"}))
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def _download(source: str, revision: str | None) -> Path:
    if not re.fullmatch(REPO_ID, source):
        raise UserError(f"{source!r} is neither a folder nor a repository of the Hub, like name/agent")
    try:
        from huggingface_hub import snapshot_download
    except ModuleNotFoundError:
        raise UserError(f"there is no folder {source}, and for the Hub {missing('huggingface_hub', 'hub')}") from None
    with _hub_errors(f"there is no folder {source}, and the Hub did not give it"):
        return Path(snapshot_download(source, revision=revision, allow_patterns=[WEIGHTS, CONFIG, CARD]))


@contextmanager
def _hub_errors(what: str) -> Iterator[None]:
    """Every failure between here and the Hub, in one line. All exceptions are caught, since the Hub's client passes on
    those of its HTTP library, which differ between versions."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(f"{what}: {reason}") from None


def model_card(agent: Agent, evaluation: Evaluation, name: str) -> str:
    """What an agent is, how good it is and how that is known, and how to load it: Markdown with the Hub's header."""
    config, summary = agent.config, agent.summary
    trained = "not trained"
    if "update" in summary:
        trained = f"{summary['update']:,} updates, {summary['tokens']:,} tokens, {summary['seconds']:.1f} s of training"
    settings = [f"{name} {value}" for name, value in config.world.settings.to_dict().items()]
    width = getattr(config.policy.settings, "width", None)
    parameters = sum(parameter.numel() for parameter in parameters_of(agent.policy))
    return f"""\
---
library_name: inwit
license: mit
pipeline_tag: reinforcement-learning
tags: [inwit, reinforcement-learning, tool-use, {json.dumps(config.world.id)}]
model-index: {_model_index(evaluation, name)}
---

# {name}

An inwit agent for the world `{config.world.id}`: {WORLDS.summary(config.world.id)}.

| | |
|---|---|
| world | {config.world.id} ({", ".join(settings)}) |
| policy | {config.policy.id}{f", width {width}" if width else ""}, {parameters:,} parameters |
| learner | {config.learner.id} |
| recipe, seed | {config.recipe}, {config.seed} |
| training | {trained}, {agent.status} |
| saved by | inwit {__version__} |

## Results

{_results(evaluation)}

## How to load it

```python
import inwit

agent = inwit.from_pretrained("{name}")
print(inwit.evaluate(agent).solved)
```
"""


def _model_index(evaluation: Evaluation, name: str) -> str:
    """The results as the Hub reads them: a row each, in JSON, which is YAML as well."""
    task = {"type": "reinforcement-learning", "name": "reinforcement-learning"}
    results = [
        {
            "task": task,
            "dataset": {"type": evaluation.world, "name": f"{evaluation.world}, {row.name}"},
            "metrics": [
                {
                    "type": "success",
                    "name": f"success, {'sampled' if row.interval else 'exact'}, {row.problems:,} problems",
                    "value": row.success,
                }
            ],
        }
        for row in evaluation.rows
    ]
    return json.dumps([{"name": name, "results": results}], ensure_ascii=False)


def _results(evaluation: Evaluation) -> str:
    """The evaluation as a table, and how its figures are known."""
    headings, rows = result_text.headings(evaluation), result_text.cells(evaluation)
    table = [headings, ["---"] * len(headings), *([cell.replace("|", r"\|") for cell in row] for row in rows)]
    sampled = [name for name, *column in zip(headings, *rows, strict=True) if any("~" in cell for cell in column)]
    if sampled:
        known = f"Columns with `~` are estimated from samples: {', '.join(sampled)}."
    else:
        known = "Nothing is sampled." if evaluation.proven else ""
    limit = [f"known limit: {evaluation.known_limit}"] if evaluation.known_limit else []
    lines = [f"{evaluation.method[:1].upper()}{evaluation.method[1:]}. {known}".rstrip(), ""]
    lines += [f"| {' | '.join(cells)} |" for cells in table] + [""]
    lines += [f"- {name}: {meaning}" for name, meaning in result_text.meanings(evaluation).items()]
    lines += [f"- {note}".replace("*", r"\*") for note in result_text.notes(evaluation)]
    return "\n".join(lines + [f"- {text}" for text in limit])
