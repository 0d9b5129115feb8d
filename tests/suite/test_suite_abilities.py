"""Every ability, by being registered: its settings, its levels, its extremes; and the controls, whose scores are known
beforehand."""

from __future__ import annotations

from dataclasses import replace
from statistics import fmean
from typing import cast

import pytest
import torch

from inwit.core.capabilities import capable
from inwit.core.errors import UserError
from inwit.core.types import Rollout
from inwit.learners import LEARNERS
from inwit.policies import POLICIES
from inwit.rollout.collect import collect
from inwit.suite import ABILITIES, jobs, register_ability
from inwit.suite.ability import Ability, Figure, Measure
from inwit.suite.budget import Budget
from inwit.suite.controls import SHUFFLED, Shuffled, random_agent
from inwit.suite.jobs import Outcome, config_of, extremes, plan
from inwit.suite.oracle import oracle_agent
from inwit.suite.scores import Score, score
from inwit.suite.subject import Subject, prepared, subject_of
from inwit.suite.suite import chosen_abilities
from inwit.suite.work import measured_often, work, world_of
from inwit.worlds import make

ALL = ABILITIES.names()
# Tokens in which a learner learns something. The other abilities take more than a test has.
SOON = {
    "reading": 20_000,
    "slots": 40_000,
    "thrift": 40_000,
    "exploration": 20_000,
    "lucky shortcuts": 20_000,
    "recovery": 40_000,
    "noise": 20_000,
}


@pytest.mark.parametrize("name", ALL)
def test_an_ability_can_be_run_by_everybody(name: str) -> None:
    ability = ABILITIES.load(name)
    assert ability.name == name
    assert ability.about.endswith(".")
    assert ability.knob
    named = [experiment.name for experiment in ability.experiments]
    assert len(set(named)) == len(named) > 0
    for experiment in ability.experiments:
        world = world_of(experiment)
        levels = experiment.levels(world)
        assert levels
        assert all(kinds and 0 <= min(kinds) <= max(kinds) < len(world.kinds) for kinds in levels.values())
        for learner in LEARNERS.names():
            for policy in POLICIES.names():
                config = config_of(experiment, Subject("", learner, policy), 3, {})
                assert (config.learner.id, config.policy.id, config.seed) == (learner, policy, 3)
                assert not any(settings.rows for settings in config.auxiliaries.values())  # reward alone


@pytest.fixture(scope="module")
def ends() -> dict[str, list[Outcome]]:
    """The extremes of each ability; each is found once."""
    return {name: [work(job) for job in extremes([ABILITIES.load(name)])] for name in ALL}


def scored(ability: Ability, subject: Subject, seeds: int, ends: list[Outcome], tokens: float | None = None) -> Score:
    todo, failed = plan([ability], subject, seeds, None if tokens is None else Budget(tokens), {})
    assert not failed
    return score(ability, [work(job) for job in todo], ends)


@pytest.mark.slow
@pytest.mark.parametrize("name", ALL)
def test_random_is_below_the_optimum(name: str, ends: dict[str, list[Outcome]]) -> None:
    for outcome in ends[name]:
        assert outcome.figures[jobs.RANDOM].keys() == outcome.figures[jobs.OPTIMUM].keys()
        for knob, best in outcome.figures[jobs.OPTIMUM].items():
            assert outcome.figures[jobs.RANDOM][knob].value < best.value


