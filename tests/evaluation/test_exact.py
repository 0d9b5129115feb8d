"""Exact evaluation against playing the greedy programs one by one."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
import torch

import inwit
from inwit.core.contracts import Agent
from inwit.core.distributions import ILLEGAL
from inwit.core.errors import UserError
from inwit.evaluation.exact import Evaluation, evaluate, solves_all
from inwit.worlds.oracle.constant import yardstick
from inwit.worlds.tutorial.rules import TutorialSettings
from scripts import ORACLES, FixedProgram, greedy_program, scripted
from support import batch_of, untrained

V0: dict[str, Any] = {"world": {"id": "tutorial-v0"}, "curriculum": {"id": "uniform"}}


@pytest.fixture(scope="module")
def agents() -> dict[str, Agent]:
    """An untrained one, and one that does in tutorial-v0 what is paid for."""
    return {
        "tutorial-v1": untrained(seed=1, policy={"id": "gru", "width": 6}),
        "tutorial-v0": scripted("MUL ANS", "MUL ADD ANS", "MUL ADD SUB ANS", **V0),
    }


def every_97th(agent: Agent, patch: pytest.MonkeyPatch) -> None:
    """Let the agent's world list every 97th of its problems."""
    every = agent.world.all_tasks
    patch.setattr(agent.world, "all_tasks", lambda kinds, device: every(kinds, device)[::97], raising=False)


@pytest.fixture(scope="module")
def evaluations(agents: dict[str, Agent]) -> dict[str, Evaluation]:
    """On every 97th problem: all of them take seconds."""
    with pytest.MonkeyPatch.context() as patch:
        for agent in agents.values():
            every_97th(agent, patch)
        return {name: evaluate(agent) for name, agent in agents.items()}


@pytest.mark.slow
def test_all_of_tutorial_v0(agents: dict[str, Agent]) -> None:
    evaluation = evaluate(agents["tutorial-v0"])
    assert [stage.problems for stage in evaluation.stages] == [10**5] * 3
    assert [stage.extra for stage in evaluation.stages] == [{"paid_success": 1.0}] * 3
    assert [stage.success for stage in evaluation.stages] == pytest.approx([0.1, 0.1, 0.19], abs=5e-4)


