"""From figures to scores: of a level, of a seed, of an ability; and what differs between two suites."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from math import inf, sqrt
from statistics import fmean, stdev

from inwit.core.intervals import student
from inwit.core.results import Json
from inwit.suite.ability import Ability, Figure, Level
from inwit.suite.jobs import AGENT, OPTIMUM, RANDOM, Outcome, figure_of

Interval = tuple[float, float]
LEAST = 1e-4  # of a difference: the reference data are rounded to fewer digits than scores have
NORMAL = 1.96  # standard deviations that an interval reaches, where its variance is known


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
    drawn: bool = True  # whether two seeds may differ

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
        levels = [_level(each) for each in record["levels"]]
        interval = record["interval"] and (float(record["interval"][0]), float(record["interval"][1]))
        seeds = [float(each) for each in record["seeds"]]
        names = str(record["ability"]), str(record["knob"])
        return cls(*names, levels, seeds, interval, str(record["failed"]), bool(record["drawn"]))


@dataclass(frozen=True)
class Scored:
    """An agent with its scores by ability. `seeds` is how many trainings each experiment had, `budget` what each might
    spend, in words; `definitions` say of each ability what was measured."""

    name: str
    scores: dict[str, Score]
    seeds: int
    budget: str
    from_folder: bool = False
    definitions: Mapping[str, str] = field(default_factory=dict)


def _level(record: Json) -> LevelScore:
    value, optimum, scored = (float(record[name]) for name in ("value", "optimum", "score"))
    return LevelScore(str(record["knob"]), value, figure_of(record["random"]), optimum, scored)


def score(ability: Ability, outcomes: Sequence[Outcome], extremes: Sequence[Outcome]) -> Score:
    """The score of an ability from the outcomes of its jobs and those of its experiments' extremes."""
    failed = next((each.failed for each in (*extremes, *outcomes) if each.failed), "")
    if failed:
        return Score(ability.name, ability.knob, [], [], failed=failed)
    found = {each.job.experiment: each.figures for each in extremes}
    knobs = [knob for figures in found.values() for knob in figures[RANDOM]]
    distinct = len(set(knobs)) == len(knobs)
    by_seed: dict[int, list[Level]] = {}
    for outcome in outcomes:
        ends = found[outcome.job.experiment]
        for knob, figure in outcome.figures[AGENT].items():
            name = knob if distinct else f"{outcome.job.experiment}: {knob}"
            level = Level(name, figure, ends[RANDOM][knob], ends[OPTIMUM][knob].value)
            by_seed.setdefault(outcome.job.seed, []).append(level)
    runs = list(by_seed.values())
    seeds = [fmean(level.score for level in levels) for levels in runs]
    levels = [_over_seeds(same) for same in zip(*runs, strict=True)]
    drawn = any(each.job.subject and each.job.subject.drawn for each in outcomes)
    return Score(ability.name, ability.knob, levels, seeds, _interval(seeds, runs), drawn=drawn)


def _over_seeds(same: Sequence[Level]) -> LevelScore:
    """A level of the knob, of all seeds."""
    value, scored = fmean(each.figure.value for each in same), fmean(each.score for each in same)
    return LevelScore(same[0].knob, value, same[0].random, same[0].optimum, scored)


def _interval(seeds: Sequence[float], runs: Sequence[Sequence[Level]]) -> Interval | None:
    """Of the mean over seeds: Student's t on their variance (of one seed what was sampled of the agent), and beside it
    what was sampled of the random policy, which all seeds share. None where nothing was sampled: exact."""
    own, count = _reach_of_one(runs[0]), len(runs[0])
    if len(seeds) > 1:
        own = student(len(seeds) - 1) * stdev(seeds) / sqrt(len(seeds))
    shared = [
        _half(level.random) * (1 - fmean(each.score for each in same)) / (level.optimum - level.random.value)
        for same in zip(*runs, strict=True)
        for level in same[:1]
    ]
    reach = sqrt(own**2 + sum(half**2 for half in shared) / count**2)
    mean = fmean(seeds)
    return (mean - reach, mean + reach) if reach or len(seeds) > 1 else None


def _reach_of_one(levels: Sequence[Level]) -> float:
    """Half the interval of one seed's score, whose levels were sampled independently of each other."""
    halves = [_half(each.figure) / (each.optimum - each.random.value) for each in levels]
    return sqrt(sum(half**2 for half in halves)) / len(levels)


def _half(figure: Figure) -> float:
    return 0.0 if figure.interval is None else (figure.interval[1] - figure.interval[0]) / 2


@dataclass(frozen=True)
class Difference:
    """How much larger A's score is than B's, on average over seeds."""

    ability: str
    a: Score
    b: Score
    difference: float
    interval: Interval | None  # 95 %; None where nothing is known of the spread of either

    @property
    def significant(self) -> bool:
        outside = self.interval is not None and not self.interval[0] <= 0 <= self.interval[1]
        return outside and abs(self.difference) > LEAST


def difference(a: Score, b: Score) -> Difference:
    """Welch's interval of the difference of two means over seeds, which are not paired. None where a side that is drawn
    has one seed, since nothing is known of its spread, and where neither side is drawn. What was sampled of a side that
    is not drawn counts with its own interval."""
    gap = a.mean - b.mean
    if not (a.drawn or b.drawn) or any(each.drawn and len(each.seeds) < 2 for each in (a, b)):
        return Difference(a.ability, a, b, gap, None)
    parts = [_variance(each) for each in (a, b)]
    variance = sum(part for part, _ in parts)
    freedom = sum(part**2 / free for part, free in parts)
    reach = (student(round(variance**2 / freedom, 2)) if freedom else NORMAL) * sqrt(variance)
    return Difference(a.ability, a, b, gap, (gap - reach, gap + reach))


def _variance(score: Score) -> tuple[float, float]:
    """The variance of the mean, and its degrees of freedom."""
    if score.drawn:
        return stdev(score.seeds) ** 2 / len(score.seeds), len(score.seeds) - 1
    low, high = score.interval or (0.0, 0.0)
    return ((high - low) / 2 / NORMAL) ** 2, inf