@pytest.mark.slow
@pytest.mark.parametrize("name", ALL)
def test_the_oracle_is_one(name: str) -> None:
    for experiment in ABILITIES.load(name).experiments:
        world = world_of(experiment)
        agent = oracle_agent(world)
        for kinds in experiment.levels(world).values():
            found = experiment.measure.of(agent, kinds).value
            assert found == pytest.approx(experiment.measure.optimum(world, kinds), abs=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("name", ALL)
def test_a_random_agent_is_nought(name: str, ends: dict[str, list[Outcome]], monkeypatch: pytest.MonkeyPatch) -> None:
    """On the first level of each experiment; of the first one, where the world answers. The others take longer:
    `inwit suite random` measures all."""
    monkeypatch.setattr(jobs, "MEASURED", 30)
    for experiment, outcome in zip(ABILITIES.load(name).experiments, ends[name], strict=True):
        world = world_of(experiment)
        knob, kinds = next(iter(experiment.levels(world).items()))
        low, best = (outcome.figures[who][knob].value for who in (jobs.RANDOM, jobs.OPTIMUM))
        found = measured_often(experiment.measure, world, kinds, 0)
        assert found.interval is not None
        reach = 0.75 * (found.interval[1] - found.interval[0])  # three standard errors
        assert abs(found.value - low) <= reach
        assert reach / (best - low) < 0.2
        if capable(world, "chance"):
            break


def test_a_random_agent_is_measured_without_a_bias() -> None:
    """Of something that one agent in fifty does: who stops after three agents that did not finds a third of it."""
    draws = torch.Generator().manual_seed(0)

    class Seldom:
        name = "seldom"

        def of(self, agent: object, kinds: object) -> Figure:
            return Figure(float(torch.rand((), generator=draws) < 0.02))

        random = optimum = None

    found = [measured_often(cast(Measure, Seldom()), make("tutorial-v1"), [0], seed) for seed in range(40)]
    assert fmean(each.value for each in found) == pytest.approx(0.02, abs=0.006)
    held = [each.interval[0] <= 0.02 <= each.interval[1] for each in found if each.interval]
    assert len(held) == 40
    assert fmean(held) > 0.8


@pytest.mark.slow
@pytest.mark.parametrize("name", SOON)
def test_nothing_is_learnt_from_another_episodes_rewards(name: str, ends: dict[str, list[Outcome]]) -> None:
    ability = ABILITIES.load(name)
    learnt, shuffled = (
        scored(ability, subject_of(agent, None, None), 1, ends[name], SOON[name]).mean for agent in (None, SHUFFLED)
    )
    assert shuffled <= 0.1 < learnt


def test_the_random_policy_takes_each_legal_token_alike() -> None:
    agent = random_agent(make("calculator-v0", max_operators=1), 0)
    output, memory = agent.policy.begin(
        torch.zeros(8000, 3).long(), torch.ones(8000, 3).bool(), torch.ones(8000).long()
    )
    assert memory == {}
    taken = output.logits[:, :4].argmax(1).bincount() / 8000
    assert taken.tolist() == pytest.approx([0.25] * 4, abs=0.03)
    again, _ = agent.policy.step(torch.zeros(8000).long(), {})
    assert not torch.equal(again.logits, output.logits)


def test_a_shuffled_learner_gets_the_rewards_of_other_episodes() -> None:
    seen: list[Rollout] = []

    class Looks:
        group_size, one_pass, whole_sequence, reads_oracle, detours, entropy_share = 1, True, False, False, 0.0, 1.0

        def losses(self, policy: object, rollout: Rollout):
            seen.append(rollout)
            yield torch.zeros(()), {}

    reward = torch.arange(64.0)[:, None]
    rollout = rollout_of(reward)
    learner = Shuffled(Looks())  # pyright: ignore[reportArgumentType]
    list(learner.losses(None, rollout))  # pyright: ignore[reportArgumentType]
    shuffled = seen[0].reward[:, 0]
    assert sorted(shuffled.tolist()) == reward[:, 0].tolist()
    assert (shuffled == reward[:, 0]).float().mean() < 0.2


def rollout_of(reward: torch.Tensor) -> Rollout:
    world = make("tutorial-v1")
    tasks = world.sample(torch.zeros(len(reward)).long(), torch.Generator().manual_seed(0))
    found = collect(world, random_agent(world, 0).policy, tasks)
    return replace(found, reward=reward.expand_as(found.reward).clone())


def test_subjects_are_named_as_they_are() -> None:
    assert subject_of(None, None, None).name == "a2c-gru"
    assert subject_of("pipeline", None, None) == Subject("pipeline", "", "")
    assert subject_of(SHUFFLED, "ppo", None).learner == "shuffled:ppo"
    assert subject_of(SHUFFLED, "ppo", None).name == "shuffled-ppo-gru"
    for wrong, said in (
        ((None, "a3c", None), "did you mean 'a2c'"),
        (("pipelines", None, None), "did you mean 'pipeline'"),
        (("pipeline", "a2c", None), "leave out --learner a2c"),
        ((None, "no_such_module:Learner", None), "cannot import no_such_module"),
        ((None, "inwit.learners.a2c:A3C", None), "needs a class 'A3C'"),
        ((None, None, "inwit.learners.returns:gae"), "needs a class 'gae' with Settings"),
    ):
        with pytest.raises(UserError, match=said):
            subject_of(*wrong)


def test_a_class_is_a_learner_by_its_module() -> None:
    found = subject_of(None, "inwit.learners.groups:RLOO", None)
    ability = ABILITIES.load(ALL[0])
    config = config_of(ability.experiments[0], found, 0, {})
    assert config.learner.id == "inwit.learners.groups:RLOO"
    assert config.learner.settings.group_size == 16  # its own default
    twin = subject_of(SHUFFLED, "inwit.learners.groups:RLOO", None)
    assert twin.learner == "shuffled:inwit.learners.groups:RLOO"
    assert prepared(twin) == twin  # as a process of its own has it


def test_abilities_are_found_by_name() -> None:
    two = [ALL[-1], ALL[0]]
    assert [each.name for each in chosen_abilities(two)] == [ALL[0], ALL[-1]]
    assert [each.name for each in chosen_abilities([name.replace(" ", "-") for name in ALL])] == ALL
    assert [each.name for each in chosen_abilities(["Reading", "", "LUCKY_shortcuts"])] == [
        "reading",
        "lucky shortcuts",
    ]
    with pytest.raises(UserError, match="unknown ability 'nothing'"):
        chosen_abilities(["nothing"])
    with pytest.raises(UserError, match="unknown experiment of noise 'nothing'"):
        jobs.find("noise", "nothing")
    with pytest.raises(UserError, match="registered already"):
        register_ability(ALL[0], ABILITIES.load(ALL[0]))


@pytest.mark.slow
def test_a_policy_without_memory_holds_nothing(ends: dict[str, list[Outcome]]) -> None:
    found = scored(ABILITIES.load("holding"), Subject("", "a2c", "memoryless"), 1, ends["holding"], 100_000)
    assert found.mean <= 0.1
