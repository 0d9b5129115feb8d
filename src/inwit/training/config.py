"""The resolved configuration of a run: a recipe, overridden, checked, complete.

A recipe is a TOML file with one table for each part. The tables `world`, `policy`, `learner` and `curriculum` name
what they configure with `id` and hold its settings; each auxiliary has a table under its own name (`hindsight`, ...);
`training` holds the settings of the loop. What a recipe leaves out takes its default; an unknown name is refused.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from inwit.core.errors import UserError, short, unknown
from inwit.core.registry import Registry
from inwit.core.results import Json
from inwit.core.settings import Settings, build, setting
from inwit.learners import LEARNERS
from inwit.learners.auxiliary import AUXILIARIES, AuxiliarySettings
from inwit.policies import POLICIES
from inwit.training import recipes
from inwit.training.curricula import CURRICULA
from inwit.worlds import WORLDS

PARTS: dict[str, Registry[Any]] = {"world": WORLDS, "policy": POLICIES, "learner": LEARNERS, "curriculum": CURRICULA}
DEFAULT_RECIPE = "tutorial"
NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"


@dataclass(frozen=True)
class TrainingSettings(Settings):
    episodes: int = setting(512, "episodes in an update", at_least=1, at_most=1_000_000)
    learning_rate: float = setting(0.001, "of Adam", at_least=0)
    last_rate: float = setting(
        1.0, "share of the learning rate that is left at max_updates, falling in a straight line", at_least=0, at_most=1
    )
    last_entropy: float = setting(
        1.0,
        "share of the learner's entropy bonus (and detours) that is left at max_updates, falling in a straight line",
        at_least=0,
        at_most=1,
    )
    max_grad_norm: float = setting(1.0, "gradients are clipped to this norm", at_least=0.000001)
    max_updates: int = setting(3000, "stop after this many updates at the latest", at_least=1)
    confirm: bool = setting(True, "stop when the greedy agent solves every problem outside the test set")
    confirm_at: float = setting(
        0.5, "try all problems when every kind's running success is at least this", at_least=0, at_most=1
    )
    confirm_every: int = setting(5, "updates between two such tries", at_least=1)
    checkpoint_every: float = setting(30.0, "seconds between two checkpoints; results do not depend on it", at_least=0)
    snapshots: tuple[int, ...] = setting(
        (), "also keep the weights after these many updates, as in 0,50,100; results do not depend on it", at_least=0
    )
    checkpoint_on: str = setting("", "also write a checkpoint on this signal, as SIGUSR1; empty: on none")
    threads: int = setting(1, "threads; more than one is slower where the machine is shared", at_least=1, at_most=256)
    device: str = setting("cpu", "where to train: cpu, cuda, cuda:1 ...")
    start_from: str = setting(
        "", "an agent whose weights it begins with: a run, RUN@best, a folder, or name/agent on the Hub"
    )


@dataclass(frozen=True)
class _Head(Settings):
    """The settings above the tables of a recipe."""

    recipe: str = setting("custom", "the recipe's name")
    seed: int = setting(0, "the root seed", at_least=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not re.fullmatch(NAME, self.recipe):  # it becomes part of a folder's name
            raise UserError(f"recipe = {self.recipe!r} is no name: letters, digits, '.', '_' and '-', 64 at most")


@dataclass(frozen=True)
class Part:
    """One configured part: which implementation (`id`) and its settings."""

    id: str
    settings: Any  # an instance of the implementation's own `Settings`

    def to_dict(self) -> Json:
        return {"id": self.id, **self.settings.to_dict()}


@dataclass(frozen=True)
class Config:
    """Everything that decides a run's outcome, given the versions it runs on."""

    recipe: str
    seed: int
    world: Part
    policy: Part
    learner: Part
    curriculum: Part
    # By name, with every one that is registered; rows = 0 where it is off. A dict cannot be hashed.
    auxiliaries: dict[str, AuxiliarySettings] = field(hash=False)
    training: TrainingSettings

    def to_dict(self) -> Json:
        """As a recipe has it: each auxiliary is a table of its own, beside the parts. One from outside that is off is
        left out: what does not use it can be read where it is not installed."""
        parts = {name: getattr(self, name).to_dict() for name in PARTS}
        kept = {n: s for n, s in self.auxiliaries.items() if n in AUXILIARIES.built_in or s.rows or s != type(s)()}
        auxiliaries = {name: settings.to_dict() for name, settings in kept.items()}
        return {"recipe": self.recipe, "seed": self.seed, **parts, **auxiliaries, "training": self.training.to_dict()}


