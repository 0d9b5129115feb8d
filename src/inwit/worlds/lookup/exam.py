"""The exam of lookup-v0: every query, over all hidden worlds at once; a row a kind.

The agent's papers say what it does in expectation (`Papers.expected`). Where tools can be broken there are further
questions, the *probes*: each query again, where the tool that it needs first is broken and no other call fails.
The errors that the agent endures there are its patience.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING

import torch
from jaxtyping import Bool
from torch import Tensor

from inwit.core.results import NONE, NOT_SEARCHED, ConstantSet, Evaluation, Json, Row
from inwit.core.types import Expectation, Papers, Tasks
from inwit.worlds.examination import Listing, blocks, followed, interval_of, result_of, yardsticks_of
from inwit.worlds.lookup.oracle import claimed, patience
from inwit.worlds.lookup.queries import MOST_CALLS, Query, form_of, queries_of
from inwit.worlds.lookup.rules import LookupSettings
from inwit.worlds.lookup.yardsticks import class_of, classes_of, mean_least_calls, scores

if TYPE_CHECKING:
    from inwit.worlds.lookup.tensors import LookupV0

SHARES = {"luck", "unexpanded", "success_fraction"}  # of the further readings; the others are means
MOST = 100_000  # queries that are asked; of more a sample is drawn
ROUNDING = 2.0**-52  # of float64, relative


class LookupExam(Listing):
    method = "greedy, on every query and every hidden world"

    def __init__(self, world: LookupV0) -> None:
        super().__init__(world)
        self.settings = world.settings

    @staticmethod
    def lists(settings: LookupSettings) -> bool:
        """Whether the queries are few enough to ask each."""
        shapes = (form_of(name)[1] for name in settings.queries)
        return sum(settings.num_tools ** sum(chains) * settings.num_values ** len(chains) for chains in shapes) <= MOST

    @property
    def questions(self) -> int:
        """Queries, and probes where there are any."""
        return super().questions * (2 if self.settings.broken > 0 else 1)

    def tasks(self, kinds: Sequence[int], device: torch.device | str) -> Iterator[Tasks]:
        for kind in kinds:
            queries = self.world.all_tasks([kind])
            yield from blocks(queries, device)
            if self.settings.broken > 0:
                yield from blocks(_probes(queries), device)

    def grade(self, papers: Papers) -> Evaluation:
        expected = papers.expected
        assert expected is not None, "the papers of a world that draws say what is expected"
        probe = (papers.tasks.data["broken"] == 1).any(1)
        kind = papers.tasks.kind
        rows = [self._graded(each, kind == each, probe, expected) for each in range(len(self.world.kinds))]
        result = result_of(self, self.world, rows, kind, papers.success)
        return replace(
            followed(result),
            unsolved=[row.name for row in rows if row.solved < row.problems],
            cost_over_best=_over_best(rows),
            cost_unit="calls",
            means=sorted({name for row in rows for name in row.extra} - SHARES),
            constant_programs=self.constant_programs(),
        )

    def constant_programs(self) -> ConstantSet:
        """A constant program answers the same whatever it hears, so it is right no more often than the best blind
        answer to the query."""
        names = self.world.kinds.names
        open_ = [name for kind, name in enumerate(names) if scores(self.settings, kind)["blind"].success < 1]
        if not open_:
            return ConstantSet(NOT_SEARCHED, why="here all queries can be answered without a call")
        why = "a constant program answers the same whatever it hears, and no one answer is always right"
        return ConstantSet(NONE, why=why if len(open_) == len(names) else f"{why} ({'; '.join(open_)})")

    def _graded(self, kind: int, of_kind: Bool[Tensor, " N"], probe: Bool[Tensor, " N"], papers: Expectation) -> Row:
        expected, probes = papers[of_kind & ~probe], papers[of_kind & probe]
        success = float(expected.success.mean())
        best = _best(self.settings, kind)
        readings = _readings(self.settings, expected, best)
        if "success_fraction" in readings:
            success = float(Fraction(readings["success_fraction"]))
        return Row(
            name=self.world.kinds.names[kind],
            stage=self.world.kinds.stages[kind],
            problems=len(expected.success),
            solved=int(expected.proven.sum()),
            cost=round(float(expected.counts["calls"].mean()), 12),
            best_cost=best.calls if best else None,
            yardsticks=yardsticks_of(self.world, kind),
            extra=readings | _patience(probes, best),
            interval=interval_of(success, expected),
            expected=success,
        )


@dataclass(frozen=True)
class _Best:
    """What the optimum scores on a kind."""

    value: float
    calls: float
    patience: list[tuple[int, int]]  # of each query the least and the greatest; empty where no tool can be broken
    again: list[bool]  # of each query, whether the tool that it needs first is needed again


@lru_cache(maxsize=64)
def _best(settings: LookupSettings, kind: int) -> _Best | None:
    """None where the oracle claims nothing."""
    if not claimed(settings, settings.queries[kind]):
        return None
    queries = list(queries_of(settings.queries[kind], settings.num_tools, settings.num_values))
    fails = settings.fail > 0 or settings.broken > 0 or settings.deceives
    best = scores(settings, kind)["oracle"]
    # The least calls of an agent that is always right, if the optimum is and nothing fails or deceives; else the
    # optimum's own.
    calls = mean_least_calls(settings, kind) if best.success == 1 and not fails else best.calls
    patient = {query: patience(settings, query) for query, _ in classes_of(settings, kind)}
    used = [_used(query) for query in queries]
    return _Best(
        value=float(best.value),
        calls=float(calls),
        patience=[each for query in queries if (each := patient[class_of(query)])],
        again=[bool(tools) and tools.count(tools[0]) > 1 for tools in used],
    )


def _used(query: Query) -> list[int]:
    """The tools that a query may need, in order; of two equal branches both are one and no condition is needed."""
    terms = query.terms[1:2] if query.operator == "?" and query.terms[1] == query.terms[2] else query.terms
    return [tool for term in terms for tool in term.tools]


def _probes(queries: Tasks) -> Tasks:
    """Each query where the tool that it needs first is broken, all others work, and no call fails."""
    broken, tools, values = torch.zeros_like(queries.data["broken"]), queries.data["tools"], queries.data["values"]
    # Of two equal branches no condition is needed. If they need no tool either, it does not matter which is broken.
    alike = (values[:, 2] >= 0) & (values[:, 1] == values[:, 2]) & (tools[:, 1] == tools[:, 2]).all(1)
    first = torch.where(alike & (tools[:, 1, 0] >= 0), tools[:, 1, 0], tools[:, 0, 0])
    broken = broken.scatter(1, first[:, None], 1)
    return Tasks(queries.kind, queries.data | {"broken": broken, "fails": torch.zeros_like(queries.data["fails"])})


def _readings(settings: LookupSettings, expected: Expectation, best: _Best | None) -> Json:
    value = round(float(expected.reward.mean()), 12)
    found: Json = {"value": value}
    if best:
        found["best_value"] = best.value
        if not bool((expected.unexpanded > 0).any()):  # else the value lacks what was not followed
            found["regret"] = round(best.value - value, 12)
    if not settings.deceives:  # there nothing that the agent may have heard decides a query for certain
        found["luck"] = float(expected.luck.mean())
    if not settings.masks:
        found["invalid"] = float(expected.invalid.mean())
    for name in ("sure_calls", "errors") if settings.fail or settings.broken or settings.deceives else ():
        found[name] = float(expected.counts[name].mean())
    found["repeats"] = float(expected.counts["repeats"].mean())
    if bool((expected.unexpanded > 0).any()):
        found["unexpanded"] = float(expected.unexpanded.mean())
    elif (fraction := success_fraction(settings, expected)) is not None:
        found["success_fraction"] = str(fraction)
    return found


def success_fraction(settings: LookupSettings, expected: Expectation) -> Fraction | None:
    """The mean probability of success, exactly; None where that cannot be told.

    Where nothing fails and nothing deceives, all that is drawn are cells, at most d on a path: each call's and those
    of the verdict. So a probability is a whole number of n^-d. A weight is a product of at most d factors, and the sum
    has a term for each leaf, so the relative error is below (leaves + d) roundings. If that is less than 1/4 of n^-d,
    rounding to the next whole number finds it.
    """
    if settings.deceives or settings.fail > 0 or settings.broken > 0:
        return None
    depth = settings.max_calls + MOST_CALLS  # the cells of calls, and those of the verdict
    whole = settings.num_values**depth
    if whole >= 0.25 / ROUNDING:  # perhaps more than float64 holds at all: so compared as whole numbers
        return None
    error = (expected.leaves.double() + 2 * depth) * ROUNDING * whole
    if not bool((error < 0.25).all()):
        return None
    return Fraction(sum(round(each * whole) for each in expected.success.tolist()), whole * len(expected.success))


def _patience(probes: Expectation, best: _Best | None) -> Json:
    """The errors that the agent endures at a broken tool before it gives the tool up, beside the optimum's: where the
    tool is needed once, and where it is needed again. Then how far it gives up too early, and too late, in calls:
    outside what is optimal, where several numbers are (`best_patience` is then the least, `most_patience` the most).
    Nothing where a probe was not followed to its end."""
    if not len(probes.success) or best is None or bool((probes.unexpanded > 0).any()):
        return {}
    found: Json = {}
    errors = probes.counts["endured"]  # before a sure call of the tool
    again, (least, most) = torch.tensor(best.again), torch.tensor(best.patience, dtype=torch.float64).unbind(1)
    for name, members in (("", ~again), ("_again", again)):
        if bool(members.any()):
            found[f"patience{name}"] = float(errors[members].mean())
            found[f"best_patience{name}"] = float(least[members].mean())
            if bool((least < most)[members].any()):
                found[f"most_patience{name}"] = float(most[members].mean())
    return found | {
        "too_early": float((least - errors).clamp_min(0).mean()),
        "too_late": float((errors - most).clamp_min(0).mean()),
    }


def _over_best(rows: list[Row]) -> float | None:
    """Calls over calls, all kinds together that are solved; None where there is none."""
    solved = [row for row in rows if row.solved == row.problems]
    pairs = [(row.cost * row.problems, row.best_cost * row.problems) for row in solved if row.cost and row.best_cost]
    return sum(cost for cost, _ in pairs) / sum(best for _, best in pairs) if pairs else None
