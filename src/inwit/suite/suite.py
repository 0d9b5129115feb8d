"""The suite as a whole: plan the jobs, run them, score the abilities, write the folder."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

from rich.console import Console, RenderableType

from inwit.bench.cells import Overrides, made_by
from inwit.bench.grid import run_grid
from inwit.bench.progress import Progress
from inwit.core import drawing, storage
from inwit.core.errors import UserError, unknown
from inwit.core.paths import given_path
from inwit.core.results import Json
from inwit.core.settings import Settings, setting
from inwit.core.text import plain
from inwit.runs.folder import runs_folder
from inwit.suite import ABILITIES, jobs
from inwit.suite.ability import Ability
from inwit.suite.budget import Budget, parsed
from inwit.suite.jobs import Outcome
from inwit.suite.page import make_page
from inwit.suite.radar import radar
from inwit.suite.reference import beside, definition, read, scored, settings_of, without_reference
from inwit.suite.scores import Score, Scored, score
from inwit.suite.subject import Subject
from inwit.suite.table import DEFAULT_BUDGET, markdown, terminal_table
from inwit.version import __version__

FORMAT = 1
WRITTEN = ("suite.json", "suite.md", "radar.svg", "radar.png", "page.html")
PARTS = ("learner", "policy", "training")


@dataclass(frozen=True)
class SuiteSettings(Settings):
    budget: str = setting("", "of each training: tokens, or seconds as in 60s; empty: each experiment's own")
    seeds: int = setting(3, "trainings of each experiment, with the root seeds 0, 1, 2, ...", at_least=1, at_most=1000)
    jobs: int = setting(1, "trainings at a time, a process with one thread each", at_least=1, at_most=4096)
    only: tuple[str, ...] = setting((), "abilities, by name; none: all")


@dataclass(frozen=True)
class Suite:
    """A finished suite: its folder, its table for the terminal, and what `suite.json` holds."""

    folder: Path
    table: RenderableType
    record: Json


def default_jobs(overrides: Overrides) -> int:
    """A process for each processor; on a GPU one."""
    return os.cpu_count() or 1 if overrides.get("training", {}).get("device", "cpu") == "cpu" else 1


def suite(subject: Subject, settings: SuiteSettings, overrides: Overrides, out: str | None, target: Console) -> Suite:
    """Examine a subject and leave `suite.json`, tables and pictures in the folder `out`, `suite-NAME` in the runs
    folder if None. `target` shows progress. Raises `UserError` for a user's mistake, and when every job has failed."""
    _check(subject, overrides)
    chosen = chosen_abilities(settings.only)
    budget = parsed(settings.budget) if settings.budget else None
    todo, failed = jobs.plan(chosen, subject, settings.seeds, budget, overrides)
    folder, began = _folder(out, subject), time.monotonic()
    ends = jobs.extremes(chosen)
    with Progress(target, len(ends) + len(todo), told) as progress:
        outcomes = run_grid([*ends, *todo], folder, settings.jobs, progress)
    extremes, outcomes = outcomes[: len(ends)], outcomes[len(ends) :] + failed
    if all(outcome.failed for outcome in outcomes):
        raise UserError(f"every job has failed, the first with: {outcomes[0].failed}")
    scores = [_scored(ability, outcomes, extremes) for ability in chosen]
    record: Json = _record(subject, settings, budget, overrides, scores, outcomes) | {"wall": time.monotonic() - began}
    others = beside(subject.name)
    record["without_reference"] = without_reference([each.ability for each in scores], others)
    if hidden := [name for name in _shown_before(folder) if all(name != each.ability for each in scores)]:
        why = "their trainings are kept, and are shown again where --only names them too, or is left out"
        target.print(f"{folder} no longer shows {', '.join(hidden)}: {why}", soft_wrap=True)
    write(folder, record, scores, others)
    return Suite(folder, terminal_table(record, scores, others), record)


def chosen_abilities(only: Sequence[str]) -> list[Ability]:
    """The abilities with these names, in their order; without names all. Raises `UserError` for an unknown one."""
    known = {_plain(name): name for name in ABILITIES.names()}
    asked = [name for name in map(_plain, only) if name]
    if only and not asked:
        raise UserError(f"only = {','.join(only)!r} names no ability: give some, as in reading,slots, or leave it out")
    for name in asked:
        if name not in known:
            raise unknown("ability", name, known.values())
    return [ABILITIES.load(name) for plainly, name in known.items() if not only or plainly in asked]


