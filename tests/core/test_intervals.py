"""Intervals of 95 % cover the truth in 93 to 97 % of simulations."""

from __future__ import annotations

import numpy as np
import pytest

from inwit.core.intervals import pass_at_k, pass_at_k_interval, share_interval

SAMPLES = 16
SIMULATIONS = 700  # the standard error of the coverage is 0.8 %
SLACK = 0.016  # two of them


@pytest.fixture(autouse=True)
def fewer_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ends of an interval are known to a fiftieth of its width all the same."""
    monkeypatch.setattr("inwit.core.intervals.DRAWS", 800)


def covered(problems: int, k: int, seed: int, prior: tuple[float, float] = (2, 2)) -> float:
    """How often the interval holds the mean pass@k of problems whose shares are drawn from this Beta."""
    random, hits = np.random.default_rng(seed), 0
    for _ in range(SIMULATIONS):
        share = random.beta(*prior, problems)
        low, high = pass_at_k_interval(random.binomial(SAMPLES, share), SAMPLES, k, sampled=False)
        hits += low <= (1 - (1 - share) ** k).mean() <= high
    return hits / SIMULATIONS


@pytest.mark.parametrize("problems", [1, 2, 3, 10, 100])
def test_pass_at_1(problems: int) -> None:
    assert covered(problems, 1, problems) == pytest.approx(0.95, abs=0.02 + SLACK)


@pytest.mark.parametrize("problems", [1, 3, 10])
def test_pass_at_4(problems: int) -> None:
    assert covered(problems, 4, problems) == pytest.approx(0.95, abs=0.02 + SLACK)


@pytest.mark.parametrize("prior", [(0.1, 5), (5, 0.1)])
def test_hardly_ever_or_nearly_always_right(prior: tuple[float, float]) -> None:
    """Not wider than it must be, where most problems come out alike."""
    assert covered(18, 1, 18, prior) == pytest.approx(0.95, abs=0.02 + SLACK)


@pytest.mark.parametrize(("sampled", "most"), [(False, 0.001), (True, 0.01)])
def test_more_problems_that_all_come_out_alike_say_more(sampled: bool, most: float) -> None:
    for right, end in ((0, 0.0), (SAMPLES, 1.0)):
        low, high = pass_at_k_interval(np.full(300, right), SAMPLES, 1, sampled=sampled)
        assert 0 < high - low < most
        assert end in (low, high)


@pytest.mark.parametrize("problems", [10, 100])
def test_problems_that_are_a_sample(problems: int) -> None:
    """The truth is then the mean over all problems that might have been drawn."""
    random, hits = np.random.default_rng(problems), 0
    for _ in range(SIMULATIONS):
        right = random.binomial(SAMPLES, random.beta(2, 2, problems))
        low, high = pass_at_k_interval(right, SAMPLES, 1, sampled=True)
        hits += low <= 0.5 <= high
    assert hits / SIMULATIONS >= 0.93 - SLACK - 0.02 * (problems == 10)


@pytest.mark.parametrize("trials", [5, 40, 1000])
def test_a_share(trials: int) -> None:
    random, hits = np.random.default_rng(trials), 0
    for _ in range(SIMULATIONS):
        share = random.uniform()
        low, high = share_interval(int(random.binomial(trials, share)), trials)
        hits += low <= share <= high
    assert hits / SIMULATIONS == pytest.approx(0.95, abs=0.02 + SLACK)


@pytest.mark.parametrize(("right", "low", "high"), [(0, True, False), (SAMPLES, False, True), (9, False, False)])
def test_no_interval_has_width_0(right: int, low: bool, high: bool) -> None:
    for problems in (1, 2, 50):
        ends = pass_at_k_interval(np.full(problems, right), SAMPLES, 1, sampled=False)
        assert ends[0] < ends[1]
        assert (ends[0] == 0, ends[1] == 1) == (low, high)


def test_the_estimate_is_unbiased() -> None:
    random, share = np.random.default_rng(0), 0.3
    estimates = pass_at_k(random.binomial(SAMPLES, share, 40000), SAMPLES, 4)
    assert estimates.mean() == pytest.approx(1 - (1 - share) ** 4, abs=0.004)
