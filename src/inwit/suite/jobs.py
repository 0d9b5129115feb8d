"""What is to be done, in processes of their own: a training and its examination for each experiment and seed, and the
extremes (random and optimum) of each experiment once. Each leaves a file, named by a hash of all that was asked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from inwit import worlds
from inwit.bench.cells import Overrides, made_by
from inwit.core import storage
from inwit.core.devices import usable_device
from inwit.core.errors import UserError, unknown
from inwit.core.imports import imported
from inwit.core.results import Json
from inwit.suite import ABILITIES, agents
from inwit.suite.ability import Ability, Experiment, Figure
from inwit.suite.budget import Budget
from inwit.suite.controls import RANDOM as RANDOM_AGENT
from inwit.suite.controls import SHUFFLED
from inwit.suite.own_code import own_code
from inwit.suite.subject import Subject
from inwit.training.config import Config, resolve
from inwit.worlds.examination import exam_of

FORMAT = 1
AGENT, RANDOM, OPTIMUM = "agent", "random", "optimum"  # whose figures an outcome holds
# Random agents that are measured for a seed; fewer where a world draws, since there each plays many courses.
MEASURED, MEASURED_OF_DRAWS = 100, 10
UNLIMITED = 1_000_000_000  # updates: the budget ends a training
Figures = dict[str, dict[str, Figure]]  # whose, then of which level


@dataclass(frozen=True)
class Outcome:
    """What a job found. `ended` says what ended the training: `solved` or `budget`; empty without."""

    job: Job
    figures: Figures = field(default_factory=dict)
    tokens: int = 0
    updates: int = 0
    seconds: float = 0.0  # of training
    examined: float = 0.0  # seconds of examination
    ended: str = ""
    failed: str = ""


@dataclass(frozen=True)
class Job:
    """A training or a script with its examination; without a `subject` the extremes of an experiment. A script has no
    `config`."""

    ability: str
    experiment: str
    subject: Subject | None
    seed: int
    config: Config | None
    budget: Budget

    @property
    def name(self) -> str:
        what = self.ability if self.experiment == self.ability else f"{self.ability} ({self.experiment})"
        return f"{what} seed {self.seed}" if self.subject else f"{what}: random and optimum"

    @property
    def key(self) -> str:
        return hashlib.sha256(json.dumps(self._asked(), sort_keys=True).encode()).hexdigest()[:16]

    @property
    def main(self) -> str:
        return "inwit.suite.work:main"

    def order(self) -> Json:
        return {"ability": self.ability, "experiment": self.experiment, "seed": self.seed, **self._given()}

    def _given(self) -> Json:
        return {
            "subject": self.subject and self.subject.to_dict(),
            "config": self.config and self.config.to_dict(),
            "budget": self.budget.to_dict(),
        }

    def _asked(self) -> Json:
        experiment = find(self.ability, self.experiment)
        measured = [experiment.settings, experiment.measure.name]
        return {"format": FORMAT, **self.order(), "measured": measured, **self._more(experiment)}

    def _more(self, experiment: Experiment) -> Json:
        """What is asked of some jobs alone: the user's own code, and how often a drawn agent is measured."""
        names = (self.subject.learner, self.subject.policy) if self.subject else ()
        own = own_code((*names, *imported()), (experiment.measure, experiment.levels))
        found: Json = {"code": own} if own else {}
        if self.subject and self.subject.agent == RANDOM_AGENT:
            found["measured_often"] = [MEASURED, MEASURED_OF_DRAWS]
        return found

    def _stamp(self) -> Json:
        training = self.config.training if self.config else None
        made = made_by(training.threads if training else 1, training.device if training else "cpu")
        return {"asked": self._asked(), "made_by": made}

    def write(self, path: Path, outcome: Outcome) -> None:
        figures = {who: {knob: vars(each) for knob, each in of.items()} for who, of in outcome.figures.items()}
        numbers = {name: getattr(outcome, name) for name in ("tokens", "updates", "seconds", "examined", "ended")}
        storage.publish(path, storage.to_json(self._stamp() | {"figures": figures} | numbers))

    def read(self, path: Path) -> Outcome | None:
        try:
            record = json.loads(path.read_bytes())
            # What was asked may hold tuples, which JSON has not.
            if {name: record[name] for name in ("asked", "made_by")} != json.loads(json.dumps(self._stamp())):
                return None
            figures = {who: {k: figure_of(each) for k, each in of.items()} for who, of in record["figures"].items()}
            numbers = record["tokens"], record["updates"], record["seconds"], record["examined"], record["ended"]
            return Outcome(self, figures, *numbers)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None

    def failed(self, why: str) -> Outcome:
        return Outcome(self, failed=why)


