"""The battery on agents of known truth: each test must judge each of them right, or it is no test."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from coded import Coded, coded
from examined import agent, script
from inwit.core.claims import CLAIMS, NOT_SHOWN, NOT_TESTABLE, REFUTED, SHOWN, Claim, Control, Evidence, Measure
from inwit.core.contracts import Agent
from inwit.core.errors import UserError
from inwit.evidence import looks_ahead, pictures, replans, thinks
from inwit.evidence.battery import _joined, examine, names_of
from inwit.evidence.reciting import Reciter
from inwit.evidence.subject import Subject
from inwit.evidence.thinks import ABOVE, BAR, GAINED
from inwit.rollout.collect import collect
from inwit.rollout.hooks import Hooks
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
    """But what it solves beyond its twin nobody knows then, and *remembers* does not become easier by that."""
    evidence = examine(replace(script("re-planner", agent(max_operators=2)), config=None), only=TESTED)
    assert judged(evidence)["re-plans"] == SHOWN
    remembers = evidence.claims[1]
    assert (remembers.verdict, len(remembers.measures)) == (NOT_TESTABLE, 4)
    assert "there is no memoryless twin: no recipe made this agent" in remembers.why
    assert "no recipe" in remembers.measures[0].controls["memoryless twin"].why


def gained(share: float) -> Claim:
    """What *thinks* says of one seed, whose own interval is narrow."""
    low = share - 0.01
    gain = Measure(GAINED, share, BAR, 100, (low, share + 0.01), signed=True)
    return Claim("thinks", (gain, Measure("the least", low, ABOVE, 100, signed=True, low_of=GAINED)), decisive=False)


def test_several_seeds_think_only_if_their_own_interval_is_above_nothing() -> None:
    names = ["a", "b", "c"]
    joined = _joined([gained(share) for share in (0.02, 0.30, 0.03)], names)
    assert joined.verdict == NOT_SHOWN
    gain, least = joined.measures
    assert gain.interval is not None
    assert gain.interval[0] == least.statistic == pytest.approx(-0.28, abs=0.01), "A difference may be negative."
    assert _joined([gained(share) for share in (0.10, 0.11, 0.12)], names).verdict == SHOWN
    share = Claim("reads", (Measure("solved", 0.02, 0.9, 9),)), Claim("reads", (Measure("solved", 0.3, 0.9, 9),))
    assert _joined(list(share), names[:2]).measures[0].interval == (0.0, 1.0), "A share ends at 0 and 1."


def test_seeds_with_unlike_measures_are_joined_by_name() -> None:
    one, two = Measure("first", 1.0, 0.9, 9, controls={"able": Control(1.0, 0.9)}), Measure("second", 1.0, 0.9, 9)
    joined = _joined([Claim("c", (one, two)), Claim("c", (replace(one, controls={}),))], ["a", "b"])
    assert joined.measures[0].statistic == 1
    assert joined.measures[0].controls["able"].why == "b has no such control"
    assert (joined.verdict, joined.why) == (NOT_TESTABLE, "b: second was not measured")


def test_runs_of_one_name_are_told_apart(tmp_path: Path, trained: list[Agent]) -> None:
    paths = [tmp_path / folder / "run" for folder in ("one", "two")] + [tmp_path / "run (2)"]
    agents = [replace(trained[0], path=path) for path in paths]
    assert names_of(agents) == ["run", "run (3)", "run (2)"]


def test_runs_that_differ_in_what_changes_no_weight_are_seeds_of_one_recipe(trained: list[Agent]) -> None:
    first, second = trained
    aside = {"threads": 2, "snapshots": (0, 5), "checkpoint_every": 7.0}
    same = replace(second, config=resolve(second.config, training=aside))
    assert len(examine([first, same], only=["reads"]).agents) == 2
    with pytest.raises(UserError, match="differ in more than their seed"):
        examine([first, replace(second, config=resolve(second.config, training={"episodes": 128}))], only=["reads"])


def test_probes_are_drawn_beside_the_other_seeds(trained: list[Agent]) -> None:
    drawn = examine(trained, only=["looks ahead"]).pictures["probes"]
    assert set(drawn) == {"agent 0", "agent 1"}
    assert all("memory of another seed (1)" in each["lines"] for each in drawn.values())


def test_what_is_shown_as_right_is_right(trained: list[Agent], monkeypatch: pytest.MonkeyPatch) -> None:
    subject = Subject(trained[0])
    shown = replans.derailed(subject)
    assert shown is not None
    tasks = subject.world.task(shown["task"])
    force = torch.tensor([subject.world.vocabulary.ids(shown["right"])])
    assert bool(collect(subject.world, subject.agent.policy, tasks, hooks=Hooks(force=force)).success)
    assert shown["right"][shown["at"]] == shown["forced"]
    # A script that recites, in the re-planner's place, is not right in any of these episodes.
    monkeypatch.setattr(replans, "Replanner", lambda world, tasks, programs, _: Reciter(world, tasks, programs))
    assert replans.derailed(subject) is None


def test_an_idle_token_of_a_world_that_cannot_leave_it_out_has_no_twin() -> None:
    made = agent(1, max_operators=3, split="classes", ticks=1)
    assert thinks._untaught(Subject(made), {}).value is None
    assert "does not say which settings leave such tokens out" in thinks._untaught(Subject(made), {}).why
    assert thinks._untaught(Subject(made), {"ticks": 0}).value is not None


def test_blocks_change_nothing_of_what_another_policy_does(trained: list[Agent]) -> None:
    """Nor do they of what the agent does where other tasks are shown to it."""
    subject, policy = Subject(trained[0]), trained[1].policy
    shown = subject.tasks[torch.arange(len(subject.tasks)).flip(0)]
    for other in (None, shown):
        whole, parts = (subject.ended(policy, subject.tasks, other, block) for block in (0, 7))
        assert torch.equal(whole[0], parts[0])
        assert torch.equal(whole[1], parts[1])
    assert not bool(subject.ended(policy, subject.tasks[:0])[0].any())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_a_gpu_exchanges_and_draws(trained: list[Agent]) -> None:
    """All that is made on the way lies on the agent's device."""
    place, agent, planner = torch.device("cuda"), trained[0].copy(), coded("plan", max_operators=3)
    for policy in (agent.policy, planner.policy):
        assert isinstance(policy, torch.nn.Module | Coded)
        policy.to(place)
    assert looks_ahead.judge(Subject(replace(planner, device=place)), steps=60).verdict == SHOWN
    subject = Subject(replace(agent, device=place))
    assert set(pictures.horizons(subject)["lines"]) == {pictures.MEMORY, pictures.PROMPT, pictures.FRESH}
    assert pictures.odd_token(subject)["lines"]
    names = {claim.claim: claim.verdict for claim in examine(subject.agent).claims}
    assert names == judged(examine(trained[0]))


def test_settings_of_what_is_off_make_no_other_recipe(trained: list[Agent]) -> None:
    first, second = (each.copy() for each in trained)
    off = dict(second.config.auxiliaries)
    off["rehearsal"] = type(off["rehearsal"])(rows=0, weight=9.0)
    second.config = replace(second.config, auxiliaries=off)
    assert first.config.to_dict() != replace(second.config, seed=first.config.seed).to_dict()
    assert len(examine([first, second], only=["reads"]).agents) == 2


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
