"""Exact evaluation against playing the greedy programs one by one."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
import torch

import inwit
import worlds_from_outside
from calculating import writing
from inwit.core.contracts import Agent
from inwit.core.distributions import ILLEGAL
from inwit.core.errors import UserError
from inwit.core.results import NONE, NOT_SEARCHED, Evaluation
from inwit.evaluation.exact import evaluate, sit, solves_all
from inwit.training.config import resolve
from inwit.training.loop import new_agent
from inwit.worlds.examination import exam_of
from inwit.worlds.oracle.constant import yardstick
from inwit.worlds.oracle.shortest import shortest_table
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
    patch.setattr(agent.world, "all_tasks", lambda kinds, device="cpu": every(kinds, device)[::97], raising=False)


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
    assert [stage.problems for stage in evaluation.rows] == [10**5] * 3
    assert [stage.extra["paid_success"] for stage in evaluation.rows] == [1.0] * 3
    assert [stage.success for stage in evaluation.rows] == pytest.approx([0.1, 0.1, 0.19], abs=5e-4)


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
    monkeypatch.setattr("inwit.worlds.examination.BLOCK", 12)
    evaluation = evaluate(agent)
    for kind, stage in enumerate(evaluation.rows):
        tasks = world.describe(drawn[kind])
        with torch.no_grad():
            episodes = [inwit.play(world_id, task, greedy_program(agent, task), max_steps=5) for task in tasks]
        programs = Counter(tuple(episode.actions) for episode in episodes)
        assert (stage.stage, stage.problems) == (kind, 30)
        assert stage.solved == sum(episode.success for episode in episodes)
        steps = [episode.steps for episode in episodes if episode.success]
        assert stage.cost == (pytest.approx(sum(steps) / len(steps)) if steps else None)
        assert stage.extra["programs"] == len(programs)
        assert programs[tuple(stage.extra["program"])] == max(programs.values())
        for name in world.extra_outcomes:
            assert stage.extra[name] == sum(episode.extra[name] for episode in episodes) / 30


@pytest.mark.parametrize("world_id", ["tutorial-v0", "tutorial-v1"])
def test_counts_add_up(evaluations: Any, world_id: str) -> None:
    evaluation = evaluations[world_id]
    counts = [1031] * 3 if world_id == "tutorial-v0" else [11, 104, 1031]
    assert [stage.problems for stage in evaluation.rows] == counts
    assert [stage.stage for stage in evaluation.rows] == [0, 1, 2]
    assert evaluation.problems == sum(counts)
    assert evaluation.solved == sum(stage.solved for stage in evaluation.rows)
    for stage in evaluation.rows:
        assert stage.success == stage.solved / stage.problems
        assert 0 <= stage.solved <= stage.problems
        assert 1 <= stage.extra["programs"] <= stage.problems
        assert stage.cost is None or 1 <= stage.cost <= 7


def test_the_yardsticks_stand_beside(agents: Any, evaluations: Any) -> None:
    for kind, stage in enumerate(evaluations["tutorial-v1"].rows):
        best = yardstick("tutorial-v1", kind, TutorialSettings())
        oracle, shortcut, random = (stage.yardsticks[name] for name in ("oracle", "shortcut", "random"))
        assert oracle.program == ORACLES[kind].split()
        assert stage.best_cost == oracle.cost == len(ORACLES[kind].split())
        assert random.success == best.random_success
        assert shortcut.success == best.shortcut.success
    last = evaluations["tutorial-v0"].rows[2]
    assert (last.yardsticks["oracle"].known, last.best_cost) == (NONE, None)


def test_plain_data(evaluations: Any) -> None:
    plain = evaluations["tutorial-v0"].to_dict()
    assert "paid_success" in plain["rows"][0]["extra"]
    assert json.loads(json.dumps(plain, allow_nan=False))["rows"][0]["yardsticks"]["random"]["known"] == "exact"


@pytest.mark.slow
def test_an_agent_that_solves_all() -> None:
    agent = scripted(*ORACLES)
    assert solves_all(agent)
    evaluation = evaluate(agent)
    assert evaluation.solved == evaluation.problems == 111_000
    assert [stage.extra["program"] for stage in evaluation.rows] == [program.split() for program in ORACLES]
    assert [stage.extra["programs"] for stage in evaluation.rows] == [1, 1, 1]
    assert [stage.cost for stage in evaluation.rows] == [3, 4, 7]


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
    stages = evaluations["tutorial-v0"].rows
    assert [stage.extra["paid_success"] for stage in stages] == [1.0] * 3
    assert [stage.success for stage in stages] == pytest.approx([0.1, 0.1, 0.19], abs=0.03)


def test_success_is_read_not_reward(monkeypatch: pytest.MonkeyPatch) -> None:
    """An evaluation is the same whatever the world pays."""
    agent = scripted("MUL ADD ANS", "MUL ANS", "MUL ANS")
    every_97th(agent, monkeypatch)
    expected = [stage.solved for stage in evaluate(agent).rows]
    step = type(agent.world).step

    def unpaid(self: Any, state: Any, token: Any) -> Any:
        after, told = step(self, state, token)
        return after, replace(told, reward=torch.zeros_like(told.reward))

    monkeypatch.setattr(type(agent.world), "step", unpaid)
    assert [stage.solved for stage in evaluate(agent).rows] == expected
    assert expected[0] == 11


def test_a_world_that_cannot_be_listed_is_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    agent = scripted("MUL ADD ANS", "MUL ANS", "MUL ANS")
    monkeypatch.setattr(agent.world, "capabilities", frozenset(), raising=False)
    monkeypatch.setattr("inwit.worlds.examination.SAMPLE", 200)
    told = evaluate(agent)
    assert not told.proven
    assert "sample" in told.method
    assert [row.problems for row in told.rows] == [200, 200, 200]
    for row, truth in zip(told.rows, (1.0, 0.1, 0.1), strict=True):
        assert row.interval is not None
        assert row.interval[0] <= truth <= row.interval[1] or abs(row.success - truth) < 0.06
        assert [row.yardsticks[name].known for name in ("oracle", "shortcut")] == [NOT_SEARCHED] * 2
        assert row.yardsticks["random"].known == "sampled"
    assert not solves_all(agent), "A sample proves nothing."


def test_what_nobody_searched_is_not_called_none(monkeypatch: pytest.MonkeyPatch) -> None:
    agent = scripted(*ORACLES)
    monkeypatch.setattr(agent.world, "capabilities", frozenset({"all_tasks"}), raising=False)
    every_97th(agent, monkeypatch)
    for row in evaluate(agent).rows:
        assert {yardstick.known for yardstick in row.yardsticks.values()} == {NOT_SEARCHED}
        assert row.solved == row.problems


def test_the_test_set_is_no_part_of_solving_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a world that lists its tasks and holds a stage out, an agent that fails only there has solved all."""
    agent = scripted(ORACLES[0], ORACLES[1], "MUL ANS")
    assert not solves_all(agent)
    monkeypatch.setattr(agent.world, "kinds", replace(agent.world.kinds, held_out=(2,)), raising=False)
    assert solves_all(agent)
    every_97th(agent, monkeypatch)
    split = evaluate(agent).split
    assert split is not None
    assert list(split.trained) == ["0", "1"]
    assert split.held_out["2"][0] < split.held_out["2"][1]