def resolve(source: Config | str | Path | Mapping[str, object] = DEFAULT_RECIPE, **overrides: object) -> Config:
    """The configuration of a recipe (by name, or the path of a TOML file, or as nested dicts), with overrides.

    Overrides are nested as in the file: `resolve("tutorial", seed=3, policy={"width": 64})`. Choosing another `id`
    for a part starts from that implementation's defaults. Raises `UserError` for a name or a value that is refused.
    """
    if isinstance(source, Config):
        values = source.to_dict()
    elif isinstance(source, Mapping):
        values = {"recipe": "custom", **source}
    else:
        values = _read(source)
    for name, value in overrides.items():
        below = values.get(name)
        if isinstance(value, Mapping) and isinstance(below, Mapping):
            same = value.get("id", below.get("id")) == below.get("id")
            value = {**(below if same else {}), **value}
        values[name] = value
    return _build(values)


def part_settings(part: str, part_id: str) -> type[Settings]:
    """The settings class of an implementation; raises `UserError` for one that does not exist."""
    return PARTS[part].settings(part_id)


def tables() -> dict[str, type[Settings]]:
    """The tables of a recipe that hold settings and no `id`: one for each registered auxiliary, and `training`."""
    return {name: AUXILIARIES.settings(name) for name in AUXILIARIES.names()} | {"training": TrainingSettings}


def setting_names() -> list[str]:
    """What stands at the top of a recipe: settings, parts and tables."""
    return ["recipe", "seed", *PARTS, *tables()]


def _read(source: str | Path) -> Json:
    name, text = recipes.read(source)
    try:
        return {**tomllib.loads(text), "recipe": re.sub(r"[^A-Za-z0-9_.-]", "-", name).lstrip("-_.")[:64] or "custom"}
    except (ValueError, RecursionError) as error:  # also for a number of 5,000 digits, and for a thousand brackets
        why = error if isinstance(error, ValueError) else "it is nested too deeply"
        raise UserError(f"the recipe {source} is not valid TOML: {why}") from None


def _build(values: Json) -> Config:
    classes, known = tables(), setting_names()
    for name in values:
        if name not in known:
            raise unknown("setting", name, known)
    parts = {name: _part(name, values.get(name, {})) for name in PARTS}
    built: Json = {name: build(cls, _table(name, values.get(name, {})), name) for name, cls in classes.items()}
    training = built.pop("training")
    episodes = training.episodes
    group_size = getattr(parts["learner"].settings, "group_size", 1)
    if episodes % group_size:
        fitting = max(1, episodes // group_size) * group_size
        raise UserError(
            f"training.episodes = {episodes} is no multiple of learner.group_size = {group_size}; try {fitting}"
        )
    if training.last_entropy != 1 and not hasattr(parts["learner"].settings, "entropy"):
        raise UserError(
            f"training.last_entropy = {training.last_entropy}: the learner {parts['learner'].id} has no entropy bonus "
            "that could fall; leave it out"
        )
    head = build(_Head, {name: values[name] for name in ("recipe", "seed") if name in values})
    return Config(recipe=head.recipe, seed=head.seed, **parts, auxiliaries=built, training=training)


def _part(name: str, value: object) -> Part:
    table = dict(_table(name, value))
    valid = f"valid: {', '.join(PARTS[name].names())}"
    if "id" not in table:
        raise UserError(f"the configuration has no {name}.id: {valid}")
    part_id = table.pop("id")
    if not isinstance(part_id, str):
        raise UserError(f"{name}.id = {short(part_id)} is not text: {valid}")
    part_id = str(part_id.strip())
    return Part(part_id, build(part_settings(name, part_id), table, name))


def _table(name: str, value: object) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise UserError(f"{name} = {short(value)} is not a table of settings: write [{name}] above them")
    return value
