"""What every curriculum must keep to. A curriculum is held to it by being registered."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from inwit.core.errors import UserError
from inwit.core.settings import build
from inwit.core.types import Kinds
from inwit.training.curricula import CURRICULA, Outcomes

every_curriculum = pytest.mark.parametrize("curriculum_id", CURRICULA.names())
THREE = Kinds(("stage 0", "stage 1", "stage 2"), (0, 1, 2), (0, 1, 2))
FIVE = Kinds(("p", "q", "r", "s", "t"), (0, 2, 1, 0, 2), (0, 1, 2, 3, 4))  # several kinds a stage, in disorder


HELD_OUT = Kinds(("p", "q", "r", "s"), (1, 1, 2, 3), (0, 1, 2, 3), held_out=(1, 2))  # stage 2 is nothing but test set


def make(curriculum_id: str, kinds: Kinds = THREE, **settings: Any) -> Any:
    cls = CURRICULA.load(curriculum_id)
    return cls(build(cls.Settings, settings), kinds)


def show(curriculum: Any, outcomes: dict[int, tuple[int, int]]) -> None:
    """Let the curriculum observe, for each kind, so many successes and so many failures at once."""
    kinds = [kind for kind, counts in outcomes.items() for _ in range(sum(counts))]
    success = [n < right for right, wrong in outcomes.values() for n in range(right + wrong)]
    curriculum.observe(torch.tensor(kinds), torch.tensor(success))


@every_curriculum
@given(data=st.data())
def test_weights_can_be_drawn_from(curriculum_id: str, data: st.DataObject) -> None:
    """Finite, not negative, not all zero, whatever was observed; and there are weights before anything was."""
    kinds = data.draw(st.sampled_from([THREE, FIVE]), label="kinds")
    curriculum = make(curriculum_id, kinds)
    for update in range(data.draw(st.integers(1, 30), label="updates")):
        weights = curriculum.weights(update)
        assert weights.shape == (len(kinds),), f"{curriculum_id}: a weight for each kind."
        assert bool(torch.isfinite(weights).all()), f"{curriculum_id}: weights {weights} are not finite."
        assert bool((weights >= 0).all()), f"{curriculum_id}: weights {weights} are negative."
        assert float(weights.sum()) > 0, f"{curriculum_id}: no kind has any weight."
        if curriculum_id in ("uniform", "learnability"):
            assert bool((weights > 0).all()), f"{curriculum_id}: a kind has no weight, so it is never seen again."
        count = data.draw(st.integers(1, 40), label="episodes")
        kind = torch.tensor([data.draw(st.integers(0, len(kinds) - 1)) for _ in range(3)] * count)
        curriculum.observe(kind, torch.rand(len(kind), generator=torch.Generator().manual_seed(update)) < 0.5)


@every_curriculum
def test_draws_follow_the_weights(curriculum_id: str) -> None:
    curriculum = make(curriculum_id)
    show(curriculum, {0: (90, 10), 1: (30, 70), 2: (0, 100)})
    weights = curriculum.weights(0)
    before = torch.get_rng_state()
    drawn = curriculum.draw(0, 20_000, torch.Generator().manual_seed(0))
    again = curriculum.draw(0, 20_000, torch.Generator().manual_seed(0))
    assert torch.equal(torch.get_rng_state(), before), f"{curriculum_id}: it draws from the global generator."
    assert torch.equal(drawn, again), f"{curriculum_id}: one seed gives two draws."
    shares = torch.bincount(drawn, minlength=3) / len(drawn)
    torch.testing.assert_close(shares, weights / weights.sum(), atol=0.02, rtol=0)


@every_curriculum
def test_the_running_success_follows_outcomes(curriculum_id: str) -> None:
    """The training loop reads `rate` and `trials` of every curriculum, whether the weights use them or not."""
    curriculum = make(curriculum_id)
    assert curriculum.rate.tolist() == [0, 0, 0], f"{curriculum_id}: success is assumed before it is seen."
    show(curriculum, {0: (1000, 0), 1: (500, 500)})
    rate = curriculum.rate.tolist()
    assert rate[0] > 0.99, f"{curriculum_id}: a kind always solved has rate {rate[0]}."
    assert 0.4 < rate[1] < 0.6, f"{curriculum_id}: a kind solved half the time has rate {rate[1]}."
    assert rate[2] == 0, f"{curriculum_id}: a kind never tried has rate {rate[2]}."
    assert curriculum.trials.tolist() == pytest.approx([1000, 1000, 0]), f"{curriculum_id}: trials are counted."


@every_curriculum
def test_what_may_not_be_trained_has_no_rate_and_is_never_drawn(curriculum_id: str) -> None:
    """Not a rate of 0: nobody may wait for it, or count it as a failure."""
    settings = {"stages": [1, 3]} if curriculum_id == "schedule" else {}
    curriculum = make(curriculum_id, HELD_OUT, **settings)
    assert curriculum.may_train.dtype == torch.bool
    assert curriculum.may_train.tolist() == [True, False, False, True]
    for update in range(3):
        assert curriculum.rate.isnan().tolist() == [False, True, True, False]
        drawn = curriculum.draw(update, 50, torch.Generator().manual_seed(update))
        assert set(drawn.tolist()) <= {0, 3}, f"{curriculum_id}: it draws from the test set."
        curriculum.observe(drawn, torch.ones_like(drawn, dtype=torch.bool))
    assert curriculum.trials[[1, 2]].tolist() == [0, 0]


@every_curriculum
def test_a_world_that_is_all_test_set_is_refused_in_one_line(curriculum_id: str) -> None:
    settings = {"stages": [0]} if curriculum_id == "schedule" else {}
    with pytest.raises(UserError, match="nothing is left to train on") as refused:
        make(curriculum_id, Kinds(("p", "q"), (0, 0), (0, 1), held_out=(0, 1)), **settings)
    assert "\n" not in str(refused.value)


@every_curriculum
def test_its_state_is_written_in_place(curriculum_id: str) -> None:
    one, other = make(curriculum_id), make(curriculum_id)
    show(other, {0: (5, 5), 2: (1, 0)})
    places = {name: tensor.data_ptr() for name, tensor in one.state_dict().items()}
    show(one, {1: (3, 0)})
    one.load_state_dict(other.state_dict())
    assert {name: tensor.data_ptr() for name, tensor in one.state_dict().items()} == places
    assert torch.equal(one.rate, other.rate)
    show(one, {1: (3, 0)})
    assert other.trials.tolist() == [10, 0, 1], "What was loaded is a copy."
    with pytest.raises(ValueError, match="shape"):
        one.load_state_dict({name: tensor[:1] for name, tensor in other.state_dict().items()})


@pytest.mark.parametrize("curriculum_id", ["gated", "learnability"])
def test_outcomes_change_the_weights(curriculum_id: str) -> None:
    curriculum = make(curriculum_id)
    before = curriculum.weights(0)
    show(curriculum, {0: (500, 0), 1: (200, 200)})
    assert not torch.equal(curriculum.weights(1), before)


@pytest.mark.parametrize("curriculum_id", ["schedule", "uniform"])
def test_outcomes_do_not_change_the_weights(curriculum_id: str) -> None:
    curriculum = make(curriculum_id)
    before = curriculum.weights(0)
    show(curriculum, {0: (500, 0), 1: (200, 200)})
    assert torch.equal(curriculum.weights(0), before)


def test_uniform_is_uniform() -> None:
    assert len(set(make("uniform", FIVE).weights(3).tolist())) == 1


def test_learnability_is_p_times_one_minus_p_plus_floor() -> None:
    curriculum = make("learnability", floor=0.05, memory=1e9)
    show(curriculum, {0: (99, 0), 1: (50, 49), 2: (0, 99)})
    # A prior of one trial at the stage's running success, which itself has one failed trial as prior.
    expected = [p * (1 - p) + 0.05 for p in (99.99 / 100, 50.5 / 100, 0.0)]
    assert curriculum.weights(0).tolist() == pytest.approx(expected, abs=1e-5)


def test_gated_opens_stages_in_order() -> None:
    curriculum = make("gated", FIVE, mastered=0.8, memory=1e9)

    def open_kinds() -> list[str]:
        weights = curriculum.weights(0)
        assert set(weights.tolist()) <= {0.0, 1.0}, "Open kinds are drawn alike."
        return [name for name, weight in zip(FIVE.names, weights.tolist(), strict=True) if weight]

    assert open_kinds() == ["p", "s"], "Only stage 0 is open at first."
    show(curriculum, {0: (500, 0), 3: (0, 500)})
    assert open_kinds() == ["p", "s"], "Stage 1 waits for stage 0 as a whole."
    show(curriculum, {1: (999, 0), 2: (999, 0)})
    assert open_kinds() == ["p", "s"], "Success in a closed stage opens nothing."
    show(curriculum, {3: (1499, 0)})
    assert open_kinds() == ["p", "s"], "1999 of 2500, one of them the prior, is short of 0.8."
    show(curriculum, {3: (10, 0)})
    assert open_kinds() == ["p", "q", "r", "s", "t"], "Stage 2 opens with stage 1, which was mastered already."


def test_gated_opens_the_lowest_stage_that_there_is() -> None:
    """The calculator's stages start at 1; a stage without kinds is waited for by none."""
    curriculum = make("gated", Kinds(("a+b", "(a+b)+(c+d)"), (1, 3), (0, 1)), mastered=0.8, memory=1e9)
    assert curriculum.weights(0).tolist() == [1.0, 0.0]
    curriculum.observe(torch.zeros(99, dtype=torch.int64), torch.ones(99, dtype=torch.bool))
    assert curriculum.weights(1).tolist() == [1.0, 1.0]