def _plain(name: str) -> str:
    """`lucky-shortcuts`, `Lucky shortcuts` and `lucky_shortcuts` are one."""
    return name.strip().replace("-", " ").replace("_", " ").lower()


def _shown_before(folder: Path) -> list[str]:
    """The abilities that the folder's `suite.json` has so far."""
    try:
        return list(read(folder).scores)
    except UserError:  # none, or damaged
        return []


def _check(subject: Subject, overrides: Overrides) -> None:
    for part, table in overrides.items():
        if part not in PARTS:
            raise UserError(f"--{part}.{next(iter(table))} belongs to the experiments: set {', '.join(PARTS)} alone")
        if not subject.trained:
            raise UserError(f"{subject.agent} is trained by nobody: leave out --{part}.{next(iter(table))}")
        if "id" in table:
            raise UserError(f"--{part}.id is --{part} here")


def _folder(out: str | None, subject: Subject) -> Path:
    if out == "":
        raise UserError("out = '' is no folder: name one, or leave it out")
    name = subject.name.replace(":", "-").replace("/", "-")
    folder = given_path(out) if out is not None else runs_folder() / f"suite-{name}"
    theirs = [name for name in WRITTEN if (folder / name).exists() and not (folder / "cells").is_dir()]
    if theirs:
        raise UserError(f"{folder / theirs[0]} is no suite's: name another folder with --out")
    return folder


def _scored(ability: Ability, outcomes: Sequence[Outcome], extremes: Sequence[Outcome]) -> Score:
    own = [[each for each in of if each.job.ability == ability.name] for of in (outcomes, extremes)]
    return score(ability, *own)


def _record(
    subject: Subject,
    settings: SuiteSettings,
    budget: Budget | None,
    overrides: Overrides,
    scores: Sequence[Score],
    outcomes: Sequence[Outcome],
) -> Json:
    return {
        "format": FORMAT,
        "name": subject.name,
        "subject": subject.to_dict(),
        "budget": DEFAULT_BUDGET if budget is None else str(budget),
        "seconds_budget": budget is not None and isfinite(budget.seconds),
        "seeds": settings.seeds if subject.drawn else 1,
        "jobs": settings.jobs,
        "processors": os.cpu_count(),
        "overrides": overrides,
        "settings": settings_of(subject),
        "definitions": {score.ability: definition(ABILITIES.load(score.ability)) for score in scores},
        "version": __version__,
        "made_by": _made_by(outcomes),
        "tokens": sum(each.tokens for each in outcomes),
        "training_seconds": sum(each.seconds for each in outcomes),
        "examination_seconds": sum(each.examined for each in outcomes),
        "abilities": [plain(each.to_dict()) for each in scores],
        "runs": [_run(each) for each in outcomes],
    }


def _made_by(outcomes: Sequence[Outcome]) -> Json:
    training = next((each.job.config.training for each in outcomes if each.job.config), None)
    return made_by(training.threads, training.device) if training else made_by(1, "cpu")


def _run(outcome: Outcome) -> Json:
    job = outcome.job
    names = ("tokens", "updates", "seconds", "examined", "ended", "failed")
    spent = {"ability": job.ability, "experiment": job.experiment, "seed": job.seed, "budget": job.budget.to_dict()}
    return spent | {name: getattr(outcome, name) for name in names}


def write(folder: Path, record: Json, scores: Sequence[Score], beside: Sequence[Scored]) -> None:
    """Leave all that a suite shows of its record in its folder."""
    picture = radar([scored(record), *beside], [score.ability for score in scores])
    svg = drawing.image(picture, "svg")
    storage.publish(folder / "suite.json", storage.to_json(record))
    storage.publish(folder / "suite.md", markdown(record, scores, beside).encode())
    storage.publish(folder / "radar.svg", svg)
    storage.publish(folder / "radar.png", drawing.image(picture, "png"))
    storage.publish(folder / "page.html", make_page(record, beside, svg).encode(errors="replace"))


def told(outcome: Outcome) -> str:
    """`reading (calculator) seed 0: 12.1 s of training, 300,000 tokens`"""
    if outcome.failed:
        return f"{outcome.job.name}: failed: {outcome.failed}"
    if outcome.job.config is None:
        return f"{outcome.job.name}: measured"
    proven = ", then proven perfect" if outcome.ended == "solved" else ""
    return f"{outcome.job.name}: {outcome.seconds:.1f} s of training, {outcome.tokens:,} tokens{proven}"
