"""A closer look at agents of every sort of world: how much is asked, and what is said of it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch

from calculating import calculator_agent
from inwit.core.contracts import Agent
from inwit.evaluation import exact
from inwit.report import closeup
from inwit.report.select import Run
from inwit.runs.folder import Record
from support import make_world, untrained

NOWHERE = Run(Record(Path("x"), "finished", {}, {}, {}), [], [])
MAX: dict[str, Any] = {"world": {"tools": ["ADD", "MAX"]}, "hindsight": {"rows": 0}, "training": {"confirm": False}}


@pytest.mark.parametrize("world", ["tutorial-v1", "calculator-v0"])
def test_512_problems_of_each_stage_are_asked_not_of_each_kind(world: str) -> None:
    made = make_world(world)
    few = closeup._Few(made)
    (tasks,) = few.tasks(range(len(made.kinds)), "cpu")
    stages = Counter(torch.tensor(made.kinds.stages)[tasks.kind].tolist())
    assert stages == dict.fromkeys(set(made.kinds.stages), closeup.ROWS)
    assert few.questions == len(tasks)
    asked, kinds = Counter(tasks.kind.tolist()), Counter(made.kinds.stages)
    for kind, stage in enumerate(made.kinds.stages):
        assert abs(asked[kind] - closeup.ROWS / kinds[stage]) < 1, "A kind is asked more often than another."


def test_a_stage_with_more_kinds_than_are_asked() -> None:
    made = make_world("calculator-v0", tools=["ADD", "SUB", "MUL"], max_operators=4)
    few = closeup._Few(made)
    assert sum(few.each[kind] for kind, stage in enumerate(made.kinds.stages) if stage == 4) == closeup.ROWS
    assert max(few.each[kind] for kind, stage in enumerate(made.kinds.stages) if stage == 4) == 1


def look(agent: Agent) -> closeup.CloseUp:
    return closeup._look(agent, NOWHERE, 2)


def test_a_world_whose_exam_decides_tells_of_its_kinds() -> None:
    agent = calculator_agent(world={"max_operators": 2})
    seen = look(agent)
    assert [kind.name for kind in seen.kinds] == list(agent.world.kinds.names)
    assert {kind.shortest for kind in seen.kinds if kind.stage == 1} == {5}
    assert len(seen.episodes) == 4


def test_letters_that_vary_make_one_kind_of_several_questions() -> None:
    """A kind is solved if it is under all letters; too many questions are not asked, and then nothing is claimed."""
    agent = calculator_agent(world={"max_operators": 2, "names": "any", "letters": 4})
    assert len(look(agent).kinds) == 21
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(closeup, "LISTED", 10)
        assert look(agent).kinds == []


@pytest.mark.parametrize("agent", [untrained(), calculator_agent(**MAX)], ids=["listed", "sampled"])
def test_other_worlds_tell_of_no_kinds(agent: Agent) -> None:
    seen = look(agent)
    assert seen.kinds == []
    assert set(seen.tools) == {str(stage) for stage in agent.world.kinds.stages}
    assert len(seen.episodes) == 2 * len(seen.tools)


def test_only_chosen_tokens_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a world that writes in between, what the world wrote is no tool of the agent's."""
    agent, whole = untrained(), exact.collect

    def forced(*arguments: Any, **more: Any) -> Any:
        rollout = whole(*arguments, **more)
        rollout.chosen[:, 1] = False
        return rollout

    before = sum(sum(uses.values()) for uses in look(agent).tools.values())
    monkeypatch.setattr(exact, "collect", forced)
    after = sum(sum(uses.values()) for uses in look(agent).tools.values())
    assert after == pytest.approx(before - 3), "One token of each episode of the three stages was the world's."


def test_a_world_that_answers_is_looked_at_with_what_is_hidden_drawn() -> None:
    """Tokens of chosen ones alone are counted, explanations have the world's answers."""
    agent = untrained(world={"id": "lookup-v0"}, training={"confirm": False})
    look = closeup._look(agent, NOWHERE, 2)
    assert set(look.tools) == {"0", "1", "2", "3"}
    assert not any("ERR" in uses for uses in look.tools.values())
    assert look.kinds == []
    assert len(look.episodes) >= 4
    assert all(episode.task["table"] for episode in look.episodes)
    assert any(not choice.chosen for episode in look.episodes for choice in episode.choices)
