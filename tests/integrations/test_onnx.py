"""ONNX exports: the same tokens and numbers in onnxruntime. A trained agent's episode: examples/onnx_agent.py."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

import inwit
from inwit import UserError
from inwit.core import settings as inwit_settings
from inwit.core.contracts import Agent
from inwit.core.seeding import stream
from inwit.core.types import Memory, Output
from inwit.integrations import onnx as export
from inwit.policies.replay import replay_by_stepping
from inwit.training.config import Part, resolve
from inwit.training.loop import new_agent
from support import untrained

NEEDED = ("onnxscript", "onnxruntime")
pytestmark = pytest.mark.skipif(not all(map(find_spec, NEEDED)), reason="needs the extra export")


def session(path: Path) -> Any:
    import onnxruntime  # when a test runs: the import takes a second

    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def differences(agent: Agent, path: Path) -> tuple[int, float, int]:
    """Of the step function, on 1,000 states: other likeliest tokens, the largest error, and how many states."""
    step, policy = session(path), export._for_export(agent)
    tokens, error, count = 0, 0.0, 0
    with torch.no_grad():
        for token, memory in export.sampled_states(agent.world, policy, 200, 5)[1]:
            theirs = step.run(None, {"token": token.numpy(), **{name: m.numpy() for name, m in memory.items()}})
            output, after = policy.step(token, memory)
            ours = [part.numpy() for part in (output.logits, output.value, *after.values())]
            tokens += int((theirs[0].argmax(1) != ours[0].argmax(1)).sum())
            error = max(error, *(float(np.abs(a * 1.0 - b * 1.0).max()) for a, b in zip(theirs, ours, strict=True)))
            count += len(token)
    return tokens, error, count


@pytest.mark.slow
@pytest.mark.parametrize("policy_id", ["lstm", "transformer"])  # memoryless: the command's test; GRU: the example
def test_the_step_function_on_a_thousand_states(policy_id: str, tmp_path: Path) -> None:
    agent = untrained(policy={"id": policy_id, "width": 16})
    step, begin = inwit.export_onnx(agent, tmp_path / "new" / "agent.onnx")
    assert (step, begin) == (tmp_path / "new" / "agent.onnx", tmp_path / "new" / "agent.begin.onnx")
    tokens, error, count = differences(agent, step)
    assert (tokens, count) == (0, 1000)
    assert error < 1e-4
    about = json.loads(session(step).get_modelmeta().custom_metadata_map["inwit"])
    assert about["vocabulary"] == list(agent.world.vocabulary.names)
    assert (about["world"]["id"], about["function"]) == ("tutorial-v1", "step")


def test_the_states_of_a_world_that_answers_have_heard_its_answers() -> None:
    """Where the world writes, the check feeds its token, not the policy's."""
    agent = new_agent(resolve("lookup", policy={"width": 4}))
    world: Any = agent.world
    draws = stream(0, "onnx check")
    tasks = world.sample(torch.randint(len(world.kinds), (50,), generator=draws), draws)
    state, answers = world.reset(tasks), 0
    with torch.no_grad():
        for token, _ in export.sampled_states(world, agent.policy, 50, 6)[1]:
            forced, live = world.forced(state), ~state["ended"]
            by_world = live & (forced >= 0)
            assert bool((token[by_world] == forced[by_world]).all())
            legal = world.legal(state).gather(1, token[:, None])[:, 0]
            assert bool(legal[live].all())
            answers += int(by_world.sum())
            state, _ = world.step(state, token)
    assert answers > 20


@pytest.mark.slow
def test_an_agent_of_a_world_that_answers(tmp_path: Path) -> None:
    agent = new_agent(resolve("lookup", policy={"width": 8}))
    step, _ = inwit.export_onnx(agent, tmp_path / "agent.onnx")
    tokens, error, count = differences(agent, step)
    assert (tokens, count) == (0, 1000)
    assert error < 1e-4


@pytest.mark.slow
def test_an_export_that_differs_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check is made against another agent's policy: it must notice, and leave nothing behind."""
    agent, check = untrained(seed=1, policy={"id": "memoryless"}), export._check
    other = untrained(seed=2, policy={"id": "memoryless"}).policy
    monkeypatch.setattr(export, "_check", lambda policy, *rest: check(other, *rest))
    with pytest.raises(UserError, match="the export was not kept"):
        inwit.export_onnx(agent, tmp_path / "agent.onnx")
    assert not list(tmp_path.iterdir())


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write"):
        inwit.export_onnx(untrained(), tmp_path / "file" / "agent.onnx")


