"""The loop: reproducible, interruptible, and without traces where it fails."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch

import inwit
from faults import FaultyDisk, disk
from inwit.core.errors import UserError
from inwit.runs import checkpoint
from inwit.training.curricula import Outcomes
from inwit.training.loop import loop, optimise, prepare
from support import python, small_config

FINGERPRINT = """
import json, sys, torch
import inwit
torch.manual_seed(1)  # the global seed must not matter
for update in inwit.updates(json.loads(sys.argv[1])):
    pass
print(*(p.detach().numpy().tobytes().hex() for p in update.agent.policy.parameters()))
"""


def weights(config: Any) -> torch.Tensor:
    *_, last = inwit.updates(config)
    return torch.cat([parameter.detach().flatten() for parameter in last.agent.policy.parameters()])


@pytest.mark.slow
def test_one_seed_one_outcome_in_any_process() -> None:
    """Bit-identical weights here and in a process of its own."""
    config = small_config(seed=3)
    done = python(FINGERPRINT, json.dumps(config.to_dict()))
    assert done.returncode == 0, done.stderr
    assert bytes.fromhex(done.stdout.replace(" ", "")) == weights(config).numpy().tobytes()


def test_one_seed_one_outcome() -> None:
    assert torch.equal(weights(small_config(seed=3)), weights(small_config(seed=3)))
    assert not torch.equal(weights(small_config(seed=3)), weights(small_config(seed=4)))


def test_the_published_loss_is_refused_in_a_world_that_answers() -> None:
    answers: dict[str, Any] = {"world": {"id": "lookup-v0"}, "training": {"confirm": False}}
    with pytest.raises(UserError, match=r"lookup-v0 writes some itself.*learner\.credit = per-step") as refused:
        inwit.updates(small_config(learner={"id": "a2c", "credit": "whole-sequence"}, **answers))
    assert "\n" not in str(refused.value)
    assert next(inwit.updates(small_config(learner={"id": "a2c", "credit": "per-step"}, **answers))).index == 0


def test_updates_counts_what_it_spends() -> None:
    config = small_config(training={"episodes": 32, "max_updates": 4, "confirm": False})
    tokens = positions = 0
    for index, update in enumerate(inwit.updates(config)):
        rollout = update.rollout
        tokens += int((rollout.live & rollout.chosen).sum())
        positions += int(rollout.prompt_mask.sum()) + int(rollout.live.sum())
        summary = update.summary()
        assert update.index == index
        assert summary["update"] == index + 1
        assert len(rollout.tokens) == 32
        assert summary["episodes"] == 32 * (index + 1)
        assert (summary["tokens"], summary["positions"]) == (tokens, positions)
        assert (summary["confirmations"], summary["solved"]) == (0, None)
        assert {"loss", "grad_norm", "entropy"} <= set(summary)
        assert len(summary["success"]) == 3
        json.dumps(summary)
    assert index == 3


def test_every_update_moves_the_weights() -> None:
    config = small_config(training={"max_updates": 3})
    seen = []
    for update in inwit.updates(config):
        seen.append(torch.cat([p.detach().flatten().clone() for p in update.agent.policy.parameters()]))
    assert not torch.equal(seen[0], seen[1])
    assert not torch.equal(seen[1], seen[2])


def test_no_learning_rate_no_movement() -> None:
    config = small_config(training={"learning_rate": 0, "max_updates": 2})
    first, last = inwit.updates(config)
    before = inwit.training.loop.new_agent(config)
    for one, two in zip(before.policy.parameters(), last.agent.policy.parameters(), strict=True):
        assert torch.equal(one, two)
    assert first.agent is last.agent


@pytest.mark.parametrize("last_rate", [1.0, 0.25, 0.0])
def test_the_learning_rate_falls_in_a_straight_line(last_rate: float) -> None:
    """By the same amount every update, down to its last share at `max_updates`."""
    settings = {"learning_rate": 0.01, "last_rate": last_rate, "max_updates": 5, "confirm": False}
    parts = prepare(small_config(training=settings))
    rates = [parts.optimiser.param_groups[0]["lr"] for _ in loop(parts)]
    assert rates == pytest.approx([0.01 * ((5 - index) + index * last_rate) / 5 for index in range(5)], abs=1e-12)


@pytest.mark.parametrize("last_entropy", [1.0, 0.25, 0.0])
def test_the_entropy_bonus_falls_in_a_straight_line(last_entropy: float) -> None:
    settings = {"last_entropy": last_entropy, "max_updates": 4, "confirm": False}
    parts = prepare(small_config(training=settings))
    shares = [parts.learner.entropy_share for _ in loop(parts)]
    assert shares == pytest.approx([((4 - index) + index * last_entropy) / 4 for index in range(4)], abs=1e-12)


def test_detours_fall_with_the_entropy_bonus() -> None:
    settings = {"episodes": 400, "last_entropy": 0.0, "max_updates": 4, "confirm": False}
    world, learner = {"id": "lookup-v0"}, {"id": "a2c", "detours": 1.0}
    shares = []
    for update in inwit.updates(small_config(world=world, learner=learner, training=settings)):
        rollout = update.rollout
        assert rollout.detour is not None
        long = (rollout.live & rollout.chosen).sum(1) >= 5  # the last place that a detour can begin at
        shares.append(float(rollout.detour.any(1)[long].float().mean()))
    assert shares == pytest.approx([1.0, 0.75, 0.5, 0.25], abs=0.1)


def test_a_learner_without_an_entropy_bonus_has_none_to_let_fall() -> None:
    with pytest.raises(UserError, match=r"training\.last_entropy = 0\.5: the learner oracle_cloning"):
        small_config(learner={"id": "oracle_cloning"}, training={"last_entropy": 0.5})


def test_a_confirmation_ends_the_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the greedy agent solves everything; tries are `confirm_every` updates apart and none are made before
    every kind's running success is above `confirm_at`."""
    asked: list[int] = []

    def solves(agent: Any) -> bool:
        asked.append(1)
        return len(asked) == 4

    monkeypatch.setattr("inwit.training.loop.solves_all", solves)
    settings = {"max_updates": 20, "confirm_at": 0.0, "confirm_every": 4}
    monkeypatch.setattr("inwit.training.loop._promising", lambda curriculum, level: True)
    found = [update.solved for update in inwit.updates(small_config(training=settings))]
    assert [index for index, solved in enumerate(found) if solved is not None] == [0, 4, 8, 12]
    assert found[-1] is True
    assert len(found) == 13, "A training that has solved everything ends."


