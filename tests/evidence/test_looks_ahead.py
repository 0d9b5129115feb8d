"""Whether a memory holds the program that comes: on agents whose memory is known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from coded import coded
from inwit.core.claims import NOT_SHOWN, NOT_TESTABLE, SHOWN
from inwit.evidence import looks_ahead
from inwit.evidence.interchange import Interchange
from inwit.evidence.plans import Plans, Trials, plans, readings
from inwit.evidence.reciting import Reciter
from inwit.evidence.subject import Subject
from support import untrained


def test_a_memory_of_the_program_is_shown_and_it_is_no_memory_of_the_prompt() -> None:
    claim = looks_ahead.judge(Subject(coded("plan", max_operators=3)), steps=60)
    assert claim.verdict == SHOWN, claim.why
    assert len(claim.measures) == looks_ahead.CALLS
    assert all((each.controls["prompt's order"].value or 0) < 0.2 for each in claim.measures)


@pytest.mark.slow
def test_a_memory_of_the_prompt_is_not_shown_and_the_control_names_it() -> None:
    """It solves everything, and writes what it reads; its memory is no plan."""
    claim = looks_ahead.judge(Subject(coded("prompt", max_operators=3)), steps=60)
    assert claim.verdict == NOT_SHOWN
    for each in claim.measures:
        assert each.statistic is not None
        assert each.statistic < 0.2
        assert (each.controls["prompt's order"].value or 0) > 0.9


@pytest.mark.slow
def test_a_lookup_table_is_not_shown() -> None:
    claim = looks_ahead.judge(Subject(coded("lookup", max_operators=3)), steps=20)
    assert claim.verdict == NOT_SHOWN
    assert all(each.statistic is not None and each.statistic < 0.3 for each in claim.measures)


@pytest.mark.slow
def test_the_block_changes_no_figure() -> None:
    whole, small = (looks_ahead.judge(Subject(coded("plan", max_operators=3), block), steps=5) for block in (4096, 77))
    assert whole == small


def test_what_cannot_be_tested_says_why() -> None:
    made = coded("plan", max_operators=3)
    subject = Subject(made)
    reciter = Reciter(made.world, subject.tasks, subject.own.tokens)
    for agent, why in (
        (untrained(), "of the 255 tasks, which are of fewer than 4 classes of problems: there is too little to change"),
        (coded("plan", max_operators=1), "the agent solves 3 of the 3 tasks, which are"),
        (replace(made, policy=reciter), "the policy Reciter has no taps"),
        (coded("plan", max_operators=2), "too few of the agent's programs differ in call 3"),
    ):
        claim = looks_ahead.judge(Subject(agent))
        assert claim.verdict == NOT_TESTABLE
        assert why in claim.why


def test_a_newest_position_that_does_not_decide_is_not_tested() -> None:
    """As in a transformer, which reads its prompt again whenever it writes."""
    claim = looks_ahead.judge(Subject(coded("plan", max_operators=3, deaf=True)))
    assert claim.verdict == NOT_TESTABLE
    assert "does not decide the program" in claim.why


def test_calls_are_the_tokens_by_which_programs_differ() -> None:
    subject = Subject(coded("plan", max_operators=2))
    found = plans(subject)
    vocabulary = subject.world.vocabulary
    row = subject.world.kinds.names.index("(a*b)-c")
    calls = found.calls[row]
    assert vocabulary.decode(calls[calls >= 0].tolist()) == ["MUL", "SUB"]
    clusters = subject.clusters
    assert bool((clusters[found.before] != clusters[found.after]).all())
    own = subject.own.tokens.masked_fill(~subject.own.live, -1)
    assert bool(((own[found.before] != own[found.after]).sum(1) == 1).all())
    changed = found.calls[found.before] != found.calls[found.after]
    assert torch.equal(changed.long().argmax(1), found.differs)
    assert bool((changed.sum(1) == 1).all())


@pytest.fixture(scope="module")
def planner() -> Subject:
    return Subject(coded("plan", max_operators=3))


def experiments(subject: Subject, found: Plans, read: Plans) -> looks_ahead.Experiments:
    policy: Any = subject.agent.policy
    return looks_ahead.Experiments(Interchange(subject, policy), found, read, steps=2)


def fewer(found: Plans, kept: torch.Tensor) -> Plans:
    parts = {name: getattr(found, name)[kept] for name in ("before", "after", "differs")}
    return replace(found, **parts)


def test_a_control_for_comparison_may_be_missing_and_is_named(planner: Subject) -> None:
    """The prompts of these tasks differ in no call: of the order of reading nothing can be said."""
    found = plans(planner)
    none = fewer(readings(planner), torch.zeros(0, dtype=torch.int64))
    for measure in experiments(planner, found, none).measures():
        assert measure.statistic is not None, measure.why
        assert measure.controls["prompt's order"].value is None
        assert "there is a trial" in measure.controls["prompt's order"].why


def test_a_control_without_a_trial_holds_nothing(planner: Subject) -> None:
    """Every pair begins with a class that subspaces are found on: there is no held-out trial of the same call."""
    found, read = plans(planner), readings(planner)
    trained = experiments(planner, found, read).trained
    found = fewer(found, trained[found.before])
    test = experiments(planner, found, read)
    assert test.whole is not None
    measure = test.measures()[0]
    assert measure.statistic is None
    assert measure.why.endswith("for the control same call")


def test_without_a_pair_of_programs_nothing_is_said_of_the_memory(planner: Subject) -> None:
    found = fewer(plans(planner), torch.zeros(0, dtype=torch.int64))
    assert experiments(planner, found, readings(planner)).whole is None


def test_trials_are_counted_once_and_held_out_where_nothing_is_to_change() -> None:
    found = plans(Subject(coded("plan", max_operators=3)))
    kept, generator = found.clusters % 4 != 0, torch.Generator().manual_seed(0)
    trials = found.draw(0, 0, 500, generator, rows=torch.ones_like(kept), goals=~kept, unchanged=1.0)
    assert torch.equal(trials.base, trials.goal)
    assert not bool(kept[trials.goal].any())
    twice = Trials(*(torch.cat([getattr(trials, name)] * 2) for name in ("base", "donor", "goal")))
    rows = {(int(base), int(donor)) for base, donor in zip(trials.base, trials.donor, strict=True)}
    assert len(twice.distinct()) == len(trials.distinct()) == len(rows) < len(trials)
    assert len(trials[:0].distinct()) == 0


def test_a_pair_of_programs_is_of_one_stage() -> None:
    """A policy is told the stage: in training it is the base's, in judging the goal's."""
    subject = Subject(coded("plan", max_operators=2))
    stage = torch.arange(len(subject.tasks)) % 2
    found = plans(subject)
    assert bool((stage[found.before] != stage[found.after]).any())
    subject.world.stage = lambda tasks: stage  # type: ignore[method-assign]
    found = plans(subject)
    assert len(found.before)
    assert torch.equal(stage[found.before], stage[found.after])


def test_goals_are_of_classes_that_no_subspace_was_found_on() -> None:
    found = plans(Subject(coded("plan", max_operators=3)))
    kept = found.clusters % 4 != 0
    generator = torch.Generator().manual_seed(0)
    trained = found.draw(0, 0, 500, generator, rows=kept, goals=kept, unchanged=0.25)
    tested = found.draw(0, 1, 500, generator, rows=torch.ones_like(kept), goals=~kept)
    seen = torch.cat([found.clusters[getattr(trained, name)] for name in ("base", "donor", "goal")])
    assert not bool(torch.isin(found.clusters[tested.goal], seen).any())
    for trials, source in ((trained, 0), (tested, 1)):
        goal, donor = found.clusters[trials.goal], found.clusters[trials.donor]
        assert len(trials) == 500
        assert bool((goal != donor).all())
        assert torch.equal(found.calls[trials.goal, 0], found.calls[trials.donor, source])
    assert bool((found.calls[tested.donor, 0] != found.calls[tested.goal, 0]).all())