def figure_of(record: Mapping[str, object]) -> Figure:
    """A figure as JSON has it. Raises `TypeError` or `ValueError` for what is none."""
    value, interval = record["value"], record["interval"]
    if not isinstance(value, int | float) or (interval is not None and not isinstance(interval, list)):
        raise TypeError
    return Figure(float(value), None if interval is None else (float(interval[0]), float(interval[1])))


def find(ability: str, experiment: str) -> Experiment:
    """An experiment by name; raises `UserError` for an ability or an experiment that does not exist."""
    known = {each.name: each for each in ABILITIES.load(ability).experiments}
    if experiment not in known:
        raise unknown(f"experiment of {ability}", experiment, known)
    return known[experiment]


@cache
def _proven(settings: str) -> bool:
    """Whether success can be proven in a world: then a training may stop when it is."""
    table = json.loads(settings)
    return exam_of(worlds.make(table.pop("id"), **table)).proven


def config_of(experiment: Experiment, subject: Subject, seed: int, overrides: Overrides) -> Config:
    """The configuration of a training. Raises `UserError` where the learner or the policy cannot do it."""
    own = dict(experiment.settings.get("training", {}))
    own.setdefault("confirm", _proven(json.dumps(experiment.settings["world"])))
    own.setdefault("confirm_at", 0.9)
    own["max_updates"] = UNLIMITED
    base = agents.LEARNERS.get(subject.learner.removeprefix(f"{SHUFFLED}:"), {})
    policy = {"id": subject.policy, **agents.POLICIES.get(subject.policy, {}), **overrides.get("policy", {})}
    learner = {"id": subject.learner, **base.get("learner", {}), **overrides.get("learner", {})}
    training = {**base.get("training", {}), **own, **overrides.get("training", {})}
    config = resolve(
        {**experiment.settings, "training": training}, recipe="suite", seed=seed, learner=learner, policy=policy
    )
    usable_device(config.training.device)
    return config


def extremes(abilities: Sequence[Ability]) -> list[Job]:
    """The jobs that find the random score and the optimum of each experiment."""
    return [Job(a.name, e.name, None, 0, None, Budget(e.tokens)) for a in abilities for e in a.experiments]


def plan(
    abilities: Sequence[Ability], subject: Subject, seeds: int, budget: Budget | None, overrides: Overrides
) -> tuple[list[Job], list[Outcome]]:
    """The jobs of a subject, those of an ability together, and a failed outcome for each that cannot be configured.
    Without a `budget` each experiment has its own. Raises `UserError` if no job can be configured."""
    jobs, failed, first = [], [], None
    for ability in abilities:
        for experiment in ability.experiments:
            spent = budget or Budget(experiment.tokens)
            for seed in range(seeds if subject.drawn else 1):
                job = Job(ability.name, experiment.name, subject, seed, None, spent)
                try:
                    config = config_of(experiment, subject, seed, overrides) if subject.trained else None
                    jobs.append(Job(ability.name, experiment.name, subject, seed, config, spent))
                except UserError as error:
                    first = first or error
                    failed.append(job.failed(str(error)))
    if first and not jobs:
        raise first
    return jobs, failed
