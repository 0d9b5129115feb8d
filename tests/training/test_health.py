"""What is said of a training that does not learn, and what stops one that has lost its numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

import inwit
from inwit.core.errors import UserError
from inwit.core.types import Kinds
from inwit.learners.auxiliary import AUXILIARIES
from inwit.runs import checkpoint
from inwit.training.config import resolve
from inwit.training.health import PATIENCE, Watch, check
from soaking import quiet, refusal
from support import small_config, whole_lines

KINDS = Kinds(("x", "y", "z"), (0, 1, 2), (0, 0, 0))
EVERYWHERE = torch.ones(3)


def line(**changes: Any) -> dict[str, Any]:
    rates = {"0": 0.5, "1": 0.1, "2": 0.0}
    well = {"update": 1, "entropy": 1.0, "loss": 1.0, "signal": 1.0, "reward": 0.5, "success": rates}
    return well | changes


def said(config: Any, lines: list[dict[str, Any]], trials: torch.Tensor = EVERYWHERE) -> list[str]:
    watch = Watch(config, KINDS)
    return [text for each in lines for _, text in watch.look(each, trials)]


def test_a_loss_that_is_lost_stops_the_run(runs: Path) -> None:
    """The batch is kept, the message says what to look at and what to change, older checkpoints are healthy."""
    settings = {"learning_rate": 1e30, "max_updates": 50, "checkpoint_every": 0.0}
    message = refusal(lambda: inwit.train(small_config(training=settings), tell=quiet))
    [path] = runs.iterdir()
    file = path / "unhealthy.safetensors"
    assert str(file) in message
    assert "training.learning_rate (now 1e+30)" in message
    record = json.loads((path / "run.json").read_text())
    assert record["status"] == "failed"
    batch = load_file(file)
    assert {"tokens", "log_probs", "values", "reward", "prompt", "kind", "task/operands"} <= set(batch)
    assert batch["tokens"].shape[0] == 32
    for kept in checkpoint.listed(path):
        assert all(tensor.isfinite().all() for tensor in checkpoint.load(kept).weights.values())
    with pytest.raises(UserError, match="its training failed"):
        inwit.load(path)


@pytest.mark.parametrize(
    ("name", "value", "phrase"),
    [("loss", float("nan"), "the loss is nan"), ("grad_norm", float("inf"), "the gradient's norm is inf")],
)
def test_what_is_lost_is_named(name: str, value: float, phrase: str) -> None:
    [update] = list(inwit.updates(small_config(training={"max_updates": 1})))
    update.metrics[name] = torch.tensor(value)
    with pytest.raises(UserError, match=f"{phrase} at update 1; try a smaller training.learning_rate"):
        check(update)


def test_a_parameter_that_is_lost() -> None:
    """Even one that this update's loss did not touch."""
    [update] = list(inwit.updates(small_config(training={"max_updates": 1})))
    next(update.agent.policy.parameters()).data.view(-1)[0] = float("inf")
    with pytest.raises(UserError, match="a parameter of the policy is inf at update 1"):
        check(update)


def test_a_healthy_training_is_left_in_peace() -> None:
    assert said(resolve("tutorial"), [line(update=10 * index) for index in range(100)]) == []


def test_an_entropy_collapse_is_said_once() -> None:
    low = line(entropy=0.001)
    assert said(resolve("tutorial"), [low] * (PATIENCE - 1)) == []
    [text] = said(resolve("tutorial"), [low] * 50)
    assert text.startswith("entropy collapse")
    assert "learner.entropy (now 0.1)" in text
    assert said(resolve("tutorial"), [low, low, low, low, line()] * 9) == [], "Five in a row, not five in all."
    solved = line(entropy=0.001, success={"0": 1.0, "1": 1.0, "2": 0.9})
    assert said(resolve("tutorial"), [solved] * 50) == [], "Who solves everything may be certain."


