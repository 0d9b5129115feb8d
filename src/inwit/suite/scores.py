"""From figures to scores: of a level, of a seed, of an ability; and what differs between two suites."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import sqrt
from statistics import fmean, stdev

from inwit.core.results import Json
from inwit.evidence.intervals import student
from inwit.suite.ability import Ability, Figure, Level
from inwit.suite.jobs import AGENT, OPTIMUM, RANDOM, Outcome, figure_of

Interval = tuple[float, float]


@dataclass(frozen=True)
class LevelScore:
    """A level: the mean over seeds of what was measured and of its score, beside the extremes."""

    knob: str
    value: float
    random: Figure
    optimum: float
    score: float


@dataclass(frozen=True)
class Score:
    """An ability as it was scored. `seeds` are the scores, one for each seed; empty where something failed."""

    ability: str
    knob: str
    levels: list[LevelScore]
    seeds: list[float]
    interval: Interval | None = None  # 95 %; None: of one seed, and exact
    failed: str = ""

    @property
    def mean(self) -> float:
        return fmean(self.seeds)

    @property
    def spread(self) -> float | None:
        """The standard deviation over seeds; None for fewer than two."""
        return stdev(self.seeds) if len(self.seeds) > 1 else None

    def to_dict(self) -> Json:
        found = {"mean": self.mean, "spread": self.spread} if self.seeds else {"mean": None, "spread": None}
        return {**asdict(self), **found}

    @classmethod
    def from_dict(cls, record: Json) -> Score:
        """Raises `KeyError`, `TypeError`, `ValueError` or `AttributeError` for what is none."""
        levels = [
            LevelScore(str(each["knob"]), float(each["value"]), figure_of(each["random"]), *map(float, _ends_of(each)))
            for each in record["levels"]
        ]
        interval = record["interval"] and (float(record["interval"][0]), float(record["interval"][1]))
        seeds = [float(each) for each in record["seeds"]]
        return cls(str(record["ability"]), str(record["knob"]), levels, seeds, interval, str(record["failed"]))


def _ends_of(record: Json) -> tuple[object, object]:
    return record["optimum"], record["score"]


def score(ability: Ability, outcomes: Sequence[Outcome], extremes: Sequence[Outcome]) -> Score:
    """The score of an ability from the outcomes of its jobs and those of its experiments' extremes."""
    failed = next((each.failed for each in (*extremes, *outcomes) if each.failed), "")
    if failed:
        return Score(ability.name, ability.knob, [], [], failed=failed)
    found = {each.job.experiment: each.figures for each in extremes}
    by_seed: dict[int, list[Level]] = {}
    for outcome in outcomes:
        ends = found[outcome.job.experiment]
        for knob, figure in outcome.figures[AGENT].items():
            name = knob if len(ability.experiments) == 1 else _named(ability, outcome.job.experiment, knob)
            level = Level(name, figure, ends[RANDOM][knob], ends[OPTIMUM][knob].value)
            by_seed.setdefault(outcome.job.seed, []).append(level)
    runs = list(by_seed.values())
    seeds = [fmean(level.score for level in levels) for levels in runs]
    levels = [
        LevelScore(
            same[0].knob,
            fmean(each.figure.value for each in same),
            same[0].random,
            same[0].optimum,
            fmean(each.score for each in same),
        )
        for same in zip(*runs, strict=True)
    ]
    interval = over_seeds(seeds) if len(seeds) > 1 else _of_one(runs[0])
    return Score(ability.name, ability.knob, levels, seeds, interval)


def _named(ability: Ability, experiment: str, knob: str) -> str:
    """A level of an ability with several experiments; without the level's own name where it says the same."""
    return knob if knob == experiment or experiment == ability.name else f"{experiment} {knob}"


def over_seeds(seeds: Sequence[float]) -> Interval:
    """The interval of the mean of two or more seeds: Student's t."""
    reach = student(len(seeds) - 1) * stdev(seeds) / sqrt(len(seeds))
    return fmean(seeds) - reach, fmean(seeds) + reach


def _of_one(levels: Sequence[Level]) -> Interval | None:
    """Of one seed: what is not known of it, since levels were sampled, independently of each other. None: exact."""
    halves = []
    for level in levels:
        if level.figure.interval is not None:
            low, high = level.figure.interval
            halves.append((high - low) / 2 / (level.optimum - level.random.value))
    if not halves:
        return None
    mean, reach = fmean(level.score for level in levels), sqrt(sum(half**2 for half in halves)) / len(levels)
    return mean - reach, mean + reach


@dataclass(frozen=True)
class Difference:
    """How much larger A's score is than B's, on average over seeds."""

    ability: str
    a: Score
    b: Score
    difference: float
    interval: Interval | None  # 95 %; None where neither has two seeds and so nothing is known of its spread

    @property
    def significant(self) -> bool:
        return self.interval is not None and not self.interval[0] <= 0 <= self.interval[1]


def difference(a: Score, b: Score) -> Difference:
    """Welch's interval of the difference of two means over seeds, which are not paired. A score that is exact, or of
    one seed, counts as known; two of these have no interval."""
    parts = [(stdev(each.seeds) ** 2 / len(each.seeds), len(each.seeds) - 1) for each in (a, b) if len(each.seeds) > 1]
    gap, variance = a.mean - b.mean, sum(part for part, _ in parts)
    if not parts:
        return Difference(a.ability, a, b, gap, None)
    degrees = variance**2 / sum(part**2 / free for part, free in parts) if variance else 1.0
    reach = student(round(degrees, 2)) * sqrt(variance)
    return Difference(a.ability, a, b, gap, (gap - reach, gap + reach))