def test_the_test_set_is_no_part_of_solving_all_expressions() -> None:
    """The same where identity decides."""
    best = {name: found.program or [] for name, found in shortest_table(3, 1).items()}
    agent = writing(best, split="longest")
    assert solves_all(agent)
    held_out = {agent.world.kinds.names[kind] for kind in agent.world.kinds.held_out}
    spoilt = {name: ["LOAD", "a", "ANS"] if name in held_out else program for name, program in best.items()}
    assert solves_all(writing(spoilt, split="longest"))
    assert not solves_all(writing(spoilt))


def test_tokens_that_the_world_writes_are_no_cost() -> None:
    """Only chosen tokens count, and only they are the program."""
    world = worlds_from_outside.Echo(worlds_from_outside.Echo.Settings())
    agent = Agent(world, FixedProgram(world.vocabulary, "MUL CTX ADD ANS"))
    papers = sit(agent, exam_of(world), [0])
    assert papers.steps.unique().tolist() == [3]
    assert world.vocabulary.decode(papers.tokens[0, :3].tolist()) == ["MUL", "ADD", "ANS"]


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
    listed = {0: tasks, 1: agent.world.all_tasks([1])[:1], 2: agent.world.all_tasks([2])[:1]}
    monkeypatch.setattr(agent.world, "all_tasks", lambda kinds, device="cpu": listed[kinds[0]], raising=False)
    monkeypatch.setattr("inwit.worlds.examination.BLOCK", 5)
    stage = evaluate(replace(agent, policy=policy)).rows[0]
    assert stage.extra["program"] == ["MUL", "ANS"]
    assert stage.extra["programs"] == 3


def test_the_logit_of_an_illegal_token_is_below_all_others() -> None:
    assert ILLEGAL < -1e8


def test_an_agent_of_another_vocabulary_is_refused() -> None:
    agent = new_agent(resolve("lookup", policy={"width": 8}))
    for here, said in (
        (inwit.make("lookup-v0", num_values=7), "with num_values = 5, and lookup-v0 with num_values = 7 has 21 others"),
        (inwit.make("tutorial-v1"), "writes the 19 tokens of lookup-v0, and tutorial-v1 has"),
    ):
        for examine in (evaluate, lambda other: inwit.pass_at_k(other, 1)):
            with pytest.raises(UserError, match=said):
                examine(replace(agent, world=here))
    assert evaluate(replace(agent, world=inwit.make("lookup-v0", queries=("Tx",)))).problems == 10