class Script:
    """Writes token 0, whatever happens."""

    def begin(self, prompt: torch.Tensor, prompt_mask: torch.Tensor, stage: torch.Tensor) -> tuple[Output, Memory]:
        return Output(torch.zeros(len(stage), 9), torch.zeros(len(stage))), {"stage": stage}

    def step(self, token: torch.Tensor, memory: Memory) -> tuple[Output, Memory]:
        return Output(torch.zeros(len(token), 9), torch.zeros(len(token))), memory


class Empty(Script, torch.nn.Module):
    """A network without parameters."""


@pytest.mark.parametrize("change", [{"policy": Script()}, {"policy": Empty()}, {"config": None}])
def test_an_agent_without_a_network_is_refused(change: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no network to export") as refused:
        inwit.export_onnx(replace(untrained(), **change), tmp_path / "agent.onnx")
    assert "\n" not in str(refused.value)
    assert not list(tmp_path.iterdir())


class Bigram(torch.nn.Module):
    """Looks at the last token only, and at the memory that a subclass gives it."""

    class Settings(inwit_settings.Settings): ...

    replay = replay_by_stepping

    def __init__(self, settings: Settings, *, vocabulary_size: int, num_stages: int, generator: torch.Generator):
        super().__init__()
        self.settings = settings
        self.table = torch.nn.Parameter(torch.zeros(vocabulary_size, vocabulary_size + 1))

    def first(self, stage: torch.Tensor) -> Memory:
        return {}

    def begin(self, prompt: torch.Tensor, mask: torch.Tensor, stage: torch.Tensor) -> tuple[Output, Memory]:
        return self.step(prompt[:, -1], self.first(stage))

    def step(self, token: torch.Tensor, memory: Memory) -> tuple[Output, Memory]:
        row = self.table[token] + sum(each[:, None] for each in memory.values())
        return Output(row[..., :-1], row[..., -1]), {name: each + 1 for name, each in memory.items()}


class Counting(Bigram):
    def first(self, stage: torch.Tensor) -> Memory:
        return {"count": torch.zeros_like(stage), "kept": stage * 1.0}


class Named(Bigram):
    def first(self, stage: torch.Tensor) -> Memory:
        return {"stage": stage}


class Deciding(Bigram):
    def begin(self, prompt: torch.Tensor, mask: torch.Tensor, stage: torch.Tensor) -> tuple[Output, Memory]:
        return self.step(prompt[:, -1 if stage.sum() > 3 else 0], {})


def from_outside(policy: type[Bigram], name: str) -> Agent:
    world = inwit.make("tutorial-v1")
    sizes = {"vocabulary_size": len(world.vocabulary), "num_stages": 3}
    made = policy(Bigram.Settings(), **sizes, generator=torch.Generator())
    config = untrained().config
    return replace(untrained(), policy=made, config=replace(config, policy=Part(name, Bigram.Settings())))


@pytest.mark.slow
@pytest.mark.parametrize("policy", [Bigram, Counting])
def test_a_policy_from_outside(policy: type[Bigram], tmp_path: Path) -> None:
    """One without a memory, and one whose memory is a vector of whole numbers."""
    step, _ = inwit.export_onnx(from_outside(policy, "outside"), tmp_path / "agent.onnx")
    assert step.is_file()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("policy", "said"),
    [(Named, "the memory has a tensor 'stage'"), (Deciding, "the policy outside cannot be exported")],
)
def test_a_policy_that_cannot_be_exported(policy: type[Bigram], said: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=said) as refused:
        inwit.export_onnx(from_outside(policy, "outside"), tmp_path / "agent.onnx")
    assert "\n" not in str(refused.value)
    assert not list(tmp_path.iterdir())


def test_a_pipe_is_no_place_for_a_file(tmp_path: Path) -> None:
    """Nor is a device: writing a file in its place would remove it."""
    pipe = tmp_path / "agent.onnx"
    os.mkfifo(pipe)
    with pytest.raises(UserError, match="it is a device or a pipe"):
        inwit.export_onnx(untrained(), pipe)
    assert pipe.is_fifo()


def test_an_error_of_the_tracing_is_not_one_of_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*arguments: object, **more: object) -> None:
        raise OSError("could not get source code")

    with monkeypatch.context() as patch:
        patch.setattr(torch.onnx, "export", failing)
        with pytest.raises(OSError, match=r"^could not get source code$"):
            inwit.export_onnx(untrained(), tmp_path / "agent.onnx")


def test_a_model_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(file: Path) -> None:
        raise OSError(28, "No space left on device")

    program = SimpleNamespace(model=SimpleNamespace(metadata_props={}), save=full)
    with monkeypatch.context() as patch:
        patch.setattr(torch.onnx, "export", lambda *arguments, **more: program)
        with pytest.raises(UserError, match=r"cannot write .*step\.onnx: No space left on device"):
            inwit.export_onnx(untrained(), tmp_path / "agent.onnx")