@pytest.mark.parametrize(
    "success",
    [
        {"1": 1.0, "2": 1.0, "3": 1.0, "4": None},
        {"1": None, "2": 0.95, "3": 1.0, "4": None},
        {"0": None},  # a curriculum of somebody else's may know nothing at all
    ],
)
def test_a_stage_that_is_nothing_but_test_set_is_no_failure(success: dict[str, float | None]) -> None:
    """An agent that solves all that it may train on may be certain, and needs no signal."""
    perfect = line(entropy=0.001, signal=0.0, success=success)
    assert said(resolve("tutorial"), [perfect] * 50) == []
    failing = line(entropy=0.001, success=success | {"2": 0.1})
    [text] = said(resolve("tutorial"), [failing] * 50)
    assert text.startswith("entropy collapse"), "The stages that are trained on still count."


def test_the_rates_that_are_said_are_those_that_there_are() -> None:
    config = resolve("tutorial", curriculum={"id": "gated"}, training={"max_updates": 2000})
    rates = {"0": 0.5, "1": None, "2": 0.0}
    [text] = said(config, [line(update=300, success=rates)], torch.tensor([5.0, 0.0, 0.0]))
    assert "(success: 50 % in stage 0, 0 % in stage 2)" in text


def test_no_signal_is_said_once() -> None:
    [text] = said(resolve("tutorial"), [line(signal=0.0, reward=0.0)] * 50)
    assert text.startswith("no learning signal")
    assert "learner.group_size (now 16)" in text
    for name in AUXILIARIES.names():
        taught = resolve("tutorial", **{name: {"rows": 8}})
        assert said(taught, [line(signal=0.0)] * 50) == [], f"{name} teaches without rewards."
    unlearning = line(signal=0.0)
    del unlearning["loss"]
    assert said(resolve("tutorial"), [unlearning] * 50) == [], "An agent without parameters needs no signal."


def test_a_stage_that_never_opens_is_said_once() -> None:
    config = resolve("tutorial", curriculum={"id": "gated", "mastered": 0.9}, training={"max_updates": 2000})
    lines = [line(update=update) for update in range(1, 400, 10)]
    [text] = said(config, lines, torch.tensor([5.0, 0.0, 0.0]))
    assert "stage 1 has not opened in 201 updates" in text
    assert "curriculum.mastered (now 0.9)" in text
    config = resolve("tutorial", curriculum={"id": "schedule", "stages": [0, 1]}, training={"max_updates": 2000})
    [text] = said(config, lines, torch.tensor([5.0, 3.0, 0.0]))
    assert "stage 2" in text
    assert "curriculum.stages (now (0, 1))" in text


def test_a_stage_of_the_test_set_need_not_open() -> None:
    watch = Watch(resolve("tutorial"), Kinds(("x", "y"), (0, 1), (0, 0), held_out=(1,)))
    assert watch.look(line(update=3000, success={"0": 0.5}), torch.tensor([5.0, 0.0])) == []


def test_it_is_said_while_training_and_kept() -> None:
    """GRPO with one token an episode: no group can differ."""
    told: list[str] = []
    config = small_config(
        world={"max_steps": 1},
        learner={"id": "grpo", "group_size": 4},
        training={"confirm": False, "max_updates": 10 * PATIENCE},
    )
    agent = inwit.train(config, tell=told.append)
    [text] = told
    assert text.startswith("no learning signal: in 5 reports in a row")
    assert agent.path is not None
    [event] = whole_lines(agent.path / "events.jsonl")
    assert (event["update"], event["event"], event["text"]) == (10 * PATIENCE - 9, "no signal", text)


def test_what_was_said_is_not_said_again_after_a_resumption() -> None:
    watch = Watch(resolve("tutorial"), KINDS)
    for _ in range(PATIENCE - 1):
        watch.look(line(entropy=0.0), EVERYWHERE)
    later = Watch(resolve("tutorial"), KINDS, **json.loads(json.dumps(watch.state())))
    [(name, _)] = later.look(line(entropy=0.0), EVERYWHERE)
    assert name == "entropy collapse"
    last = Watch(resolve("tutorial"), KINDS, **json.loads(json.dumps(later.state())))
    assert [last.look(line(entropy=0.0), EVERYWHERE) for _ in range(9)] == [[]] * 9