def test_gated_needs_every_stage_below() -> None:
    curriculum = make("gated", mastered=0.8, memory=1e9)
    show(curriculum, {0: (999, 0)})
    assert curriculum.weights(0).tolist() == [1, 1, 0]
    show(curriculum, {1: (999, 0)})
    assert curriculum.weights(0).tolist() == [1, 1, 1]
    show(curriculum, {0: (0, 999)})
    assert curriculum.weights(0).tolist() == [1, 0, 0], "A stage that is lost closes those above it."


@pytest.mark.parametrize(
    ("held_out", "before", "after"),
    [
        ((2,), [1.0, 1.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0]),  # a stage between
        ((0, 1), [1.0, 1.0, 1.0, 0.0], [1.0, 1.0, 1.0, 0.0]),  # the lowest
        ((0, 1, 2), [1.0, 1.0, 1.0, 1.0], [1.0, 1.0, 1.0, 1.0]),  # two of three
        ((1,), [1.0, 1.0, 0.0, 0.0], [1.0, 1.0, 1.0, 0.0]),  # a part of a stage: the rest of it is waited for
    ],
)
def test_gated_waits_for_no_stage_that_is_nothing_but_test_set(
    held_out: tuple[int, ...], before: list[float], after: list[float]
) -> None:
    kinds = Kinds(HELD_OUT.names, HELD_OUT.stages, HELD_OUT.classes, held_out=held_out)
    curriculum = make("gated", kinds, mastered=0.8, memory=1e9)
    assert curriculum.weights(0).tolist() == before
    curriculum.observe(torch.zeros(99, dtype=torch.int64), torch.ones(99, dtype=torch.bool))
    assert curriculum.weights(1).tolist() == after
    assert bool(curriculum.may_train[curriculum.draw(1, 50, torch.Generator().manual_seed(0))].all())