def test_no_confirmation_before_it_is_promising() -> None:
    settings = {"max_updates": 4, "confirm_at": 1.0}
    assert [update.solved for update in inwit.updates(small_config(training=settings))] == [None] * 4


def test_every_kind_must_be_promising() -> None:
    """Success in one stage alone is no reason to try all problems."""
    only_stage_0 = {"id": "schedule", "stages": [0]}
    settings = {"episodes": 64, "max_updates": 6, "confirm_at": 0.000001}
    made = list(inwit.updates(small_config(curriculum=only_stage_0, training=settings)))
    assert float(made[-1].success[0]) > 0, "Stage 0 must have successes, or the test proves nothing."
    assert made[-1].success[1:].tolist() == [0, 0]
    assert [update.solved for update in made] == [None] * 6


def test_what_may_not_be_trained_on_need_not_be_promising(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a stage that is all test set, of which no success is ever seen, a training is confirmed all the same."""
    monkeypatch.setattr("inwit.training.loop.solves_all", lambda agent: True)
    world = {"max_operators": 2, "split": "longest"}
    small: dict[str, Any] = {"policy": {"width": 8}, "hindsight": {"rows": 64, "babble": 256}}
    training = {"episodes": 256, "max_updates": 40, "confirm_at": 0.01, "confirm_every": 1}
    *_, last = inwit.updates("calculator", world=world, training=training, **small)
    assert last.solved, "Nothing was confirmed, although every kind that is trained on has successes."
    assert bool(last.success[-1].isnan()), "What is never tried has no success, not one of 0."


def test_the_curriculum_sees_every_outcome() -> None:
    config = small_config(curriculum={"id": "learnability", "memory": 100.0}, training={"max_updates": 5})
    expected = Outcomes(inwit.make("tutorial-v1").kinds, memory=100.0)
    for update in inwit.updates(config):
        expected.observe(update.rollout.tasks.kind, update.rollout.success)
        assert update.success.tolist() == pytest.approx(expected.rate.tolist())
    assert max(expected.rate.tolist()) > 0


@pytest.mark.parametrize(("limit", "moved"), [(0.5, 0.5), (10.0, 5.0)])
def test_gradients_are_clipped(limit: float, moved: float) -> None:
    """A gradient of norm 5 under plain descent with rate 1; what is reported is the norm before clipping."""
    layer = torch.nn.Linear(2, 1, bias=False)
    before = layer.weight.detach().clone()
    loss = layer(torch.tensor([[3.0, 4.0]])).sum()
    metrics = optimise(layer, torch.optim.SGD(layer.parameters(), lr=1.0), loss, limit)
    assert float((layer.weight.detach() - before).norm()) == pytest.approx(moved, abs=1e-4)
    assert float(metrics["grad_norm"]) == pytest.approx(5.0)
    assert float(metrics["loss"]) == float(loss.detach())


def test_leaving_the_loop_keeps_the_agent() -> None:
    [update] = islice(inwit.updates(small_config(training={"max_updates": 100})), 1)
    assert update.agent.status == "untrained"
    assert update.agent.path is None


def test_a_loop_of_ones_own_writes_nothing(runs: Path) -> None:
    for _ in inwit.updates(small_config()):
        pass
    assert not runs.exists()


def test_train_leaves_globals_alone(runs: Path) -> None:
    before, count = torch.get_rng_state(), torch.get_num_threads()
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    torch.set_num_threads(count + 1)  # not what the recipe asks for
    try:
        agent = inwit.train(small_config())
        assert torch.get_num_threads() == count + 1
    finally:
        torch.set_num_threads(count)
    assert torch.equal(torch.get_rng_state(), before)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers
    assert agent.path is not None
    assert agent.path.parent == runs


def test_train_reports_and_keeps_a_run() -> None:
    told: list[int] = []
    agent = inwit.train(small_config(training={"max_updates": 12}), callback=lambda update: told.append(update.index))
    assert told == list(range(12))
    assert agent.status == "finished"
    assert agent.summary["update"] == 12
    lines = [json.loads(line) for line in (agent.path / "metrics.jsonl").read_text().splitlines()]
    assert [line["update"] for line in lines] == [1, 11]
    record = json.loads((agent.path / "run.json").read_text())
    assert (record["status"], record["config"]) == ("finished", agent.config.to_dict())
    assert not list(agent.path.glob("*.partial"))


BAD: list[dict[str, Any]] = [
    {"policy": {"width": 0}},
    {"curriculum": {"id": "schedule", "stages": [3]}},
    {"training": {"device": "cuda:99"}},
    {"training": {"device": "no such device"}},
    {"learner": {"id": "nobody"}},
]


@pytest.mark.parametrize("overrides", BAD)
def test_a_wrong_configuration_leaves_nothing_behind(runs: Path, overrides: dict[str, Any]) -> None:
    with pytest.raises(UserError) as refusal:
        inwit.train("tutorial", **overrides)
    assert "\n" not in str(refusal.value)
    assert not list(runs.glob("*")), f"{overrides} left a folder behind."


def test_a_folder_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path below a regular file cannot be made by anybody, root included."""
    file = tmp_path / "file"
    file.write_text("")
    monkeypatch.setenv("INWIT_RUNS", str(file / "runs"))
    with pytest.raises(UserError, match="INWIT_RUNS"):
        inwit.train(small_config())
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_disk_that_refuses_the_record_leaves_nothing_behind(runs: Path) -> None:
    with disk(FaultyDisk(1, errno.ENOSPC, stays=True)), pytest.raises(UserError, match="No space left"):
        inwit.train(small_config())
    assert not list(runs.glob("*"))


def test_an_error_of_the_report_keeps_what_was_trained() -> None:
    def fail(update: Any) -> None:
        if update.index == 2:
            raise RuntimeError("the report failed")

    with pytest.raises(RuntimeError, match="the report failed"):
        inwit.train(small_config(training={"max_updates": 9}), callback=fail)
    agent = inwit.load()
    assert (agent.status, agent.summary["update"]) == ("interrupted", 3)


def test_an_error_before_the_first_update_leaves_nothing_behind(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: Any, **options: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("inwit.training.loop.collect", fail)
    with pytest.raises(KeyboardInterrupt):
        inwit.train(small_config())
    assert not list(runs.glob("*"))


def test_a_checkpoint_that_cannot_be_saved_leaves_nothing_behind(runs: Path) -> None:
    def fill(update: Any) -> None:
        full.kth = full.calls + 1

    full = FaultyDisk(error=errno.ENOSPC, stays=True)
    with disk(full), pytest.raises(UserError, match="No space left"):
        inwit.train(small_config(), callback=fill)
    assert not list(runs.glob("*"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_after_the_update_at_hand(number: int) -> None:
    def interrupt(update: Any) -> None:
        if update.index == 2:
            os.kill(os.getpid(), number)

    agent = inwit.train(small_config(training={"max_updates": 1000}), callback=interrupt)
    assert agent.status == "interrupted"
    assert agent.summary["update"] in (3, 4)
    assert inwit.load().status == "interrupted"
    assert inwit.load().path == agent.path


def test_a_second_interrupt_leaves_at_once() -> None:
    """In the middle of what it is doing; what was trained before is kept."""

    def interrupt(update: Any) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(5)
        raise AssertionError("The second interrupt was not heard.")

    # A job in the background of a shell starts with Ctrl-C ignored; this test is about one that is not.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            inwit.train(small_config(training={"max_updates": 1000}), callback=interrupt)
    finally:
        signal.signal(signal.SIGINT, before)
    assert (inwit.load().status, inwit.load().summary["update"]) == ("interrupted", 1)


MAIN = "import sys; from inwit.commands.cli import main; raise SystemExit(main(sys.argv[1:]))"


def wait_for(condition: Any, process: subprocess.Popen[str], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "The training did not get under way."
        time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_on_the_command_line(runs: Path, number: int, status: int) -> None:
    """Within two seconds a checkpoint is on disk; the command says how to go on, and exits as the shell expects."""
    flags = ["--policy.width", "4", "--training.episodes", "32", "--training.max_updates", "1000000"]
    flags += ["--training.confirm", "false", "--training.learning_rate", "0", "--world.max_steps", "3"]
    process = subprocess.Popen(
        [sys.executable, "-c", MAIN, "train", *flags], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        wait_for(lambda: list(runs.glob("*/metrics.jsonl")), process)
        [running] = runs.iterdir()
        with pytest.raises(UserError, match="not complete"):
            inwit.load(running)
        with pytest.raises(UserError, match="being trained by another process"):
            inwit.resume(running)
        asked = time.time()
        process.send_signal(number)
        output, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == status, errors
    assert "Traceback" not in errors
    assert f"go on with: inwit train --resume {running}" in output
    [kept] = checkpoint.listed(running)
    assert (kept / "manifest.json").stat().st_mtime - asked < 2
    agent = inwit.load("latest")
    assert (agent.status, agent.path) == ("interrupted", running)
    assert agent.summary["update"] == int(kept.name)
    assert inwit.explain(agent, {"stage": 0, "operands": [1, 2, 3]}).choices
    resumed = inwit.resume(running, training={"max_updates": int(kept.name) + 5})
    assert (resumed.status, resumed.summary["update"]) == ("finished", int(kept.name) + 5)
