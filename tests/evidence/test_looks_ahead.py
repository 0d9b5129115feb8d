"""Whether a memory holds the program that comes: on agents whose memory is known."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from coded import coded
from inwit.core.claims import NOT_SHOWN, NOT_TESTABLE, SHOWN
from inwit.evidence import looks_ahead
from inwit.evidence.plans import plans
from inwit.evidence.scripts import Reciter
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
        (untrained(), "too little to change"),
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
