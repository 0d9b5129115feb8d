"""What an examination found: rows, with the yardsticks beside each, and totals. One shape for all worlds.

Plain data without PyTorch: it is written to a run's folder as JSON, and all that shows results reads it from there.
Code that shows a result knows rows and columns; only the world knows what they mean.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from inwit.core.shown import Shown

if TYPE_CHECKING:
    from rich.console import Group

Json = dict[str, Any]  # plain data that is written as JSON, or was read from it
Task = dict[str, Any]  # one task as people write it: names of fields and their values

# How a figure is known. Without a search it is "not searched", never "none".
EXACT = "exact"  # counted over every problem, or proven
SAMPLED = "sampled"  # an estimate, with its interval
NONE = "none"  # searched for, up to the stated bound: there is none
NOT_SEARCHED = "not searched"
AT_LEAST = "at least"  # no fewer will do; perhaps more are needed


@dataclass(frozen=True)
class Yardstick:
    """What an agent is compared with: how well it does, what it costs, and the program, where it is one program."""

    known: str  # EXACT, SAMPLED, NONE or NOT_SEARCHED
    success: float | None = None
    cost: float | None = None  # as `Row.cost` counts it
    program: list[str] | None = None
    interval: tuple[float, float] | None = None  # of `success`, 95 %, where it is sampled
    why: str = ""  # what the figure is, or why there is none


@dataclass(frozen=True)
class ConstantSet:
    """The fewest constant programs that solve every problem between them: what an agent could recite without reading.

    NONE: some problem has no constant program that is right, so no set will do.
    """

    known: str  # EXACT, AT_LEAST, NONE or NOT_SEARCHED
    count: int | None = None
    programs: list[list[str]] = field(default_factory=list)  # where they were searched one by one
    why: str = ""  # what the number is, or why there is none


@dataclass(frozen=True)
class Advice:
    """What follows, at a moment of an episode, from the rules and from what the agent heard.

    `facts` are what the world calls them, a column each where they are shown. On the policy's turn, where the optimum
    is known, `values` gives for each token that may be written the expected reward from here on, if that token is
    written and the optimum goes on; of a token that ends the episode it is the probability that it is right. `best` are
    the best of them.

    `alike`, where the world gives one, is a text for moments of one task that are worth the same whatever follows: each
    next token has the same value in all of them, changes the same facts to the same, and leads to moments that are
    alike again. On the world's turn this holds for moments in which the same tokens may come. A table of advice has
    such moments once; without it, one for each course of an episode.
    """

    facts: Json
    values: dict[int, Fraction] = field(default_factory=dict)
    best: list[int] = field(default_factory=list)
    alike: str | None = None


@dataclass(frozen=True)
class Row:
    """One row of a result: a stage, or a group of kinds that belong together.

    `cost` is the mean number of chosen tokens (or of what `Evaluation.cost_unit` names) over the problems that were
    solved, `best_cost` the mean of the oracle's over the same problems; where the oracle is one program for all of
    them, less is possible on some. Where none is solved `cost` is None and `best_cost` is over all problems of the row.
    `best_cost` is None where the oracle's is not known for some of these problems; the yardstick `oracle` says why.
    Where the world draws, both are expected costs over all problems of the row.
    """

    name: str
    stage: int
    problems: int
    solved: int
    cost: float | None
    best_cost: float | None
    yardsticks: dict[str, Yardstick]
    labels: Json = field(default_factory=dict)  # what the world calls the row by
    # Further readings: numbers are columns, `program` is the one that the agent used most, and a `NAME_interval` says
    # that NAME was sampled.
    extra: Json = field(default_factory=dict)
    # Of `success`: 95 % of a sample; from 0, if not all inputs were tried. Where the world draws and not all ends were
    # followed: the least and the most.
    interval: tuple[float, float] | None = None
    # Where the world draws: the mean probability of success. A problem is solved if the agent is always right.
    expected: float | None = None

    @property
    def success(self) -> float:
        """The share of problems that are solved; where the world draws, the mean probability of success."""
        if self.expected is not None:
            return self.expected
        return self.solved / self.problems if self.problems else 0.0


@dataclass(frozen=True)
class Split:
    """The trained problems and the test set apart: by stage, how many are solved of how many."""

    name: str
    trained: dict[str, tuple[int, int]]
    held_out: dict[str, tuple[int, int]]
    twins: int = 0  # held-out kinds that are of the same class as a trained one: a program for them could be learnt


@dataclass(frozen=True)
class Evaluation(Shown):
    """An agent's result. `proven` says whether it holds for every problem of the world, not for a sample of them."""

    world: str
    rows: list[Row]
    proven: bool
    method: str  # how the result is known, in words
    known_limit: str = ""  # what success in this world does not show
    split: Split | None = None
    unsolved: list[str] = field(default_factory=list)  # names of kinds with a problem that is not solved
    cost_over_best: float | None = None  # cost over cost, on what is solved and has a proven optimum
    cost_unit: str = "tokens"  # what `Row.cost` counts
    means: list[str] = field(default_factory=list)  # further readings that are no shares, though they may be below 1
    constant_programs: ConstantSet | None = None  # None: a record of a version that did not say

    @property
    def problems(self) -> int:
        return sum(row.problems for row in self.rows)

    @property
    def solved(self) -> int:
        return sum(row.solved for row in self.rows)

    @property
    def success(self) -> float:
        """The rows' success together: a mean over problems."""
        if all(row.expected is None for row in self.rows):
            return self.solved / max(self.problems, 1)
        return sum(row.success * row.problems for row in self.rows) / max(self.problems, 1)

    def __rich__(self) -> Group:
        from inwit.core.result_table import evaluation_table

        return evaluation_table(self)

    def to_dict(self) -> Json:
        """As plain data, as `--json` prints it and `evaluation.json` keeps it."""
        rows = [{**asdict(row), "success": row.success} for row in self.rows]
        totals = {"problems": self.problems, "solved": self.solved, "success": self.success}
        return {**asdict(self), "rows": rows, **totals}
