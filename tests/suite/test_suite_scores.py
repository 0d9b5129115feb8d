"""Scores: from figures to abilities, their intervals, and what differs."""

from __future__ import annotations

from dataclasses import replace
from math import sqrt
from typing import Any

import pytest

from inwit.core.errors import UserError
from inwit.suite.ability import Ability, Experiment, Figure
from inwit.suite.budget import Budget, parsed
from inwit.suite.compare import compare, names, notes
from inwit.suite.jobs import AGENT, OPTIMUM, RANDOM, Job, Outcome
from inwit.suite.radar import radar
from inwit.suite.scores import Score, Scored, difference, score
from inwit.suite.subject import Subject
from inwit.suite.table import number, with_interval


def ability(*names: str) -> Ability:
    measure: Any = None
    made = tuple(Experiment(name, {}, measure, lambda world: {}, 1) for name in names)
    return Ability("toy", "Toys.", "size", made)


def outcome(experiment: str, seed: int, values: dict[str, float], interval: tuple[float, float] | None = None):
    job = Job("toy", experiment, Subject(), seed, None, Budget(1))
    return Outcome(job, {AGENT: {knob: Figure(value, interval) for knob, value in values.items()}})


def ends(experiment: str, random: dict[str, float], best: float = 1.0, interval: tuple[float, float] | None = None):
    job = Job("toy", experiment, None, 0, None, Budget(1))
    found = {knob: Figure(value, interval) for knob, value in random.items()}
    return Outcome(job, {RANDOM: found, OPTIMUM: dict.fromkeys(random, Figure(best))})


def scored(name: str, *seeds: float, ability: str = "toy", folder: bool = False, made: str = "", **more: Any) -> Scored:
    found = Score(ability, "size", [], list(seeds), **more)
    return Scored(name, {ability: found}, len(seeds), "own", folder, {ability: made})


def test_a_score_is_not_clipped_and_is_the_mean_over_levels() -> None:
    found = score(ability("a"), [outcome("a", 0, {"1": 0.0, "2": 1.5})], [ends("a", {"1": 0.2, "2": 0.5})])
    assert [level.score for level in found.levels] == pytest.approx([-0.25, 2.0])
    assert found.mean == pytest.approx(0.875)
    assert found.interval is None  # one seed, and all exact


def test_the_interval_of_seeds_is_students() -> None:
    runs = [outcome("a", seed, {"1": value}) for seed, value in enumerate((0.0, 0.5, 1.0))]
    found = score(ability("a"), runs, [ends("a", {"1": 0.0})])
    assert found.interval is not None
    reach = 4.303 * 0.5 / sqrt(3)  # t of two degrees of freedom
    assert found.interval == pytest.approx((0.5 - reach, 0.5 + reach), abs=0.03)
    assert found.seeds == [0.0, 0.5, 1.0]


def test_what_was_sampled_of_the_random_policy_widens_an_interval() -> None:
    runs = [outcome("a", seed, {"1": 0.0}) for seed in range(3)]
    found = score(ability("a"), runs, [ends("a", {"1": 0.02}, interval=(0.01, 0.03))])
    assert found.interval is not None
    low, high = found.interval
    assert high - low == pytest.approx(2 * 0.01 * (1 - found.mean) / 0.98)  # the seeds alone do not differ


def test_levels_of_several_experiments_are_told_apart_where_they_must_be() -> None:
    both = ability("a", "b")
    runs = [outcome("a", 0, {"1": 1.0}), outcome("b", 0, {"1": 0.0})]
    same = score(both, runs, [ends("a", {"1": 0.0}), ends("b", {"1": 0.0})])
    assert [level.knob for level in same.levels] == ["a: 1", "b: 1"]
    runs = [outcome("a", 0, {"1": 1.0}), outcome("b", 0, {"2": 0.0})]
    apart = score(both, runs, [ends("a", {"1": 0.0}), ends("b", {"2": 0.0})])
    assert [level.knob for level in apart.levels] == ["1", "2"]


def test_a_failed_job_fails_its_ability_alone() -> None:
    bad = Outcome(Job("toy", "a", Subject(), 1, None, Budget(1)), failed="no memory")
    found = score(ability("a"), [outcome("a", 0, {"1": 1.0}), bad], [ends("a", {"1": 0.0})])
    assert (found.failed, found.seeds) == ("no memory", [])
    assert found.to_dict()["mean"] is None


def test_a_difference_has_welchs_interval() -> None:
    a, b = scored("a", 1.0, 2.0, 3.0), scored("b", 2.0, 4.0, 6.0)
    found = difference(a.scores["toy"], b.scores["toy"])
    reach = 3.226 * sqrt(1 / 3 + 4 / 3)  # 2.94 degrees of freedom
    assert found.interval == pytest.approx((-2 - reach, -2 + reach), abs=0.08)
    assert not found.significant
    sure = difference(scored("a", 1.0, 1.0).scores["toy"], scored("b", 0.5, 0.5).scores["toy"])
    assert sure.significant
    assert not difference(scored("a", 1.0, 1.0).scores["toy"], scored("b", 1.0, 1.0).scores["toy"]).significant


