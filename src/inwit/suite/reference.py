"""What is known of other agents: the reference data that come with inwit, and suites that were kept in folders."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import cache
from importlib import resources
from pathlib import Path

from inwit.core.errors import UserError, short, unknown
from inwit.core.paths import given_path
from inwit.core.results import Json
from inwit.runs.folder import runs_folder
from inwit.suite import ABILITIES, agents
from inwit.suite.ability import Ability
from inwit.suite.controls import SHUFFLED
from inwit.suite.scores import Score, Scored
from inwit.suite.subject import Subject
from inwit.suite.table import DEFAULT_BUDGET

FORMAT = 2
FILE = "reference.json"
OF_REFERENCE = "reference:"


def definition(ability: Ability) -> str:
    """A short hash of what an ability's experiments are: scores of other ones do not compare."""
    parts = [[e.name, e.settings, e.tokens, e.measure.name] for e in ability.experiments]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]


def settings_of(subject: Subject) -> Json:
    """The suite's own settings of a subject's learner and policy: what was made with other ones is out of date."""
    learner, policy = subject.learner.removeprefix(f"{SHUFFLED}:"), subject.policy
    return {"learner": agents.LEARNERS.get(learner, {}), "policy": agents.POLICIES.get(policy, {})}


@cache
def reference() -> dict[str, Scored]:
    """The reference data by the agent's name, as `a2c-gru` or `pipeline`. Empty where there is no such file."""
    try:
        record = json.loads(resources.files("inwit.suite").joinpath(FILE).read_bytes())
    except FileNotFoundError:
        return {}
    return current(record["agents"])


def current(known: Json) -> dict[str, Scored]:
    """Agents of the reference data with what still holds of them: without the scores of abilities whose experiments
    have changed since, and without any score where the agent has other settings now."""
    now = {name: definition(ABILITIES.load(name)) for name in ABILITIES.names()}
    found = {}
    for name, agent in known.items():
        same = agent["settings"] == settings_of(Subject(**agent["subject"]))
        definitions = {each: made for each, made in agent["definitions"].items() if same and now.get(each) == made}
        scores = [Score.from_dict(each) for each in agent["abilities"]]
        kept = {each.ability: each for each in scores if each.ability in definitions}
        found[name] = Scored(name, kept, agent["seeds"], DEFAULT_BUDGET, definitions=definitions)
    return found


def find(name: str) -> Scored:
    """A suite's folder (a path, or its name in the runs folder), or an agent of the reference data. Raises `UserError`
    for what is neither, and for a damaged `suite.json`. `reference:NAME` is of the reference data, whatever folders
    there are."""
    if name.startswith(OF_REFERENCE):
        return _known(name.removeprefix(OF_REFERENCE))
    given = given_path(name, "a suite's folder")
    for folder in (given, runs_folder() / given, runs_folder() / f"suite-{given}"):
        if (folder / "suite.json").is_file():
            return read(folder)
    if name in reference():
        return reference()[name]
    if given.exists():
        raise UserError(f"{given} is no suite's folder: it has no suite.json; inwit suite makes one")
    kept = [path.parent.name for path in sorted(runs_folder().glob("*/suite.json"))]
    raise unknown("suite or reference", name, dict.fromkeys((*kept, *reference())))


def _known(name: str) -> Scored:
    if name not in reference():
        raise unknown("reference", name, reference())
    return reference()[name]


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
    definitions = {str(name): str(made) for name, made in record["definitions"].items()}
    name, seeds, budget = short_name(record["name"]), int(record["seeds"]), str(record["budget"])
    return Scored(name, scores, seeds, budget, from_folder, definitions)


def short_name(name: object) -> str:
    if not isinstance(name, str):
        raise TypeError
    return name if len(name) <= 60 else short(name)


def beside(name: str) -> list[Scored]:
    """Which of the reference data stand beside an agent's own scores: those of the same name, of a usual learner, and
    of a pipeline."""
    known = reference()
    names = dict.fromkeys((name, "a2c-gru", "pipeline"))
    return [known[each] for each in names if each in known and known[each].scores]


def without_reference(abilities: Sequence[str], others: Sequence[Scored]) -> list[str]:
    """The abilities that none of the others has been measured on as they are now."""
    return [name for name in abilities if not any(name in each.scores for each in others)]
