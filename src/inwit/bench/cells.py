"""The cells of the grid: a training each, what is measured in it, and its file."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from itertools import product
from pathlib import Path

from inwit.core import storage
from inwit.core.devices import usable_device
from inwit.core.errors import UserError, unknown
from inwit.core.results import Json
from inwit.core.settings import Settings, setting
from inwit.runs import provenance
from inwit.training.config import PARTS, Config, resolve

FORMAT = 2
# The benchmark itself checks whether everything is solved. All else is the recipe's, its end included.
OWN = {"confirm": False}
ENDS = ("solved", "seconds", "max_updates")
Overrides = Mapping[str, Mapping[str, object]]  # settings by part, as a command line gives them


@dataclass(frozen=True)
class BenchSettings(Settings):
    learners: tuple[str, ...] = setting((), "learners, by name; none: the recipe's own")
    policies: tuple[str, ...] = setting((), "policies, by name; none: the recipe's own")
    seeds: int = setting(3, "runs of each pair, with the root seeds 0, 1, 2, ...", at_least=1, at_most=1000)
    jobs: int = setting(1, "runs at a time, a process with one thread each", at_least=1, at_most=4096)
    seconds: float = setting(60.0, "of training in each run, at most; evaluation is not counted", at_least=0.001)


def default_jobs(recipe: str | Config, overrides: Overrides) -> int:
    """A process for each processor; on a GPU one, since several would share it and slow each other down."""
    device = overrides.get("training", {}).get("device") or resolve(recipe).training.device
    return os.cpu_count() or 1 if device == "cpu" else 1


@dataclass(frozen=True)
class Cell:
    """One training: its configuration, and how many seconds it may train."""

    config: Config
    seconds: float

    @property
    def name(self) -> str:
        return f"{self.config.learner.id} {self.config.policy.id} seed {self.config.seed}"

    @property
    def key(self) -> str:
        """The name of its file: a hash of everything that was asked for."""
        asked = json.dumps([FORMAT, self.config.to_dict(), self.seconds], sort_keys=True)
        return hashlib.sha256(asked.encode()).hexdigest()[:16]

    @property
    def main(self) -> str:
        return "inwit.bench.measure:main"

    def order(self) -> Json:
        return {"config": self.config.to_dict(), "seconds": self.seconds}

    def read(self, path: Path) -> Result | None:
        return read(path, self)

    def failed(self, why: str) -> Result:
        return Result(self.config.learner.id, self.config.policy.id, self.config.seed, failed=why)


@cache
def made_by(threads: int, device: str) -> dict[str, object]:
    """Versions, the source's revision, machine and processor. What was measured with others is measured again."""
    return {**provenance.surroundings(threads, device), "git": provenance.revision(), "model": _processor()}


def _processor() -> str:
    """The processor's name, where the system gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


@dataclass(frozen=True)
class Point:
    """A measurement: what the training had cost when this share of the problems was solved."""

    updates: int
    tokens: int
    seconds: float
    success: float


@dataclass(frozen=True)
class Result:
    """What was measured in a cell. `to_95` and `to_100` are None where the training did not get there in time."""

    learner: str
    policy: str
    seed: int
    to_95: Point | None = None
    to_100: Point | None = None
    curve: tuple[Point, ...] = ()
    evaluation_seconds: float = 0.0
    ended: str = ""  # by what: one of ENDS
    failed: str = ""  # why there is nothing to measure


@dataclass(frozen=True)
class Plan:
    """The grid: its learners with their policies, its cells, and a failed result for each that cannot be."""

    recipe: str
    pairs: list[tuple[str, str]]
    cells: list[Cell]
    failed: list[Result]


def plan(recipe: str | Config, settings: BenchSettings, overrides: Overrides) -> Plan:
    """What is to be run. Raises `UserError` for names that do not exist, and if no cell can be configured."""
    for name in OWN:
        if name in overrides.get("training", {}):
            raise UserError(f"training.{name} is the benchmark's own: it checks by itself whether all is solved")
    own = resolve(recipe)
    learners = _names("learner", settings.learners, own, overrides)
    pairs = list(product(learners, _names("policy", settings.policies, own, overrides)))
    cells, failed, first = [], [], None
    for (learner, policy), seed in product(pairs, range(settings.seeds)):
        try:
            config = resolve(recipe, **_overrides(overrides, learner, policy, seed))
            usable_device(config.training.device)
            cells.append(Cell(config, settings.seconds))
        except UserError as error:
            first = first or error
            failed.append(Result(learner, policy, seed, failed=str(error)))
    if first and not cells:
        raise first
    return Plan(own.recipe, pairs, cells, failed)


def _names(part: str, asked: tuple[str, ...], own: Config, overrides: Overrides) -> list[str]:
    """Which learners or policies; each once."""
    chosen = overrides.get(part, {}).get("id")
    if asked and chosen is not None:
        flag = {"learner": "learners", "policy": "policies"}[part]
        raise UserError(f"--{part}.id {chosen} and --{flag} {','.join(asked)} contradict each other: give one")
    names = list(dict.fromkeys(asked)) or [str(chosen or getattr(own, part).id)]
    for name in names:
        if name not in PARTS[part].names():
            raise unknown(part, name, PARTS[part].names())
    return names


def _overrides(overrides: Overrides, learner: str, policy: str, seed: int) -> dict[str, object]:
    more = {"learner": {"id": learner}, "policy": {"id": policy}, "training": OWN}
    return {**overrides, "seed": seed, **{part: {**overrides.get(part, {}), **table} for part, table in more.items()}}


def write(path: Path, cell: Cell, result: Result) -> None:
    """Keep a finished cell: the file is there as a whole or not at all."""
    storage.publish(path, storage.to_json(_asked(cell) | {"result": asdict(result)}))


def _asked(cell: Cell) -> dict[str, object]:
    """What makes a cell's file its own: the training that was asked for, and what it was measured with."""
    training = cell.config.training
    made = made_by(training.threads, training.device)
    return {"format": FORMAT, "config": cell.config.to_dict(), "seconds": cell.seconds, "made_by": made}


def read(path: Path, cell: Cell) -> Result | None:
    """The result of a finished cell; None if there is no such file, or a damaged one, or another cell's, or one that
    another version, revision or machine has made."""
    try:
        record = json.loads(path.read_bytes())
        if {name: record[name] for name in ("format", "config", "seconds", "made_by")} != _asked(cell):
            return None
        result, config = record["result"], cell.config
        to_95, to_100 = (result[name] and Point(**result[name]) for name in ("to_95", "to_100"))
        curve, examined = tuple(Point(**point) for point in result["curve"]), float(result["evaluation_seconds"])
        if result["ended"] not in ENDS:
            return None
        names = config.learner.id, config.policy.id, config.seed
        return Result(*names, to_95, to_100, curve, examined, result["ended"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