def test_nothing_is_said_of_the_spread_of_a_single_drawn_run() -> None:
    five = scored("b", 0.50, 0.51, 0.52, 0.50, 0.51).scores["toy"]
    one = scored("a", 0.62)
    assert difference(one.scores["toy"], five).interval is None
    assert difference(five, one.scores["toy"]).interval is None
    assert difference(one.scores["toy"], scored("b", 0.0).scores["toy"]).interval is None
    assert any("nothing is known of its spread" in note for note in notes(compare(one, scored("b", 0.1, 0.2))))


def test_an_agent_without_a_draw_is_known_but_for_what_was_sampled_of_it() -> None:
    five = scored("b", 0.50, 0.51, 0.52, 0.50, 0.51).scores["toy"]
    exact = scored("pipeline", 0.62, drawn=False).scores["toy"]
    assert difference(exact, five).significant
    assert difference(exact, exact).interval is None
    vague = scored("pipeline", 0.62, drawn=False, interval=(0.42, 0.82)).scores["toy"]
    found = difference(vague, five)
    assert not found.significant
    assert found.interval == pytest.approx((0.112 - 0.2, 0.112 + 0.2), abs=0.002)
    still = difference(vague, scored("b", 0.5, 0.5).scores["toy"])
    assert still.interval == pytest.approx((0.12 - 0.2, 0.12 + 0.2), abs=1e-9)


def test_a_difference_by_rounding_is_none() -> None:
    rounded = scored("b", *[0.33333] * 5).scores["toy"]
    assert not difference(scored("a", *[1 / 3] * 5).scores["toy"], rounded).significant
    assert difference(scored("a", *[0.4] * 5).scores["toy"], rounded).significant


def test_what_other_experiments_measured_is_not_compared() -> None:
    a, b = scored("a", 1.0, 0.9, made="now"), scored("b", 0.1, 0.2, made="before")
    with pytest.raises(UserError, match="other experiments measured toy"):
        compare(a, b)
    both = [
        replace(
            each,
            scores=each.scores | {"same": replace(each.scores["toy"], ability="same")},
            definitions={**each.definitions, "same": "now"},
        )
        for each in (a, b)
    ]
    found = compare(*both)
    assert [each.ability for each in found.differences] == ["same"]
    assert "Not compared, since other experiments measured them: toy." in notes(found)


def test_whether_an_agent_is_drawn_is_kept() -> None:
    job = Job("toy", "a", Subject("pipeline", "", ""), 0, None, Budget(1))
    found = score(ability("a"), [Outcome(job, {AGENT: {"1": Figure(0.5)}})], [ends("a", {"1": 0.0})])
    assert not found.drawn
    assert Score.from_dict(found.to_dict()) == found
    assert score(ability("a"), [outcome("a", 0, {"1": 0.5})], [ends("a", {"1": 0.0})]).drawn


def test_a_comparison_says_who_is_better_in_what() -> None:
    found = compare(scored("a", 1.0, 0.99, 1.0), scored("b", 0.1, 0.12, 0.1))
    assert found.sentence == "a and b differ significantly on 1 of 1 shared ability: a is better in toy."
    assert compare(scored("a", 0.5, 0.6), scored("b", 0.5, 0.6)).sentence.endswith("on none of 1 shared ability.")
    twins = compare(scored("a", 1.0, 0.9, folder=True), scored("a", 1.0, 0.9))
    assert names(twins) == ("a (own)", "a (reference)")
    single = compare(scored("a", 1.0), scored("b", 0.0))
    assert any("nothing is known of its spread" in note for note in notes(single))
    with pytest.raises(UserError, match="share no ability"):
        compare(scored("a", 1.0), scored("b", 1.0, ability="other"))


def test_budgets_are_tokens_or_seconds() -> None:
    assert parsed("200000") == Budget(tokens=200_000)
    assert parsed("200_000").tokens == 200_000
    assert parsed("60s") == Budget(seconds=60.0)
    assert Budget.from_dict(Budget(seconds=2.5).to_dict()) == Budget(seconds=2.5)
    for wrong in ("0", "-3", "0s", "1.5", "soon", "", "s", "infs"):
        with pytest.raises(UserError, match="budget = "):
            parsed(wrong)


def test_numbers_are_shown_without_a_negative_nought() -> None:
    assert [number(value) for value in (-0.001, None, 1.256)] == ["0.00", "·", "1.26"]
    assert with_interval(0.5, (0.25, 0.75)) == "0.50 (0.25 to 0.75)"


def test_the_radar_reaches_as_far_as_the_scores() -> None:
    wide = {name: Score(name, "size", [], [value]) for name, value in (("a", -0.6), ("b", 1.4), ("c", 0.5))}
    low, high = radar([Scored("x", wide, 1, "own")], ["a", "b", "c"]).axes[0].get_ylim()
    assert low <= -0.6
    assert high >= 1.4
    inside = {name: Score(name, "size", [], [0.5]) for name in "abc"}
    assert radar([Scored("x", inside, 1, "own")], ["a", "b", "c"]).axes[0].get_ylim()[0] < 0
