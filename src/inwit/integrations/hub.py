"""Agents as folders, and the Hugging Face Hub to share them. What a folder holds, and its reading: `runs.portable`.

Folders need no extra; the Hub needs the extra `hub`.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from safetensors.torch import save

from inwit.core import imports, result_text, storage
from inwit.core.contracts import Agent, parameters_of, weights_of
from inwit.core.errors import UserError, missing
from inwit.core.paths import given_path, readable
from inwit.core.results import Evaluation, Json
from inwit.core.storage import Tell, to_stderr
from inwit.core.text import held
from inwit.evaluation.exact import evaluate
from inwit.runs import loading
from inwit.runs.finding import CONFIG, is_portable
from inwit.runs.portable import CARD, FORMAT, REPO_ID, WEIGHTS, hub_errors, record_hash
from inwit.runs.writing import plain
from inwit.version import __version__
from inwit.worlds import WORLDS


def save_pretrained(
    agent: Agent | str | Path, folder: str | Path, *, repo_id: str | None = None, tell: Tell = to_stderr
) -> Path:
    """Write an agent (or what `load` takes) to a folder, with its results in the card.

    Evaluates the agent first, which takes seconds. Returns the folder. An agent that is there already is replaced; a
    card that somebody has edited is kept, which `tell` hears of. Raises `UserError` if the folder holds anything else,
    if it cannot be written, if the agent has no configuration, or if its summary holds what JSON cannot, such as NaN.
    """
    folder = given_path(folder, "a folder")
    _refuse_others(folder)
    agent = agent if isinstance(agent, Agent) else loading.load(agent)
    if agent.config is None:
        raise UserError("the agent cannot be saved: it has no configuration, since no training made it")
    _check_summary(agent.summary)
    evaluation = evaluate(agent)
    card = model_card(agent, evaluation, repo_id or readable(Path(os.path.realpath(folder)).name)).encode()
    record = {
        "library": "inwit",
        "format": FORMAT,
        "inwit": __version__,
        "status": agent.status,
        "summary": agent.summary,
        "evaluation": evaluation.to_dict(),
        "config": _without_folders(agent.config.to_dict()),
        "imports": [Path(name).name for name in imports.imported()],
        "card_sha256": hashlib.sha256(card).hexdigest(),
    }
    weights = save(plain(weights_of(agent.policy)), metadata={"record_sha256": record_hash(record)})
    record["weights_sha256"] = hashlib.sha256(weights).hexdigest()
    files = {WEIGHTS: weights, CONFIG: storage.to_json(record)}
    if edited := _edited(folder):
        tell(f"{folder / CARD} {edited} and is kept: look whether its results are still the agent's")
    else:
        files[CARD] = card
    with storage.explained(f"cannot write the agent to {folder}"):
        folder.mkdir(parents=True, exist_ok=True)
        storage.replace_together(folder, files)
    return folder


def _refuse_others(folder: Path) -> None:
    """Raises `UserError` for a folder with something in it that is not an agent's. Hidden files do not count."""
    with storage.explained(f"cannot write the agent to {folder}"):
        folder = Path(os.path.realpath(folder, strict=folder.is_symlink()))
        if not folder.exists() or is_portable(folder):
            return
        if others := sorted(path.name for path in folder.iterdir() if not path.name.startswith(".")):
            raise UserError(f"{folder} holds {others[0]}, and is no agent's folder: name an empty or a new one")


def _without_folders(config: Json) -> Json:
    """A configuration that others may see: where its maker keeps files is left out."""
    start = Path(config["training"]["start_from"])
    return config | {"training": config["training"] | ({"start_from": start.name} if start.is_absolute() else {})}


def _edited(folder: Path) -> str:
    """What to say of a card that is not the one that was written with the folder's agent; empty of one that is."""
    with suppress(OSError):
        written = json.loads((folder / CONFIG).read_bytes()).get("card_sha256")  # earlier versions did not note it
        if hashlib.sha256((folder / CARD).read_bytes()).hexdigest() != written:
            return "was edited" if written else "may have been edited"
    return ""


def push_to_hub(
    agent: Agent | str | Path, repo_id: str, *, private: bool = False, token: str | None = None, tell: Tell = to_stderr
) -> str:
    """Create the repository on the Hub if need be and upload the agent's folder; returns its address. An agent that is
    there already is replaced; a card that somebody has written or edited is kept, which `tell` hears of.

    Raises `UserError` without the extra, without a network, where the token (given, or stored by `hf auth login`) is
    missing or refused, or if the repository holds anything else.
    """
    try:
        from huggingface_hub import HfApi, get_token
    except ModuleNotFoundError:
        raise missing("huggingface_hub", "hub") from None
    if not re.fullmatch(REPO_ID, repo_id):
        raise UserError(f"{repo_id!r} is no repository of the Hub: it must be like name/agent")
    if not (token or get_token()):
        raise UserError("there is no token for the Hub: run `hf auth login`, set HF_TOKEN, or give token=")
    with TemporaryDirectory() as place:
        folder = save_pretrained(agent, Path(place, "agent"), repo_id=repo_id)
        with hub_errors(f"cannot push to {repo_id}"):
            api = HfApi(token=token)
            api.create_repo(repo_id, private=private, exist_ok=True)
            there = Path(place, "there")
            api.snapshot_download(repo_id, local_dir=there, allow_patterns=[CONFIG, CARD])
            if edited := _edited_on_hub(there, repo_id, api.list_repo_files(repo_id)):
                (folder / CARD).write_bytes((there / CARD).read_bytes())
            address = str(api.upload_folder(repo_id=repo_id, folder_path=folder, commit_message="Save an inwit agent"))
        if edited:
            tell(f"{CARD} of {repo_id} {edited} and is kept: look whether its results are the agent's")
        return address


def _edited_on_hub(there: Path, repo_id: str, files: list[str]) -> str:
    """As `_edited`, of a copy of a repository with these files. Raises `UserError` if it holds anything but an agent.
    A card alone is nobody's if it has nothing but a header: the Hub makes such a one with a new repository."""
    if is_portable(there):
        return _edited(there)
    if others := sorted(set(files) - {".gitattributes", CARD}):
        raise UserError(f"{repo_id} holds {others[0]}, and is no agent's repository: name an empty or a new one")
    card = (there / CARD).read_bytes() if CARD in files else b""
    parts = re.split(rb"(?m)^---\s*$", card, maxsplit=2)
    text = parts[0] + parts[2] if len(parts) == 3 else card
    return "was there before" if text.strip() else ""


def _check_summary(summary: dict[str, object]) -> None:
    """Called before the evaluation and before anything is written. Only a caller's own entries can fail here."""
    for name, value in summary.items():
        try:
            json.dumps(value, allow_nan=False)
        except (ValueError, TypeError):
            raise UserError(
                f"the agent's summary has {name} = {value!r}, which JSON cannot hold: correct agent.summary[{name!r}]"
            ) from None


def model_card(agent: Agent, evaluation: Evaluation, name: str) -> str:
    """What an agent is, how good it is and how that is known, and how to load it: Markdown with the Hub's header."""
    config, summary = agent.config, agent.summary
    trained = "not trained"
    if "update" in summary:
        trained = f"{summary['update']:,} updates, {summary['tokens']:,} tokens, {summary['seconds']:.1f} s of training"
    given = config.world.settings.to_dict().items()
    settings = [f"{name} {held(value) if isinstance(value, list) else value}" for name, value in given]
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
