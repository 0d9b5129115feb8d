"""Reading a run's folder as plain data, also while the run goes on. What is absent or torn is left out."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from inwit.core import storage
from inwit.core.errors import UserError
from inwit.core.paths import given_path
from inwit.core.records import as_dict, as_list, as_pair, is_number, number
from inwit.core.results import (
    AT_LEAST,
    EXACT,
    NONE,
    NOT_SEARCHED,
    SAMPLED,
    ConstantSet,
    Evaluation,
    Json,
    Row,
    Split,
    Yardstick,
)
from inwit.runs.legacy import modern

FORMAT = 1  # of run.json
COMPLETE = ("finished", "interrupted")
# Settings that do not change what is learned, as long as the device is the same.
ASIDE = ("seed", "training.threads", "training.checkpoint_every", "training.checkpoint_on", "training.snapshots")


def runs_folder() -> Path:
    """`$INWIT_RUNS`, or `runs` here. Where no shell has read it, `~` and `$HOME` still mean what they mean in one."""
    return given_path(os.path.expandvars(os.environ.get("INWIT_RUNS", "").strip()) or "runs")


@dataclass(frozen=True)
class Record:
    """What `run.json` says. Only `status` and `config` are sure to be there."""

    path: Path
    status: str
    config: Json
    summary: Json
    rest: Json  # format, versions, device, times ...: as they stand in the file
    faults: tuple[str, ...] = ()  # those of status, config and summary that are absent or of a wrong type

    def to_dict(self) -> Json:
        """As `run.json` holds it."""
        return {**self.rest, "status": self.status, "config": self.config, "summary": self.summary}

    @property
    def folder_name(self) -> str:
        return self.path.name

    @property
    def label(self) -> str | None:
        """The name that the run was given, if it was given one."""
        name = self.rest.get("name")
        return name if isinstance(name, str) and name else None

    @property
    def tags(self) -> list[str]:
        return [tag for tag in as_list(self.rest.get("tags")) if isinstance(tag, str)]

    @property
    def trackers(self) -> Json:
        """By the name of a tracker, what finds its run again."""
        return as_dict(self.rest.get("trackers"))

    @property
    def recipe(self) -> str:
        return str(self.config.get("recipe", "?"))

    @property
    def seed(self) -> object:
        return self.config.get("seed")

    @property
    def created(self) -> str:
        """UTC, in ISO form; empty where the record does not say."""
        return str(self.rest.get("created") or self.rest.get("written") or "")

    @property
    def updated(self) -> str:
        return str(self.rest.get("updated") or self.rest.get("written") or self.created)

    def part(self, name: str) -> str:
        """The `id` of the world, policy, learner or curriculum."""
        return str(as_dict(self.config.get(name)).get("id", "?"))


def read_record(path: Path) -> Record:
    """The record of a run. Raises `UserError` for what is no run, or a damaged one."""
    try:
        record = _object((path / "run.json").read_bytes())
    except (OSError, ValueError):  # a name with a zero byte is a ValueError
        raise UserError(f"{path} is not a run: it has no readable run.json") from None
    if record is None or not isinstance(record.get("config"), dict):
        raise UserError(f"{path / 'run.json'} is damaged: it does not hold a run's record")
    expected = {"status": str, "config": dict, "summary": dict}
    return Record(
        path=path.absolute(),
        status=str(record.get("status", "unknown")),
        config=record["config"],
        summary=as_dict(record.get("summary")),
        rest={name: value for name, value in record.items() if name not in expected},
        faults=tuple(name for name, kind in expected.items() if not isinstance(record.get(name), kind)),
    )


def read_whole_record(path: Path) -> Record:
    """As `read_record`, for making an agent of it or writing it again: raises `UserError` also for another format, and
    where something is missing that these need."""
    record = read_record(path)
    format = record.rest.get("format")
    if format is not None and format != FORMAT:
        raise UserError(f"the run {path} has format {format}: this version reads format {FORMAT}")
    absent = {"format": format is None, "world": record.part("world") == "?"}
    lacks = [*record.faults, *(name for name, is_absent in absent.items() if is_absent)]
    if lacks:
        raise UserError(f"{path / 'run.json'} is damaged: it has no valid {lacks[0]}")
    return record


def _object(text: bytes) -> Json | None:
    """The JSON object that a text is; None if it is none."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def status_now(path: Path, status: str) -> str:
    """`stopped` where the record says `running` and no process holds the run's lock: the training was killed."""
    return "stopped" if status == "running" and not storage.is_locked(path / "lock") else status


