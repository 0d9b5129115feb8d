"""What is found of scripts as agents: what can be asked of them is judged, the rest says why not."""

from __future__ import annotations

import pytest

import inwit
from inwit.core.claims import NOT_TESTABLE, REFUTED, SHOWN
from inwit.core.contracts import Agent
from inwit.core.errors import UserError
from inwit.evidence.battery import examine


@pytest.mark.parametrize(("name", "replans"), [("pipeline", SHOWN), ("react", REFUTED)])
def test_claims_of_a_script(name: str, replans: str) -> None:
    agent = inwit.scripted(name, inwit.make("calculator-v0", max_operators=2))
    found = {claim.claim: claim for claim in examine(agent).claims}
    verdicts = {claim: each.verdict for claim, each in found.items()}
    assert verdicts == dict.fromkeys(found, NOT_TESTABLE) | {"re-plans": replans}
    assert "nobody trained the script" in found["reads"].why
    assert f"the script {name} has no taps" in found["looks ahead"].why
    assert "nobody can train its twin" in found["remembers"].why
    assert "\n" not in "".join(each.why for each in found.values())


def test_its_memory_is_needed_and_takes_no_noise() -> None:
    """States are numbered: a number and a bit is no state."""
    agent = inwit.scripted("pipeline", inwit.make("calculator-v0", max_operators=2))
    (claim,) = examine(agent, only=["remembers"]).claims
    rebuilt = claim.measures[0]
    assert rebuilt.statistic == 1
    assert rebuilt.controls["noise"].value is None
    assert "no noise can be added" in rebuilt.controls["noise"].why


def test_what_is_held_out_is_read() -> None:
    agent = inwit.load("pipeline:calculator-heldout")
    (claim,) = examine(agent, only=["reads"]).claims
    assert claim.verdict == SHOWN


def test_scripts_are_no_seeds_of_each_other() -> None:
    with pytest.raises(UserError, match="a script has no seeds: examine pipeline and react one at a time"):
        examine([inwit.load("pipeline"), inwit.load("react")])
    with pytest.raises(UserError, match="differ in more than their seed, in policy"):
        examine([inwit.load("pipeline"), Agent(inwit.make("tutorial-v1"), inwit.load("react").policy)])
