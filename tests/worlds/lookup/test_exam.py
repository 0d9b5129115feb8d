"""The exam of lookup-v0 on agents whose results are known: exact fractions, the optimum beside, patience."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
import torch

import inwit
from hashed import Hashed, Patient
from inwit.core import result_text
from inwit.core.contracts import Agent
from inwit.core.results import NONE, Row
from inwit.core.types import Tasks
from inwit.evaluation import expanding
from inwit.evaluation.exact import evaluate, solves_all
from inwit.evaluation.pass_at_k import pass_at_k
from inwit.runs.folder import evaluation_from
from inwit.worlds.examination import Sampling, exam_of
from inwit.worlds.lookup import exam
from inwit.worlds.lookup.exam import success_fraction

FAILING = {"num_values": 5, "queries": ("Tx",), "fail": 0.5, "broken": 0.2, "sure_price": 0.1, "max_steps": 16}
# The probability of being right with one answer for all queries and no call, as a fraction of n = 5.
BLIND = {"Tx": "1/5", "TUx": "1/5", "Tx?y:z": "1/5", "Tx?Uy:Vz": "1/5", "Tx*Uy": "1/5", "TUVx": "1/5"}


def blind(**settings: Any) -> Agent:
    """Answers 0 at once."""
    world = inwit.make("lookup-v0", **settings)
    return Agent(world, Hashed(world, 0, {"ANS": 9.0, "0": 9.0}))


def patient(errors: int, **settings: Any) -> Agent:
    world = inwit.make("lookup-v0", **{**FAILING, **settings})
    return Agent(world, Patient(world, errors))


def only(agent: Agent) -> Row:
    (row,) = evaluate(agent).rows
    return row


def test_a_blind_agent_is_right_by_luck_alone() -> None:
    result = evaluate(blind())
    assert result.proven
    assert [row.name for row in result.rows] == list(BLIND)
    for row in result.rows:
        fraction = Fraction(row.extra["success_fraction"])
        assert row.success == pytest.approx(float(fraction), abs=1e-12)
        assert row.cost == 0
        assert row.extra["value"] == pytest.approx(row.success)
    by_name = {row.name: row for row in result.rows}
    assert by_name["Tx"].extra["success_fraction"] == "1/5"
    assert by_name["Tx"].extra["luck"] == pytest.approx(0.2)
    # `F F 0` is 0 if F(0) = 0, else with probability 1/5: (1/5 + 4/5 x 1/5) for one query in ten, 1/5 for the others.
    of_others, of_zero = Fraction(1, 5), Fraction(1, 5) + Fraction(4, 25)
    same = [of_zero, *[of_others * (1 - Fraction(1, 5)) + Fraction(0)] * 4]
    expected = Fraction(1, 2) * of_others + Fraction(1, 2) * sum(same) / 5
    assert by_name["TUx"].extra["success_fraction"] == str(expected)
    # y and z are both 0 in one query of 25: right for certain, and not by luck.
    assert by_name["Tx?y:z"].solved == 10
    assert by_name["Tx?y:z"].success - by_name["Tx?y:z"].extra["luck"] == pytest.approx(1 / 25)
    assert not solves_all(blind())


def test_the_fraction_of_paths_with_more_cells_than_calls() -> None:
    """Four calls at the most, but the verdict needs up to three more cells: so here the denominator is 3^6."""
    world: Any = inwit.make("lookup-v0", num_values=3, num_tools=2, max_steps=8, queries=("TUVx",))
    found = expanding.expand(world, Hashed(world, 0, {}), world.all_tasks([0]))
    fraction = success_fraction(world.settings, found)
    assert fraction is not None
    assert fraction.denominator % 3**6 == 0
    assert float(fraction) == pytest.approx(float(found.success.mean()), abs=1e-12)


@pytest.mark.parametrize("changed", [{"num_values": 100}, {"num_values": 10, "max_steps": 40}, {"max_steps": 48}])
def test_no_fraction_where_float64_cannot_tell_it(changed: dict[str, int]) -> None:
    row = only(blind(**{"queries": ("Tx",), "max_steps": 12, **changed}))
    assert row.success == pytest.approx(1 / changed.get("num_values", 5))
    assert "success_fraction" not in row.extra


def test_no_fraction_of_a_sum_of_too_many_leaves() -> None:
    agent = blind(queries=("Tx",), max_steps=24)
    world: Any = agent.world
    found = expanding.expand(world, agent.policy, world.all_tasks([0]))
    assert success_fraction(world.settings, found) == Fraction(1, 5)
    assert success_fraction(world.settings, replace(found, leaves=found.leaves + 100_000)) is None


def test_an_agent_that_asks_is_proven_at_the_least_cost() -> None:
    row = only(patient(1, fail=0.0, broken=0.0, sure_price=0.0))
    assert (row.solved, row.problems, row.success) == (10, 10, 1.0)
    assert row.extra["success_fraction"] == "1"
    assert row.cost == row.best_cost == 1.0
    assert row.extra["regret"] == row.extra["luck"] == 0.0
    assert row.extra["value"] == row.extra["best_value"] == 0.98
    assert solves_all(patient(1, fail=0.0, broken=0.0, sure_price=0.0))


@pytest.mark.parametrize(("errors", "early", "late"), [(1, 2, 0), (3, 0, 0), (5, 0, 2)])
def test_patience_at_a_broken_tool(errors: int, early: int, late: int) -> None:
    result = evaluate(patient(errors))
    (row,) = result.rows
    assert row.problems == row.solved == 10, "probes are no problems"
    assert row.extra["patience"] == errors
    assert row.extra["best_patience"] == 3
    assert (row.extra["too_early"], row.extra["too_late"]) == (early, late)
    assert "success_fraction" not in row.extra
    if errors == 3:
        assert row.extra["regret"] == 0.0
        assert row.cost == pytest.approx(row.best_cost)
    else:
        assert row.extra["regret"] > 1e-4


def test_the_tool_that_is_broken_in_a_probe_is_the_first_that_the_query_needs() -> None:
    world: Any = inwit.make("lookup-v0", **{**FAILING, "num_values": 3, "queries": ("Tx?Uy:Vz", "Tx?y:z")})
    broken = {}
    for tasks in exam_of(world).tasks([0, 1], "cpu"):
        for told, flags in zip(world.describe(tasks), tasks.data["broken"].tolist(), strict=True):
            if 1 in flags:
                broken[told["query"]] = "FG*"[flags.index(1)]
    assert len(broken) == 6**3 + 6 * 9
    assert broken["F 0 ? G 1 : G 1"] == "G", "whatever F 0 is"
    assert broken["F 0 ? G 1 : G 2"] == broken["F 0 ? G 1 : F 1"] == broken["F 0 ? 1 : 1"] == "F"


def test_as_patient_as_any_optimum_is_neither_too_early_nor_too_late() -> None:
    """At `F 0 * F 0` giving F up after one error is as good as after two."""
    agent = blind(**{**FAILING, "num_values": 3, "max_steps": 12, "queries": ("Tx*Uy",)})
    world: Any = agent.world
    best = exam._best(world.settings, 0)  # pyright: ignore[reportPrivateUsage]
    assert best is not None
    assert best.patience[0] == (1, 2)
    probe = expanding.expand(world, agent.policy, world.all_tasks([0])[:1])
    only_first = replace(best, patience=best.patience[:1], again=best.again[:1])
    for errors in range(4):
        endured = replace(probe, counts={"endured": torch.full((1,), float(errors), dtype=torch.float64)})
        found = exam._patience(endured, only_first)  # pyright: ignore[reportPrivateUsage]
        assert (found["too_early"], found["too_late"]) == (max(1 - errors, 0), max(errors - 2, 0))
        assert (found["best_patience_again"], found["most_patience_again"]) == (1, 2)


def test_the_value_of_patience_by_hand() -> None:
    """With patience 1: a call; if it errs (broken 1/5, or it fails, 4/5 x 1/2), a sure one."""
    row = only(patient(1))
    assert row.extra["value"] == pytest.approx(1 - 0.02 - 0.6 * 0.1, abs=1e-12)
    assert row.extra["errors"] == pytest.approx(0.6)
    assert row.extra["sure_calls"] == pytest.approx(0.6)
    assert row.cost == pytest.approx(1.6)


def test_calls_that_were_answered_already_are_counted() -> None:
    world = inwit.make("lookup-v0", num_values=3, num_tools=1, queries=("Tx",), max_steps=8)
    again = Agent(world, Hashed(world, 0, {"ANS": -9.0, "*": -9.0, "0": 9.0}))
    assert only(again).extra["repeats"] == 3.0, "four calls of F 0"


def test_a_call_is_no_repeat_because_its_cell_was_drawn_before() -> None:
    """The record of what was heard counts, not the table."""
    world: Any = inwit.make("lookup-v0", **{**FAILING, "max_steps": 8})
    tasks = world.task({"query": "F 0"})
    tasks = Tasks(tasks.kind, tasks.data | {"table": torch.zeros_like(tasks.data["table"])})
    state, repeats = world.reset(tasks), []
    for name in ("F", "0", "ERR", "F", "0", "0", "F", "0"):
        state, step = world.step(state, torch.tensor([world.vocabulary.id(name)]))
        repeats.append(int(step.counts["repeats"]))
    assert repeats == [0] * 7 + [1]


@pytest.mark.parametrize(("max_steps", "told"), [(11, True), (24, False), (60, False)])
def test_a_fraction_is_told_where_rounding_finds_it(max_steps: int, told: bool) -> None:
    """A probability of n^-d with d = 16 is lost in float64, and d = 34 is beyond 64 bits."""
    agent = blind(num_values=10, queries=("Tx",), max_steps=max_steps)
    found = expanding.expand(agent.world, agent.policy, agent.world.all_tasks([0]))
    assert (success_fraction(agent.world.settings, found) == Fraction(1, 10)) is told


def test_a_result_that_is_an_interval_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    world = inwit.make("lookup-v0", **{**FAILING, "queries": ("TUx",), "max_steps": 8})
    agent = Agent(world, Hashed(world, 1, {"ANS": -0.5}))
    whole = evaluate(agent)
    monkeypatch.setattr(expanding, "FIRST_FLOOR", 0.05)
    monkeypatch.setattr(expanding, "LEAVES", 1)
    result = evaluate(agent)
    (row,) = result.rows
    assert whole.proven
    assert not result.proven
    assert "too much to follow" in result.method
    assert row.interval is not None
    low, high = row.interval
    assert low <= whole.rows[0].success <= high
    assert {"success_fraction", "regret", "patience", "too_early"}.isdisjoint(row.extra), (
        "they would lack what is left out"
    )
    assert {"regret", "patience", "too_early"} < set(whole.rows[0].extra)
    assert any("in brackets the least and the most" in line for line in result_text.notes(result))
    assert result_text.problems(result) == "problems"


def test_a_result_is_shown_in_calls_and_read_back() -> None:
    result = evaluate(patient(3))
    assert {"calls", "oracle calls"} <= set(result_text.headings(result))
    assert "tokens" not in " ".join(result_text.headings(result))
    read = evaluation_from(json.loads(json.dumps(result.to_dict())))
    assert replace(read, rows=[]) == replace(result, rows=[])
    assert [(row.success, row.cost, row.extra) for row in read.rows] == [
        (row.success, row.cost, row.extra) for row in result.rows
    ]
    assert read.success == result.success == 1.0


def test_the_control_takes_the_prompt_away() -> None:
    row = evaluate(patient(3, fail=0.0, broken=0.0, sure_price=0.0), "shuffled-prompt").rows[0]
    assert row.success == pytest.approx(0.2)
    assert row.solved == 0


def test_sampled_programs_are_tried_on_drawn_tasks() -> None:
    found = pass_at_k(patient(3), k=2, samples=4)
    assert not found.all_problems
    assert 0.2 < found.overall.estimate < 1


@pytest.mark.parametrize("broken", [0.0, 0.2])
def test_as_many_questions_are_asked_as_it_says(broken: float) -> None:
    exam = exam_of(inwit.make("lookup-v0", **{**FAILING, "broken": broken}))
    assert exam.questions == sum(map(len, exam.tasks([0], "cpu"))) == (20 if broken else 10)


def test_too_many_queries_are_sampled() -> None:
    world = inwit.make("lookup-v0", num_values=60, queries=("Tx?Uy:Vz",))
    assert isinstance(exam_of(world), Sampling)
    result = evaluate(Agent(world, Hashed(world, 0, {"ANS": 9.0, "0": 9.0})))
    assert not result.proven
    assert result.rows[0].interval is not None
    assert result.rows[0].success < 0.1
    assert torch.isfinite(torch.tensor(result.rows[0].success))


def test_where_the_budget_is_too_small_the_best_cost_is_the_oracles() -> None:
    """No agent is always right on `TUx` with four tokens, so the calls of one that is say nothing."""
    always, rarely = evaluate(blind(queries=("Tx", "TUx"), max_steps=4)).rows
    assert always.best_cost == always.yardsticks["oracle"].cost == 1.0
    assert rarely.yardsticks["oracle"].success is not None
    assert rarely.yardsticks["oracle"].success < 1
    assert rarely.best_cost == rarely.yardsticks["oracle"].cost
    assert rarely.best_cost is not None
    assert rarely.best_cost <= 1.0


@pytest.mark.parametrize("name", ["lie", "stale"])
def test_luck_is_not_told_where_answers_may_be_wrong(name: str) -> None:
    assert "luck" not in only(blind(num_values=3, queries=("Tx",), max_steps=6, **{name: 0.1})).extra


def test_where_answers_may_be_wrong_the_optimum_stands_beside_for_the_kinds_that_it_fits() -> None:
    known, unknown = evaluate(blind(lie=0.1, sure_price=0.1, queries=("Tx", "TUx"))).rows
    assert known.extra["best_value"] == pytest.approx(
        0.9468125, abs=1e-12
    )  # two answers alike, or a third, or a sure one
    assert known.extra["regret"] == pytest.approx(0.9468125 - 0.2, abs=1e-12)
    assert "best_value" not in unknown.extra
    assert unknown.extra["value"] == pytest.approx(0.2)


def test_errors_after_a_tool_was_given_up_are_no_patience() -> None:
    """`F 0 ERR F! 0 2 F 2 ERR G 1 ERR`: F was given up after one error, whatever is tried later; G was not."""
    world: Any = inwit.make("lookup-v0", **{**FAILING, "queries": ("TUx",), "max_steps": 10})
    state, endured, errors = world.reset(world.task({"query": "F F 0"})), [], 0
    for name in ("F", "0", "ERR", "F!", "0", "2", "F", "2", "ERR", "G", "1", "ERR"):
        state, step = world.step(state, torch.tensor([world.vocabulary.id(name)]))
        endured.append(int(step.counts["endured"]))
        errors += int(step.counts["errors"])
    assert (errors, endured) == (3, [0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1])


def test_no_constant_program_is_always_right() -> None:
    """The best blind answer to a query is right in one hidden world of five."""
    found = evaluate(blind(queries=("Tx",))).constant_programs
    assert found is not None
    assert (found.known, found.count) == (NONE, None)