def read_lines(path: Path) -> Iterator[Json]:
    """The objects of a file with one in each line. An absent file is empty; torn and strange lines are left out."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        return
    for line in lines:
        if (value := _object(line)) is not None:
            yield value


def read_metrics(path: Path) -> list[Json]:
    """The metrics of a run, in the order of their updates. Where a resumed run went back, its later lines hold."""
    rows: list[Json] = []
    for row in read_lines(path / "metrics.jsonl"):
        if not is_number(row.get("update")):
            continue
        while rows and rows[-1]["update"] >= row["update"]:
            rows.pop()
        rows.append(row)
    return rows


@dataclass(frozen=True)
class Kept:
    """An evaluation that a run keeps. The times are those of the file; None where it does not say."""

    update: int | None  # the update whose weights were examined
    time: str | None
    evaluation: Evaluation


def evaluations(path: Path) -> list[Kept]:
    """Every evaluation of a run, oldest first. Torn and strange lines are left out."""
    every = read_lines(path / "evaluations.jsonl")
    lines: list[Json] = [line for line in every if isinstance(line.get("evaluation"), dict)]
    if not lines:
        with suppress(OSError):
            last = _object((path / "evaluation.json").read_bytes())
            lines = [] if last is None else [{"evaluation": last}]
    config: Json = {}
    with suppress(UserError):
        config = read_record(path).config if lines else {}
    world = as_dict(config.get("world"))
    return [
        Kept(
            update=None if (update := number(line, "update")) is None else int(update),
            time=line["time"] if isinstance(line.get("time"), str) else None,
            evaluation=evaluation_from(line["evaluation"], world),
        )
        for line in lines
    ]


def result(record: Record, kept: list[Kept]) -> Evaluation | None:
    """The last evaluation of the weights that a run has now, or None. An evaluation of an older checkpoint, or from
    before the run was resumed, is not its result."""
    now = number(record.summary, "update")
    own = [each.evaluation for each in kept if each.update in (None, now)]
    return own[-1] if own else None


def evaluation_from(values: Json, world: Json | None = None) -> Evaluation:
    """An evaluation out of `evaluation.json`, of this version or an earlier one; `world`: its settings, where known.
    Damaged rows, yardsticks and numbers are left out."""
    values = modern(values, world or {})
    return Evaluation(
        world=str(values.get("world", "?")),
        rows=[row for row in map(_row, as_list(values.get("rows"))) if row is not None],
        proven=values.get("proven") is True,
        method=str(values.get("method", "")),
        known_limit=str(values.get("known_limit", "")),
        split=_split(values.get("split")),
        unsolved=[name for name in as_list(values.get("unsolved")) if isinstance(name, str)],
        cost_over_best=number(values, "cost_over_best"),
        cost_unit=str(values.get("cost_unit", "tokens")),
        means=[name for name in as_list(values.get("means")) if isinstance(name, str)],
        constant_programs=_constant_programs(as_dict(values.get("constant_programs"))),
    )


def _row(found: object) -> Row | None:
    values = as_dict(found)
    counts = [int(n) for name in ("stage", "problems", "solved") if (n := number(values, name)) is not None]
    if len(counts) < 3 or not isinstance(values.get("name"), str):
        return None
    yardsticks = ((name, _yardstick(each)) for name, each in as_dict(values.get("yardsticks")).items())
    return Row(
        values["name"],
        *counts,
        cost=number(values, "cost"),
        best_cost=number(values, "best_cost"),
        yardsticks={name: each for name, each in yardsticks if each is not None},
        labels=as_dict(values.get("labels")),
        extra={name: each for name, each in as_dict(values.get("extra")).items() if _is_sound(each)},
        interval=as_pair(values.get("interval")),
        expected=number(values, "expected"),
    )


def _yardstick(found: object) -> Yardstick | None:
    values = as_dict(found)
    if values.get("known") not in (EXACT, SAMPLED, NONE, NOT_SEARCHED):
        return None
    program = values.get("program")
    return Yardstick(
        known=values["known"],
        success=number(values, "success"),
        cost=number(values, "cost"),
        program=[str(token) for token in program] if isinstance(program, list) else None,
        interval=as_pair(values.get("interval")),
        why=str(values.get("why", "")),
    )


def _constant_programs(values: Json) -> ConstantSet | None:
    if values.get("known") not in (EXACT, AT_LEAST, NONE, NOT_SEARCHED):
        return None
    count, programs = number(values, "count"), as_list(values.get("programs"))
    return ConstantSet(
        known=values["known"],
        count=None if count is None else int(count),
        programs=[[str(token) for token in program] for program in programs if isinstance(program, list)],
        why=str(values.get("why", "")),
    )


def _split(values: object) -> Split | None:
    if not isinstance(values, dict):
        return None
    trained, held_out = (
        {
            name: (int(pair[0]), int(pair[1]))
            for name, each in as_dict(values.get(part)).items()
            if (pair := as_pair(each))
        }
        for part in ("trained", "held_out")
    )
    return Split(str(values.get("name", "?")), trained, held_out, int(number(values, "twins") or 0))


def _is_sound(value: object) -> bool:
    """Not a number that is none."""
    return is_number(value) or isinstance(value, bool) or not isinstance(value, int | float)


def flat(config: Json) -> Json:
    """`{"policy": {"width": 32}}` as `{"policy.width": 32}`."""
    values = {}
    for name, value in config.items():
        values |= {f"{name}.{key}": v for key, v in value.items()} if isinstance(value, dict) else {name: value}
    return values
