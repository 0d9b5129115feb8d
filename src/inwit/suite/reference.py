"""What is known of other agents: the reference data that come with inwit, and suites that were kept in folders."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from importlib import resources
from pathlib import Path

from inwit.core.errors import UserError, short, unknown
from inwit.core.paths import given_path
from inwit.core.results import Json
from inwit.runs.folder import runs_folder
from inwit.suite import ABILITIES
from inwit.suite.ability import Ability
from inwit.suite.scores import Score, Scored
from inwit.suite.table import DEFAULT_BUDGET

FORMAT = 1
FILE = "reference.json"


def definition(ability: Ability) -> str:
    """A short hash of what an ability's experiments are: scores of other ones do not compare."""
    parts = [[e.name, e.settings, e.changed, e.tokens, e.measure.name] for e in ability.experiments]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]


@cache
def reference() -> dict[str, Scored]:
    """The reference data by the agent's name, as `a2c-gru` or `pipeline`; without the scores of abilities whose
    experiments have changed since. Empty where there is no such file."""
    try:
        record = json.loads(resources.files("inwit.suite").joinpath(FILE).read_bytes())
    except FileNotFoundError:
        return {}
    now = {name: definition(ABILITIES.load(name)) for name in ABILITIES.names()}
    current = {name for name, made in record["definitions"].items() if now.get(name) == made}
    return {name: _of_reference(name, agent, current) for name, agent in record["agents"].items()}


def _of_reference(name: str, agent: Json, current: set[str]) -> Scored:
    scores = [Score.from_dict(each) for each in agent["abilities"]]
    return Scored(
        name, {each.ability: each for each in scores if each.ability in current}, agent["seeds"], DEFAULT_BUDGET
    )


def find(name: str) -> Scored:
    """A suite's folder (a path, or its name in the runs folder), or an agent of the reference data. Raises `UserError`
    for what is neither, and for a damaged `suite.json`."""
    given = given_path(name, "a suite's folder")
    for folder in (given, runs_folder() / given, runs_folder() / f"suite-{given}"):
        if (folder / "suite.json").is_file():
            return read(folder)
    if name in reference():
        return reference()[name]
    if given.exists():
        raise UserError(f"{given} is no suite's folder: it has no suite.json; inwit suite makes one")
    raise unknown("suite or reference", name, reference())


def read(folder: Path) -> Scored:
    """The suite that a folder keeps. Raises `UserError` if its `suite.json` is damaged."""
    path = folder / "suite.json"
    try:
        record = json.loads(path.read_bytes())
        return scored(record, from_folder=True)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise UserError(f"{path} is damaged: the command that made it makes it again from what is kept") from None


def scored(record: Json, *, from_folder: bool = False) -> Scored:
    """What a `suite.json` says. Raises `KeyError`, `TypeError`, `ValueError` or `AttributeError` if it is none."""
    scores = {each["ability"]: Score.from_dict(each) for each in record["abilities"]}
    return Scored(short_name(record["name"]), scores, int(record["seeds"]), str(record["budget"]), from_folder)


def short_name(name: object) -> str:
    if not isinstance(name, str):
        raise TypeError
    return name if len(name) <= 60 else short(name)


def beside(name: str) -> list[Scored]:
    """Which of the reference data stand beside an agent's own scores: those of the same name, of a usual learner, and
    of a pipeline."""
    known = reference()
    return [known[each] for each in dict.fromkeys((name, "a2c-gru", "pipeline")) if each in known]
