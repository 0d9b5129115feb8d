"""Explanations with forced tokens: what is written, what stands beside it, and what is refused."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
import torch
from rich.console import Console

import inwit
from inwit.commands import explain as explain_command
from inwit.commands.cli import main
from inwit.core.capabilities import FAR
from inwit.core.contracts import Agent
from inwit.core.errors import UserError
from inwit.evaluation import derailing
from inwit.evaluation.explained import Explanation
from inwit.rollout.collect import collect
from inwit.rollout.hooks import Hooks
from scripts import ORACLES, scripted
from soaking import quiet
from support import small_config, untrained

TASK: dict[str, Any] = {"stage": 2, "operands": [5, 5, 7, 9, 8]}
CALCULATOR: dict[str, Any] = {"world": {"id": "calculator-v0"}, "curriculum": {"id": "uniform"}}
SUM: dict[str, Any] = {"expression": "(a+b)*c", "operands": [2, 3, 4]}


def printed(explanation: Explanation, width: int = 120) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(explanation)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def calculating(*programs: str) -> Agent:
    """A reciter: one program whatever was written."""
    return scripted(*programs * 3, **CALCULATOR)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_agent_goes_on_from_what_was_really_written(seed: int) -> None:
    agent = untrained(seed=seed)
    force = torch.tensor([[-1, agent.world.vocabulary.id("ADD")]])
    explanation = inwit.explain(agent, TASK, force={1: "ADD"})
    rollout = collect(agent.world, agent.policy, agent.world.task(TASK), hooks=Hooks(force=force))
    live = rollout.live[0]
    assert explanation.program == agent.world.vocabulary.decode(rollout.tokens[0, live].tolist())
    assert explanation.program[1] == "ADD"
    assert [choice.forced for choice in explanation.choices] == [step == 1 for step in range(len(explanation.choices))]
    episode = inwit.play("tutorial-v1", TASK, explanation.program)
    assert [choice.state for choice in explanation.choices] == episode.states
    assert explanation.derailed is not None
    assert explanation.derailed.own_program == inwit.explain(agent, TASK).program
    assert explanation.derailed.own_success is inwit.explain(agent, TASK).success


def test_beside_a_forced_token_stands_what_the_agent_would_have_written() -> None:
    agent = scripted(*ORACLES)
    explanation = inwit.explain(agent, TASK, force={1: "MUL", 3: agent.world.vocabulary.id("ADD")})
    assert explanation.program == ["MUL", "MUL", "STO", "ADD", "RCL", "SUB", "ANS"]
    assert [choice.alternatives[0][0] for choice in explanation.choices] == ORACLES[2].split()
    assert explanation.derailed is not None
    assert (explanation.derailed.own_program, explanation.derailed.own_success) == (ORACLES[2].split(), True)
    assert (explanation.derailed.within, explanation.derailed.right) == (None, None)
    text = printed(explanation)
    assert "by itself MUL ADD STO MUL RCL SUB ANS      right" in text
    assert "derailed  MUL (MUL) STO (ADD) RCL SUB ANS  wrong" in text
    assert "to go" in text
    plain = json.loads(json.dumps(explanation.to_dict()))
    assert plain["derailed"]["own_program"] == ORACLES[2].split()
    assert [choice["forced"] for choice in plain["choices"]] == [False, True, False, True, False, False, False]


def test_a_right_end_is_found_where_the_world_knows_none() -> None:
    explanation = inwit.explain(scripted(*ORACLES), TASK, force={1: "ADD", 3: "SUB"})
    assert explanation.derailed is not None
    assert explanation.derailed.right is None
    explanation = inwit.explain(scripted(*ORACLES), TASK, force={0: "MUL", 2: "STO"})
    assert explanation.derailed is not None
    assert explanation.derailed.right == ["MUL", "RCL", "SUB", "ANS"]
    assert "right     MUL ADD STO MUL RCL SUB ANS  a shortest one, 4 to go" in printed(explanation).replace(
        "(", ""
    ).replace(")", "")
    last = inwit.explain(scripted(*ORACLES), TASK, force={6: "ANS"}).derailed
    assert last is not None
    assert last.right == []
    unsearched = inwit.explain(scripted(*ORACLES), TASK, force={2: "STO"}, seconds=0).derailed
    assert unsearched is not None
    assert unsearched.right is None


def test_without_force_nothing_is_said_of_it() -> None:
    explanation = inwit.explain(scripted(*ORACLES), TASK, force={})
    assert explanation.derailed is None
    assert "step" not in printed(explanation)


ANSWERS: dict[str, Any] = {"world": {"id": "lookup-v0", "num_values": 3}, "training": {"confirm": False}}
TABLE = [1, 0, 2, 2, 2, 0, 0, 1, 2, 1, 1, 1, 2, 0, 0]


def test_in_a_world_that_answers_the_answers_count_as_steps() -> None:
    agent = scripted("F 1 0 ANS 0", **ANSWERS, curriculum={"id": "uniform"})
    task = {"query": "F 1", "table": TABLE}
    explanation = inwit.explain(agent, task, force={0: "G", 3: "ANS"})
    assert [choice.token for choice in explanation.choices] == ["G", "1", "2", "ANS", "0"]
    assert [choice.forced for choice in explanation.choices] == [True, False, False, True, False]
    assert explanation.choices[0].best == ["F"]
    assert "optimum's" in printed(explanation)
    with pytest.raises(UserError, match=r"^force 2=1: the world writes 0 in step 2; force .* steps: 0, 1, 3, 4$"):
        inwit.explain(agent, task, force={2: "1"})
    with pytest.raises(UserError, match=r"not drawn.*--seed 0"):
        inwit.explain(agent, {"query": "F 1"}, force={0: "G"})


RECITED = "LOAD a ADD b MUL c ANS"


def test_what_would_have_been_right_is_a_shortest_right_program() -> None:
    """Every token of `best` and no other leads to an end of that length, and each length is what play needs."""
    explanation = inwit.explain(calculating(RECITED), SUM, force={3: "a"})
    derailed = explanation.derailed
    assert derailed is not None
    assert (explanation.success, derailed.own_success) == (False, True)
    assert derailed.right is not None
    begun = explanation.program[:4]
    assert inwit.play("calculator-v0", SUM, [*begun, *derailed.right]).success
    assert explanation.choices[3].to_go == len(derailed.right) == 7
    assert [choice.best for choice in explanation.choices[:4]] == [["LOAD"], ["a", "b"], ["ADD"], ["b"]]
    assert [choice.to_go for choice in explanation.choices[:3]] == [6, 5, 4]
    assert [choice.cost for choice in explanation.choices[:4]] == [0, 0, 0, 4]
    in_no_time = inwit.explain(calculating(RECITED), SUM, force={3: "a"}, seconds=0)
    assert in_no_time.choices == explanation.choices, "What is known of the way needs no second search."
    assert explanation.choices[-1].lost
    text = " ".join(printed(explanation).split())
    assert "by itself LOAD a ADD b MUL c ANS right derailed LOAD a ADD (a) MUL c ANS wrong" in text
    assert f"right LOAD a ADD (a) {' '.join(derailed.right)} a shortest one, 7 to go (a) = a token" in text
    assert "shortest right to go" in text


def test_a_forced_token_may_leave_nothing_to_be_right() -> None:
    ended = inwit.explain(calculating(RECITED), SUM, force={4: "ANS"})
    assert ended.derailed is not None
    assert (ended.derailed.right, ended.choices[-1].lost, ended.choices[-1].best) == (None, True, ["MUL"])
    assert "no end found" in printed(ended)
    whole = inwit.explain(calculating(RECITED), SUM, force={6: "ANS"})
    assert whole.derailed is not None
    assert (whole.success, whole.derailed.right, whole.choices[-1].to_go) == (True, [], 0)


@pytest.mark.slow
def test_far_ends_are_not_searched() -> None:
    """Nor are they called lost."""
    far: dict[str, Any] = {"expression": "((a+b)*(c-d))+e", "operands": [2, 3, 4, 5, 6]}
    large: dict[str, Any] = {"world": {"id": "calculator-v0", "max_operators": 4}, "curriculum": {"id": "uniform"}}
    agent = scripted(*["LOAD a ADD b STO m0 LOAD c SUB d MUL m0 ADD e ANS"] * 5, **large)
    explanation = inwit.explain(agent, far, force={3: "a"})
    assert explanation.choices[0].to_go == 14
    assert (explanation.choices[3].to_go, explanation.choices[3].within, explanation.choices[3].lost) == (
        None,
        12,
        False,
    )
    assert "> 12" in printed(explanation)


@pytest.mark.parametrize(
    ("program", "most"),
    [
        ("LOAD a ADD b " * 5 + "ANS", 12),
        (f"{RECITED[:-3]}{'STO m0 LOAD m0 ' * 4}ANS", 14),
    ],
    ids=["wrong", "right"],
)
def test_a_long_program_of_ones_own_makes_no_search_endless(
    program: str, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The search goes deeper for a right one alone, and never so deep that a single look takes long."""
    asked: list[int] = []

    class Noted(derailing.RightEnds):
        def shortest(self, state: Any, most: int, token: int | None = None) -> tuple[list[int], int, int]:
            asked.append(most)
            return [], FAR, FAR

    monkeypatch.setattr(derailing, "RightEnds", Noted)
    world = {"id": "calculator-v0", "max_operators": 2, "max_steps": 30}
    agent = scripted(*[program] * 3, world=world, curriculum={"id": "uniform"})
    own = inwit.explain(agent, SUM)
    assert (own.success, len(own.program) > 20) == (most == 14, True)
    explanation = inwit.explain(agent, SUM, force={2: "SUB"})
    assert max(asked) == most
    assert explanation.choices[0].within == most


