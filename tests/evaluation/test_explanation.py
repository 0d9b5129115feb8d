"""Explanations against playing the same program, and what counts as luck."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
import torch
from rich.console import Console

import inwit
from hashed import Hashed
from inwit.core.contracts import Agent
from inwit.core.errors import UserError
from inwit.evaluation.explained import Explanation
from inwit.rollout.collect import collect
from inwit.worlds import make_scalar
from inwit.worlds.oracle.constant import kind_success
from inwit.worlds.tutorial.rules import TutorialSettings
from scripts import ORACLES, greedy_program, scripted
from support import untrained

TASKS = [
    {"stage": 0, "operands": [3, 4, 5]},
    {"stage": 1, "operands": [3, 4, 5, 6]},
    {"stage": 2, "operands": [5, 5, 7, 9, 8]},
]


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("masks", [True, False])
def test_states_are_those_of_play(seed: int, task: dict[str, Any], masks: bool) -> None:
    agent = untrained(seed=seed, world={"masks": masks})
    explanation = inwit.explain(agent, task)
    with torch.no_grad():
        program = greedy_program(agent, task)
    episode = inwit.play("tutorial-v1", task, program, masks=masks)
    assert explanation.program == episode.actions
    assert [choice.state for choice in explanation.choices] == episode.states
    assert explanation.success is episode.success
    assert explanation.extra == episode.extra
    assert explanation.task == task
    assert explanation.prompt == [*map(str, task["operands"]), "CTX"]


def test_probabilities_are_the_policys() -> None:
    """The three likeliest legal tokens, in order, with the chosen one first."""
    agent = untrained()
    explanation = inwit.explain(agent, TASKS[2])
    legal = inwit.play("tutorial-v1", TASKS[2], explanation.program).legal
    row = agent.world.task(TASKS[2])
    with torch.no_grad():
        output, _ = agent.policy.begin(*agent.world.prompt(row), agent.world.stage(row))
    ids = agent.world.vocabulary.ids(legal[0])
    shares = torch.softmax(output.logits[0, ids].double(), -1).tolist()
    expected = sorted(zip(shares, legal[0], strict=True), reverse=True)[:3]
    first = explanation.choices[0]
    assert [name for name, _ in first.alternatives] == [name for _, name in expected]
    assert [p for _, p in first.alternatives] == pytest.approx([p for p, _ in expected], abs=1e-3)
    assert first.value == pytest.approx(float(output.value), abs=1e-5)
    for choice, allowed in zip(explanation.choices, legal, strict=True):
        assert choice.alternatives[0][0] == choice.token
        assert len(choice.alternatives) == min(3, len(allowed))
        assert {name for name, _ in choice.alternatives} <= set(allowed)


def test_the_oracles_program_is_no_luck() -> None:
    for task, program in zip(TASKS, ORACLES, strict=True):
        explanation = inwit.explain(scripted(*ORACLES), task)
        assert explanation.program == program.split()
        assert explanation.oracle_program == program.split()
        assert (explanation.success, explanation.lucky, explanation.program_success) == (True, False, 1.0)
        assert all(choice.keeps_to_oracle for choice in explanation.choices)


LUCKY = {"stage": 0, "operands": [3, 4, 0]}  # c = 0, so that a*b is right


def test_right_by_luck() -> None:
    """MUL ANS is right where c = 0, on a tenth of the problems of stage 0."""
    agent = scripted("MUL ANS", "MUL ANS", "MUL ANS")
    explanation = inwit.explain(agent, LUCKY)
    assert (explanation.success, explanation.lucky) == (True, True)
    assert explanation.program_success == pytest.approx(0.1)
    assert explanation.program_success == kind_success("tutorial-v1", 0, (11, 14), TutorialSettings())
    assert [choice.keeps_to_oracle for choice in explanation.choices] == [True, False]


def test_wrong_is_not_lucky() -> None:
    explanation = inwit.explain(scripted("MUL ANS", "MUL ANS", "MUL ANS"), TASKS[0])
    assert (explanation.success, explanation.lucky) == (False, False)


def test_a_kind_without_oracle() -> None:
    overrides: dict[str, Any] = {"world": {"id": "tutorial-v0"}, "curriculum": {"id": "uniform"}}
    explanation = inwit.explain(scripted("MUL ANS", "MUL ANS", "MUL ADD SUB ANS", **overrides), TASKS[2])
    assert explanation.oracle_program is None
    assert [choice.keeps_to_oracle for choice in explanation.choices] == [None] * 4
    assert explanation.program_success == pytest.approx(0.19, abs=5e-4)
    assert "paid_success" in explanation.extra


def test_an_episode_without_answer_is_right_nowhere() -> None:
    """The last token completes a call: what the optimum could expect of it is not what the agent answered."""
    world: Any = inwit.make("lookup-v0", num_values=3, queries=("Tx",), max_steps=4)
    agent = Agent(world, Hashed(world, 0, {"ANS": -9.0, "*": -9.0}))
    explanation = inwit.explain(agent, {"query": "F 0", "seed": 1})
    assert "ANS" not in explanation.program
    assert (explanation.success, explanation.program_success, explanation.lucky) == (False, 0.0, False)


def test_plain_data() -> None:
    explanation = inwit.explain(untrained(), TASKS[1])
    plain = explanation.to_dict()
    assert json.loads(json.dumps(plain))["program"] == explanation.program


def test_tasks_that_do_not_fit_are_refused() -> None:
    with pytest.raises(UserError, match="stage 3 does not exist"):
        inwit.explain(untrained(), {"stage": 3, "operands": [1, 2, 3]})
    with pytest.raises(UserError, match="2 operands were given"):
        inwit.explain(untrained(), {"stage": 0, "operands": [1, 2]})


# In a world that answers.

ANSWERS: dict[str, Any] = {"world": {"id": "lookup-v0", "num_values": 3}, "training": {"confirm": False}}
QUERIES = ["F 1", "G F 1", "F 0 ? G 2 : F 1", "F 0 * G 2"]


def writes(*programs: str) -> Any:
    """An agent that writes one program, for each stage its own, whatever it is answered: the world's tokens are written
    down in it, too."""
    return scripted(*programs, **ANSWERS, curriculum={"id": "uniform"})


def printed(explanation: Explanation) -> str:
    console = Console(file=io.StringIO(), width=160)
    console.print(explanation)
    assert isinstance(console.file, io.StringIO)
    return " ".join(console.file.getvalue().split())


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("masks", [True, False])
def test_an_explained_stream_is_that_of_a_rollout(query: str, masks: bool) -> None:
    """The policy is stepped with the world's tokens, too; states are those of the twin; counts are the episode's."""
    agent = untrained(**{**ANSWERS, "world": {**ANSWERS["world"], "masks": masks}})
    explanation = inwit.explain(agent, {"query": query, "seed": 3})
    rollout = collect(agent.world, agent.policy, agent.world.task({"query": query, "seed": 3}))
    live = rollout.live[0]
    names = agent.world.vocabulary.decode
    assert [choice.token for choice in explanation.choices] == names(rollout.tokens[0, live].tolist())
    assert [choice.chosen for choice in explanation.choices] == rollout.chosen[0, live].tolist()
    values = rollout.values[0, live].tolist()
    assert [choice.value for choice in explanation.choices] == pytest.approx(values, abs=1e-5)
    assert explanation.program == names(rollout.tokens[0, live & rollout.chosen[0]].tolist())
    assert explanation.steps == len(explanation.program)
    assert explanation.counts == {name: int(counts) for name, counts in rollout.counts.items()}
    assert explanation.success is bool(rollout.success)
    twin = make_scalar("lookup-v0", {"query": query, "seed": 3}, **agent.world.settings.to_dict())
    for choice in explanation.choices:
        assert choice.chosen is (twin.forced() == -1)
        twin.step(agent.world.vocabulary.id(choice.token))
        assert choice.state == twin.state()
        assert choice.facts == agent.world.advice(twin).facts
        assert (choice.alternatives == []) is not choice.chosen


def test_the_regret_of_each_token_and_of_the_whole() -> None:
    """What is lost on the way adds up: the value of the optimum is what the program earns on average, and its regret.
    `G` instead of `F` costs a call; guessing then costs the rest."""
    task = {"query": "F 1", "table": [1, 0, 2, 2, 2, 0, 0, 1, 2, 1, 1, 1, 2, 0, 0]}
    explanation = inwit.explain(writes("G 2 0 ANS 1"), task)
    chosen = [choice for choice in explanation.choices if choice.chosen]
    assert [choice.token for choice in explanation.choices] == ["G", "2", "0", "ANS", "1"]
    assert [choice.chosen for choice in explanation.choices] == [True, True, False, True, True]
    assert [choice.best for choice in chosen] == [["F"], ["0", "1", "2"], ["F"], ["0", "1", "2"]]
    assert [choice.regret for choice in chosen] == pytest.approx([0.02, 0, 0.98 - 1 / 3, 0])
    assert [choice.expected for choice in chosen] == pytest.approx([0.96, 0.96, 1 / 3, 1 / 3])
    assert explanation.regret == pytest.approx(0.98 - (1 / 3 - 0.02))
    assert (explanation.success, explanation.lucky) == (False, False)
    assert explanation.program_success == pytest.approx(1 / 3)
    assert explanation.choices[2].regret is None


@pytest.mark.parametrize(("program", "share"), [("ANS 0", 1 / 3), ("F 1 0 ANS 0", 1.0), ("G 1 2 ANS 0", 1 / 3)])
def test_luck_is_an_answer_that_was_not_known(program: str, share: float) -> None:
    task = {"query": "F 1", "table": [1, 0, 2, 2, 2, 0, 0, 1, 2, 1, 1, 1, 2, 0, 0]}
    explanation = inwit.explain(writes(program), task)
    assert explanation.success
    assert explanation.program_success == pytest.approx(share)
    assert explanation.lucky is (share < 1)
    assert ("33.3 % of the hidden worlds that answer like this" in printed(explanation)) is (share < 1)


def test_how_an_explanation_with_answers_looks() -> None:
    explanation = inwit.explain(writes("F 1 0 ANS 0"), {"query": "F 1", "seed": 0})
    told, answer = printed(explanation), explanation.choices[2].token
    for text in (f"> {answer}", f"F 1 = {answer}", "needed", "optimum's", "regret", "calls 1", "table", "(15 values)"):
        assert text in told
    assert json.loads(json.dumps(explanation.to_dict()))["choices"][2]["chosen"] is False


def test_where_no_optimum_is_claimed_facts_are_shown_all_the_same() -> None:
    deceiving = {**ANSWERS, "world": {**ANSWERS["world"], "lie": 0.2}}
    explanation = inwit.explain(untrained(**deceiving), {"query": "F F 1", "seed": 0})
    assert (explanation.regret, explanation.lucky, explanation.program_success) == (None, None, None)
    assert all((choice.best, choice.regret) == ([], None) for choice in explanation.choices)
    assert "needed" in explanation.choices[0].facts
    assert "oracle's" not in printed(explanation)


def test_of_many_equally_good_tokens_three_are_shown() -> None:
    many = {"id": "lookup-v0", "num_values": 20, "queries": ["Tx"]}
    agent = scripted("ANS 0", world=many, training={"confirm": False}, curriculum={"id": "uniform"})
    explanation = inwit.explain(agent, {"query": "F 1", "seed": 0})
    assert len(explanation.choices[-1].best) == 20
    assert "0 1 2 ... (20 tokens)" in printed(explanation)


def test_a_task_that_is_not_drawn_is_refused_with_the_way_out() -> None:
    with pytest.raises(UserError, match=r"not drawn.*--seed 0") as refused:
        inwit.explain(writes("F 1 0 ANS 0"), {"query": "F 1"})
    assert "\n" not in str(refused.value)
