"""The battery on agents of known truth: each test must judge each of them right, or it is no test."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from examined import agent, script
from inwit.core.claims import CLAIMS, NOT_SHOWN, NOT_TESTABLE, REFUTED, SHOWN, Evidence
from inwit.core.contracts import Agent
from inwit.core.errors import UserError
from inwit.evidence.battery import examine
from inwit.training.config import resolve
from inwit.training.loop import loop, prepare
from support import untrained

TESTED = ("reads", "remembers", "re-plans", "thinks")
TRUTH = {
    # A counter is memory; and after another token it counts on.
    "reciter": {"remembers": SHOWN, "re-plans": REFUTED},
    "re-planner": {"remembers": SHOWN, "re-plans": SHOWN},
    "reactive": {"remembers": REFUTED, "re-plans": REFUTED},
    "untrained": {"remembers": NOT_TESTABLE, "re-plans": NOT_TESTABLE},
}


def judged(evidence: Evidence) -> dict[str, str]:
    return {claim.claim: claim.verdict for claim in evidence.claims}


@pytest.mark.parametrize("name", TRUTH)
def test_scripts_of_known_truth_are_judged_right(name: str) -> None:
    """With two operators a well-trained memoryless twin solves most, and starts over: here it is hardly trained."""
    found = judged(examine(script(name, agent(max_operators=2)), only=TESTED))
    assert found == {"reads": NOT_TESTABLE, "thinks": NOT_TESTABLE, **TRUTH[name]}


def test_what_is_solved_beyond_the_twin_is_more_than_nothing_where_the_twin_is_hardly_trained() -> None:
    """The reactive script needs no memory, and solves what the twin does not."""
    (claim,) = examine(script("reactive", agent(max_operators=2)), only=["remembers"]).claims
    beyond = {each.name: each.statistic for each in claim.measures if "beyond" in each.name}
    assert len(beyond) == 2
    assert all(value is not None and value > 0.5 for value in beyond.values())


@pytest.mark.slow
@pytest.mark.parametrize("name", TRUTH)
def test_scripts_are_judged_right_beside_a_trained_twin(name: str) -> None:
    found = judged(examine(script(name, agent(300, max_operators=3)), only=TESTED))
    assert found == {"reads": NOT_TESTABLE, "thinks": NOT_TESTABLE, **TRUTH[name]}


def test_who_knows_the_test_set_reads_and_who_knows_the_rest_alone_does_not() -> None:
    made = agent(max_operators=3, split="classes")
    assert judged(examine(script("reciter", made), only=["reads"])) == {"reads": SHOWN}
    rest = torch.tensor(made.world.kinds.trained)
    assert judged(examine(script("reciter", made, known=rest), only=["reads"])) == {"reads": REFUTED}


def test_who_needs_idle_tokens_for_what_is_new_alone_thinks() -> None:
    """A reciter whose programs begin with THINK loses its place where that is forbidden. Where it loses so what it was
    trained on, too, it lacks a token, and no thought: that shows nothing."""
    made = agent(1, max_operators=3, split="classes", ticks=1)
    new = script("reciter", made, first=("THINK",), of=made.world.kinds.held_out)
    assert judged(examine(new, only=["thinks"])) == {"thinks": SHOWN}
    assert judged(examine(script("reciter", made, first=("THINK",)), only=["thinks"])) == {"thinks": NOT_SHOWN}
    assert judged(examine(script("reciter", made), only=["thinks"])) == {"thinks": NOT_SHOWN}
    everything = script("reciter", agent(1, max_operators=2, ticks=1))
    assert judged(examine(everything, only=["thinks"])) == {"thinks": NOT_TESTABLE}


@pytest.fixture(scope="module")
def trained() -> list[Agent]:
    """Two seeds of a small recipe, trained for half a second by the oracle: they solve most expressions."""
    agents, training = [], {"max_updates": 50, "confirm": False, "episodes": 64, "learning_rate": 0.03}
    for seed in range(2):
        config = resolve(
            "calculator",
            seed=seed,
            policy={"width": 32},
            world={"max_operators": 2},
            learner={"id": "oracle_cloning"},
            hindsight={"rows": 0},
            training=training,
        )
        parts = prepare(config)
        for _ in loop(parts):
            pass
        agents.append(parts.agent)
    return agents


def plain(evidence: Evidence) -> str:
    return json.dumps(evidence.to_dict())


def test_the_same_agent_gives_the_same_figures_in_blocks_of_any_size(trained: list[Agent]) -> None:
    whole = examine(trained[0])
    assert judged(whole)["re-plans"] != NOT_TESTABLE
    assert plain(examine(trained[0])) == plain(whole)
    assert plain(examine(trained[0], block=33)) == plain(whole)
    assert Evidence.from_dict(json.loads(plain(whole))) == whole


def test_several_seeds_have_means_and_an_interval_over_seeds(trained: list[Agent]) -> None:
    alone = [examine(each, only=["re-plans"]).claims[0].measures[0] for each in trained]
    together = examine(trained, only=["re-plans"])
    measure = together.claims[0].measures[0]
    values = [each.statistic for each in alone if each.statistic is not None]
    assert len(values) == 2
    assert measure.statistic == pytest.approx(sum(values) / 2)
    assert measure.n == sum(each.n for each in alone)
    assert measure.interval is not None
    reach = 12.706 * abs(values[0] - values[1]) / 2  # Student's t with one degree of freedom
    assert measure.interval[1] == pytest.approx(min(1.0, sum(values) / 2 + reach), abs=0.01)
    assert set(together.pictures["each"]) == set(together.agents) == {"agent 0", "agent 1"}


def test_every_claim_has_a_line_and_those_asked_for_alone() -> None:
    evidence = examine(untrained())
    assert [claim.claim for claim in evidence.claims] == list(CLAIMS)
    assert all(claim.verdict == NOT_TESTABLE and claim.why for claim in evidence.claims)
    assert "constant" in {claim.claim: claim for claim in evidence.claims}["re-plans"].why
    heard: list[str] = []
    assert list(judged(examine(untrained(), only=["thinks"], progress=heard.append))) == ["thinks"]
    assert heard == ["agent 0: thinks"]


def test_a_script_without_a_recipe_is_judged_without_twins() -> None:
    evidence = examine(replace(script("re-planner", agent(max_operators=2)), config=None), only=TESTED)
    assert judged(evidence)["remembers"] == judged(evidence)["re-plans"] == SHOWN
    assert "no recipe" in evidence.claims[1].measures[0].controls["memoryless twin"].why


def test_what_cannot_be_asked_is_refused(trained: list[Agent]) -> None:
    with pytest.raises(UserError, match="unknown claim 'replans': did you mean 're-plans'"):
        examine(trained[0], only=["replans"])
    with pytest.raises(UserError, match="differ in more than their seed"):
        examine([trained[0], agent(max_operators=3)])
    with pytest.raises(UserError, match="two of the agents have the seed 1"):
        examine([*trained, trained[1]])
    with pytest.raises(UserError, match="nobody is examined"):
        examine([])
    lost = trained[0].copy()
    with torch.no_grad():
        next(iter(lost.policy.parameters())).fill_(torch.nan)  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(UserError, match="not finite"):
        examine(lost)