def test_schedule_follows_its_list() -> None:
    curriculum = make("schedule", stages=[0, 2, 1], period=3)
    stages = [int(curriculum.weights(update).argmax()) for update in range(12)]
    assert stages == [0, 0, 0, 2, 2, 2, 1, 1, 1, 0, 0, 0]
    assert all(float(curriculum.weights(update).sum()) == 1 for update in range(12))


def test_schedule_opens_every_kind_of_a_stage() -> None:
    assert make("schedule", FIVE, stages=[2], period=1).weights(0).tolist() == [0, 1, 0, 0, 1]


def test_schedule_refuses_a_stage_that_the_world_lacks() -> None:
    with pytest.raises(UserError, match=r"stage 7 does not exist.*0, 1, 2"):
        make("schedule", stages=[0, 7])


def test_outcomes_fade() -> None:
    """After `memory` episodes of a kind, what came before has faded to 1/e; other kinds' episodes fade nothing."""
    outcomes = Outcomes(Kinds(("x", "y"), (0, 1), (0, 1)), memory=100.0)
    outcomes.observe(torch.zeros(50, dtype=torch.int64), torch.ones(50, dtype=torch.bool))
    assert outcomes.trials.tolist() == [50, 0]
    outcomes.observe(torch.zeros(100, dtype=torch.int64), torch.zeros(100, dtype=torch.bool))
    assert outcomes.successes[0].item() == pytest.approx(50 / 2.718281828, rel=1e-5)
    assert outcomes.trials[0].item() == pytest.approx(50 / 2.718281828 + 100, rel=1e-5)
    outcomes.observe(torch.ones(1000, dtype=torch.int64), torch.ones(1000, dtype=torch.bool))
    assert outcomes.successes[0].item() == pytest.approx(50 / 2.718281828, rel=1e-5)


def test_the_prior_is_one_trial_at_the_running_success_of_the_stage() -> None:
    """Of a kind that was never seen the best guess is how its stage does; other stages tell nothing."""
    outcomes = Outcomes(Kinds(("x", "y", "z"), (0, 0, 1), (0, 1, 2)), memory=1e9)
    assert outcomes.rate.tolist() == [0, 0, 0]
    outcomes.observe(torch.zeros(3, dtype=torch.int64), torch.tensor([True, True, True]))
    assert outcomes.stage_rate.tolist() == [3 / 4, 0]
    assert outcomes.rate.tolist() == [3.75 / 4, 0.75, 0]
