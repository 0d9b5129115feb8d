"""Agents that are no networks: their episodes are run, counted and kept, and nothing is optimised."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
import torch

import inwit
from inwit.core.registry import Entry
from inwit.core.settings import Settings, setting
from inwit.core.types import Memory, Output
from inwit.policies import POLICIES
from inwit.runs import checkpoint
from inwit.runs import loading as runs
from inwit.training.config import resolve
from inwit.training.loop import loop, prepare
from soaking import Cut, cut_at, quiet
from support import whole_lines

RIGHT = ("MUL ADD ANS", "MUL ADD SUB ANS", "MUL ADD STO MUL RCL SUB ANS")
WRONG = ("ADD ANS",) * 3


@dataclass(frozen=True)
class ScriptSettings(Settings):
    right: bool = setting(True, "write the right programs")


class Script:
    """Writes one program for each stage of the tutorial. A plain object: no module, no parameters, no `replay`."""

    Settings = ScriptSettings

    def __init__(self, settings: ScriptSettings, vocabulary_size: int, num_stages: int, generator: Any) -> None:
        names = inwit.make("tutorial-v1").vocabulary
        programs = [names.ids(program.split()) for program in (RIGHT if settings.right else WRONG)]
        self.table = torch.tensor([program + [names.id("ANS")] * (8 - len(program)) for program in programs])
        self.size = vocabulary_size

    def begin(self, prompt: torch.Tensor, prompt_mask: torch.Tensor, stage: torch.Tensor) -> tuple[Output, Memory]:
        return self.answer(stage, torch.zeros_like(stage))

    def step(self, token: torch.Tensor, memory: Memory) -> tuple[Output, Memory]:
        return self.answer(memory["stage"], memory["place"] + 1)

    def answer(self, stage: torch.Tensor, place: torch.Tensor) -> tuple[Output, Memory]:
        logits = torch.nn.functional.one_hot(self.table[stage, place], self.size) * 40.0
        return Output(logits, torch.zeros(len(stage))), {"stage": stage, "place": place}


class Module(Script, torch.nn.Module):
    """The same as a module without parameters."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        torch.nn.Module.__init__(self)
        Script.__init__(self, *arguments, **options)


@pytest.fixture(params=[Script, Module], autouse=True)
def registered(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(POLICIES._entries, "script", Entry(request.param, "a test's"))


def config(learner: dict[str, Any] | None = None, *, right: bool = True, **training: Any) -> Any:
    return resolve(
        "tutorial",
        policy={"id": "script", "right": right},
        learner=learner or {"group_size": 4},
        training={"episodes": 32, "max_updates": 12, "confirm": False, **training},
    )


LEARNERS: list[dict[str, Any]] = [
    {"id": "a2c"},
    {"id": "ppo"},
    {"id": "grpo", "group_size": 4},
    {"id": "oracle_cloning"},
]


@pytest.mark.parametrize("learner", LEARNERS)
def test_its_episodes_are_run_and_nothing_is_optimised(learner: dict[str, Any]) -> None:
    """Whatever the learner, which is not asked; the curriculum sees every outcome."""
    parts = prepare(config(learner, max_updates=2))
    assert parts.optimiser is None
    one, two = loop(parts)
    for update in (one, two):
        assert update.metrics == {}
        assert bool(update.rollout.success.all())
        json.dumps(update.line(), allow_nan=False)
    assert 0 < one.summary()["tokens"] < two.summary()["tokens"], "Each keeps its own count."
    assert float(two.success.min()) > 0.5, "The curriculum has seen what the script can do."
    assert not {"loss", "grad_norm", "entropy"} & set(two.summary())


def test_auxiliaries_have_nobody_to_teach() -> None:
    """On or not: nothing imitates, so nothing is looked for."""
    parts = prepare(resolve(config().to_dict(), rehearsal={"rows": 8}))
    assert parts.auxiliaries == {}
    assert next(loop(parts)).metrics == {}


def test_a_script_that_solves_everything_is_confirmed() -> None:
    *_, last = inwit.updates(config(confirm=True, max_updates=40))
    assert last.solved
    assert last.index < 39


def test_it_is_a_run_like_any_other() -> None:
    told: list[str] = []
    agent = inwit.train(config(max_updates=11), tell=told.append)
    assert told == []
    assert (agent.status, agent.summary["update"]) == ("finished", 11)
    assert agent.path is not None
    assert [line["update"] for line in whole_lines(agent.path / "metrics.jsonl")] == [1, 11]
    [kept] = checkpoint.listed(agent.path)
    assert checkpoint.load(kept).weights == {}
    for loaded in (inwit.load(agent.path), inwit.load(kept)):
        assert loaded.summary["update"] == 11
        problem = loaded.world.task({"stage": 0, "operands": [3, 4, 5]})
        assert bool(inwit.collect(loaded.world, loaded.policy, problem).success)


def test_a_script_that_never_succeeds_is_left_in_peace() -> None:
    """That rewards teach nothing is no news of an agent that does not learn."""
    told: list[str] = []
    inwit.train(config(right=False, max_updates=61), tell=told.append)
    assert told == []


def test_it_goes_on_where_it_was_cut() -> None:
    whole = inwit.train(config(), tell=quiet)
    with pytest.raises(Cut):
        inwit.train(config(checkpoint_every=0.0), callback=cut_at(7), tell=quiet)
    resumed = inwit.resume(runs.find("latest", any_status=True), tell=quiet)
    assert resumed.path != whole.path
    assert resumed.status == "finished"
    known = {name: value for name, value in whole.summary.items() if name != "seconds"}
    assert {name: resumed.summary[name] for name in known} == known