@pytest.mark.parametrize("masks", [True, False])
@pytest.mark.parametrize("world_id", ["tutorial-v0", "tutorial-v1"])
def test_against_playing_one_by_one(world_id: str, masks: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sample of problems in place of all of them, in chunks: solved, steps, programs and further outcomes."""
    agent = untrained(
        seed=2,
        world={"id": world_id, "masks": masks, "max_steps": 5},
        policy={"id": "gru", "width": 6},
        curriculum={"id": "uniform"},
    )
    world = agent.world
    drawn = [world.sample(torch.full((30,), kind), torch.Generator().manual_seed(kind)) for kind in range(3)]
    monkeypatch.setattr(world, "all_tasks", lambda kinds, device="cpu": drawn[kinds[0]], raising=False)
    monkeypatch.setattr("inwit.evaluation.exact.CHUNK", 12)
    evaluation = evaluate(agent)
    for kind, stage in enumerate(evaluation.stages):
        tasks = world.describe(drawn[kind])
        with torch.no_grad():
            episodes = [inwit.play(world_id, task, greedy_program(agent, task), max_steps=5) for task in tasks]
        programs = Counter(tuple(episode.actions) for episode in episodes)
        assert (stage.stage, stage.problems) == (kind, 30)
        assert stage.solved == sum(episode.success for episode in episodes)
        assert stage.mean_steps == pytest.approx(sum(episode.steps for episode in episodes) / 30)
        assert stage.distinct_programs == len(programs)
        assert programs[tuple(stage.program)] == max(programs.values())
        for name, share in stage.extra.items():
            assert share == sum(episode.extra[name] for episode in episodes) / 30


@pytest.mark.parametrize("world_id", ["tutorial-v0", "tutorial-v1"])
def test_counts_add_up(evaluations: Any, world_id: str) -> None:
    evaluation = evaluations[world_id]
    counts = [1031] * 3 if world_id == "tutorial-v0" else [11, 104, 1031]
    assert [stage.problems for stage in evaluation.stages] == counts
    assert [stage.stage for stage in evaluation.stages] == [0, 1, 2]
    assert evaluation.problems == sum(counts)
    assert evaluation.solved == sum(stage.solved for stage in evaluation.stages)
    for stage in evaluation.stages:
        assert stage.success == stage.solved / stage.problems
        assert 0 <= stage.solved <= stage.problems
        assert 1 <= stage.distinct_programs <= stage.problems
        assert 1 <= stage.mean_steps <= 7


def test_the_yardsticks_stand_beside(agents: Any, evaluations: Any) -> None:
    for kind, stage in enumerate(evaluations["tutorial-v1"].stages):
        best = yardstick("tutorial-v1", kind, TutorialSettings())
        assert stage.oracle_program == ORACLES[kind].split()
        assert stage.oracle_steps == len(ORACLES[kind].split())
        assert stage.random_success == best.random_success
        assert stage.shortcut_success == best.shortcut.success
    last = evaluations["tutorial-v0"].stages[2]
    assert (last.oracle_program, last.oracle_steps) == (None, None)


def test_plain_data(evaluations: Any) -> None:
    plain = evaluations["tutorial-v0"].to_dict()
    assert "paid_success" in plain["stages"][0]
    assert "extra" not in plain["stages"][0]
    assert json.loads(json.dumps(plain)) == plain


def test_an_agent_that_solves_all() -> None:
    agent = scripted(*ORACLES)
    assert solves_all(agent)
    evaluation = evaluate(agent)
    assert evaluation.solved == evaluation.problems == 111_000
    assert [stage.program for stage in evaluation.stages] == [program.split() for program in ORACLES]
    assert [stage.distinct_programs for stage in evaluation.stages] == [1, 1, 1]
    assert [stage.mean_steps for stage in evaluation.stages] == [3, 4, 7]


@pytest.mark.parametrize("kind", [0, 1, 2])
def test_an_agent_that_fails_one_stage(kind: int) -> None:
    """Whichever stage it is, and however often luck helps."""
    programs = list(ORACLES)
    programs[kind] = "MUL ANS"
    agent = scripted(*programs)
    assert not solves_all(agent)


def test_solves_all_means_all_solved(agents: Any, evaluations: Any) -> None:
    for name, agent in agents.items():
        assert evaluations[name].solved < evaluations[name].problems
        assert not solves_all(agent)


def test_paid_success_is_counted(evaluations: Any) -> None:
    """The program that tutorial-v0 pays for in stage 0 is right in a tenth of the problems."""
    stages = evaluations["tutorial-v0"].stages
    assert [stage.extra for stage in stages] == [{"paid_success": 1.0}] * 3
    assert [stage.success for stage in stages] == pytest.approx([0.1, 0.1, 0.19], abs=0.03)


def test_success_is_read_not_reward(monkeypatch: pytest.MonkeyPatch) -> None:
    """An evaluation is the same whatever the world pays."""
    agent = scripted("MUL ADD ANS", "MUL ANS", "MUL ANS")
    every_97th(agent, monkeypatch)
    expected = [stage.solved for stage in evaluate(agent).stages]
    step = type(agent.world).step

    def unpaid(self: Any, state: Any, token: Any) -> Any:
        after, told = step(self, state, token)
        return after, replace(told, reward=torch.zeros_like(told.reward))

    monkeypatch.setattr(type(agent.world), "step", unpaid)
    assert [stage.solved for stage in evaluate(agent).stages] == expected
    assert expected[0] == 11


def test_a_world_that_cannot_be_listed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    agent = untrained()
    monkeypatch.setattr(agent.world, "capabilities", frozenset(), raising=False)
    with pytest.raises(UserError, match="cannot list its tasks"):
        evaluate(agent)


class ByFirstDigit(FixedProgram):
    """Writes the program that the prompt's first digit names."""

    def begin(self, prompt: torch.Tensor, mask: torch.Tensor, stage: torch.Tensor) -> Any:
        return self.answer(prompt[:, 0], torch.zeros_like(stage))


def test_programs_are_counted_across_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The commonest program overall is not the commonest of any one chunk's."""
    agent = untrained()
    policy = ByFirstDigit(agent.world.vocabulary, "MUL ANS", "ADD ANS", "SUB ANS")
    digits = [0, 0, 1, 1, 1, 0, 0, 2, 2, 2]
    tasks = batch_of(agent.world, [{"stage": 0, "operands": [digit, 1, 1]} for digit in digits])
    monkeypatch.setattr(agent.world, "all_tasks", lambda kinds, device: tasks, raising=False)
    monkeypatch.setattr("inwit.evaluation.exact.CHUNK", 5)
    stage = evaluate(replace(agent, policy=policy)).stages[0]
    assert stage.program == ["MUL", "ANS"]
    assert stage.distinct_programs == 3


def test_the_logit_of_an_illegal_token_is_below_all_others() -> None:
    assert ILLEGAL < -1e8