@pytest.mark.parametrize(
    ("force", "message"),
    [
        ({0: "MULL"}, r"^force 0=MULL: unknown token 'MULL': did you mean 'MUL'\?"),
        ({0: 99}, r"^force 0=99: token id 99 does not exist"),
        ({1: "MUL"}, r"^force 1=MUL: MUL is illegal in step 1; legal there: a, b, c$"),
        ({7: "a"}, r"^force 7=a: the episode has the steps 0 to 6: take one of them$"),
        ({-1: "a"}, r"^force -1=a: the episode has the steps 0 to 6"),
        ({2: "ANS", 4: "ADD"}, r"^force 4=ADD: the episode has the steps 0 to 2"),
        ({1.5: "a"}, r"^force = 1.5 is not a whole number$"),
    ],
)
def test_what_cannot_be_forced_is_refused(force: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        inwit.explain(calculating("LOAD a ADD b MUL c ANS"), SUM, force=force)


@pytest.mark.parametrize("force", ["2=SUB", [(2, "SUB")], 2])
def test_force_is_a_mapping(force: Any) -> None:
    with pytest.raises(UserError, match=r"^force = .* names no steps: give steps with their tokens, as in force="):
        inwit.explain(calculating("LOAD a ADD b MUL c ANS"), SUM, force=force)


def test_the_example_of_the_help_is_legal() -> None:
    """For an agent that writes LOAD x VERB y: a token that stands where another verb may stand."""
    example = main_help().split("--expression '(a+b)*c' --operands 2 3 4 --force ")[1].split()[0]
    step, token = example.split("=")
    forced = {int(step): token}
    explanation = inwit.explain(calculating("LOAD a ADD b MUL c ANS"), SUM, force=forced)
    assert explanation.program[int(step)] == token
    assert "`> 12`" in main_help()


def main_help() -> str:
    assert explain_command.__doc__
    return explain_command.__doc__


def test_the_command_forces_tokens(capsys: pytest.CaptureFixture[str]) -> None:
    inwit.train(small_config(training={"max_updates": 1}), tell=quiet)
    asked = ["explain", "latest", "--stage", "2", "--operands", "5", "5", "7", "9", "8"]
    assert main([*asked, "--force", "0=ADD,1=SUB", "--force", "2=MUL", "--json"]) == 0
    plain = json.loads(capsys.readouterr().out)
    assert plain["program"][:3] == ["ADD", "SUB", "MUL"]
    for force, said in (
        ("MUL", "--force 'MUL' is no step with a token: write it as in --force 2=SUB"),
        (",", "--force ',' names no step: write it as in --force 2=SUB"),
        ("x=MUL", "is no step with a token"),
        ("1=", "is no step with a token"),
        ("1=MUL,1=ADD", "step 1 is forced twice"),
        ("77=MUL", "the episode has the steps 0 to"),
    ):
        assert main([*asked, "--force", force]) == 2
        error = capsys.readouterr().err
        assert said in error
        assert error.count("\n") == 1
