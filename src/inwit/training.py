"""The loop: sample, collect, losses, optimise. Everything else here is starting, stopping and telling."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from inwit import runs, worlds
from inwit.config import Config, resolve
from inwit.curriculum import CURRICULA
from inwit.devices import usable_device
from inwit.evaluation import solves_all
from inwit.errors import UserError
from inwit.learners import LEARNERS
from inwit.learners.hindsight import Hindsight
from inwit.policies import make_policy
from inwit.rollout import babble, collect
from inwit.seeding import stream
from inwit.types import Agent, Rollout


@dataclass(frozen=True)
class Totals:
    """What a training has cost since its start. Tensors stay on the device until somebody reads them."""

    episodes: int
    tokens: Tensor  # chosen by the policy before their episode's end
    positions: Tensor  # read or written by the policy: prompts, and live tokens
    seconds: float  # without imports, with confirmations
    confirmations: int


@dataclass(frozen=True)
class Update:
    """One turn of the loop."""

    index: int
    agent: Agent
    rollout: Rollout
    metrics: dict[str, Tensor]  # the learner's, and grad_norm
    success: Float[Tensor, " K"]  # running success of each kind, as sampled
    totals: Totals
    solved: bool | None  # what a confirmation found in this update; None if there was none

    def summary(self) -> dict[str, Any]:
        """Plain numbers, read back from the device."""
        return {
            "update": self.index + 1,
            "seconds": round(self.totals.seconds, 3),
            "episodes": self.totals.episodes,
            "tokens": int(self.totals.tokens),
            "positions": int(self.totals.positions),
            "confirmations": self.totals.confirmations,
            "solved": self.solved,
            "success": [round(rate, 4) for rate in self.success.tolist()],
            **{name: float(value) for name, value in self.metrics.items()},
        }


def updates(source: Config | str | Path | Mapping[str, Any] = "tutorial", **overrides: Any) -> Iterator[Update]:
    """Train, yielding after every rollout; ends when all problems are solved or after `training.max_updates`.

    For people with a loop of their own: leave it whenever you like, `update.agent` is the agent so far. Writes nothing
    to disk.
    """
    config = resolve(source, **overrides)
    agent = new_agent(config)
    world, policy, training, device = agent.world, agent.policy, config.training, torch.device(config.training.device)
    learner = LEARNERS.load(config.learner.id)(config.learner.settings)
    curriculum = CURRICULA.load(config.curriculum.id)(config.curriculum.settings, world.kinds, device)
    optimiser = torch.optim.Adam(policy.parameters(), lr=training.learning_rate, fused=True)
    draws = {name: stream(config.seed, name, device) for name in ("kinds", "tasks", "actions", "babble", "imitation")}
    hindsight = _hindsight(config, world, device)
    start, confirmations, next_confirmation = time.perf_counter(), 0, 0
    tokens = positions = torch.zeros((), dtype=torch.int64, device=device)

    for index in range(training.max_updates):
        with threads(training.threads):
            kinds = curriculum.draw(index, training.episodes // learner.group_size, draws["kinds"])
            rollout = collect(
                world,
                policy,
                world.sample(kinds, draws["tasks"]),
                group_size=learner.group_size,
                generator=draws["actions"],
                keep_graph=learner.one_pass,
                after_end=learner.whole_sequence,
                achieved=hindsight is not None,
            )
            if hindsight is not None:
                _feed(hindsight, world, rollout, index, draws["babble"])
            metrics = {}
            for loss, parts in learner.losses(policy, rollout):
                if hindsight is not None:
                    imitation, more = hindsight.loss(policy, curriculum.outcomes.rate, draws["imitation"])
                    loss, parts = loss + imitation, parts | more
                metrics |= parts | optimise(policy, optimiser, loss, training.max_grad_norm)
            curriculum.observe(rollout.tasks.kind, rollout.success)
            tokens = tokens + (rollout.live & rollout.chosen).sum()
            positions = positions + rollout.prompt_mask.sum() + rollout.live.sum()
            solved = None
            if training.confirm and index >= next_confirmation and _promising(curriculum, training.confirm_at):
                solved, confirmations = solves_all(agent), confirmations + 1
                next_confirmation = index + training.confirm_every
        seconds = time.perf_counter() - start
        totals = Totals(training.episodes * (index + 1), tokens, positions, seconds, confirmations)
        yield Update(index, agent, rollout, metrics, curriculum.outcomes.rate, totals, solved)
        if solved:
            return


def _hindsight(config: Config, world: Any, device: torch.device) -> Hindsight | None:
    if not config.hindsight.rows:
        return None
    if "achieved" not in world.capabilities:
        raise UserError(
            f"hindsight.rows = {config.hindsight.rows}: {world.id} cannot tell what a program achieved; use 0"
        )
    return Hindsight(config.hindsight, world.lessons(device))


def _feed(hindsight: Hindsight, world: Any, rollout: Rollout, index: int, generator: torch.Generator) -> None:
    """Give the store the policy's own programs, and random ones run in the world alone."""
    assert rollout.achieved is not None
    hindsight.observe(rollout.tokens, rollout.achieved)
    if hindsight.settings.babble and index < hindsight.settings.babble_updates:
        kinds = torch.randint(
            len(world.kinds), (hindsight.settings.babble,), generator=generator, device=generator.device
        )
        hindsight.observe(*babble(world, world.sample(kinds, generator), generator))


def optimise(
    policy: torch.nn.Module, optimiser: torch.optim.Optimizer, loss: Tensor, max_grad_norm: float
) -> dict[str, Tensor]:
    """One step of the optimiser: backward, clip, step."""
    optimiser.zero_grad()
    loss.backward()
    grad_norm = torch.nn.utils.clip_grad_norm_(policy.parameters(), max_grad_norm)
    optimiser.step()
    return {"loss": loss.detach(), "grad_norm": grad_norm}


def new_agent(config: Config) -> Agent:
    """An untrained agent. Raises `UserError` for a device that this machine does not have."""
    device = usable_device(config.training.device)
    world = worlds.make(config.world.id, **config.world.settings.to_dict())
    generator = stream(config.seed, "weights", device)
    return Agent(world, make_policy(config.policy.id, config.policy.settings, world, generator), config)


def train(
    source: Config | str | Path | Mapping[str, Any] = "tutorial",
    *,
    report: Callable[[Update], None] | None = None,
    **overrides: Any,
) -> Agent:
    """Train to the end and keep the result as a run; returns the agent, with `path`, `status` and `summary`.

    `report` is called after every update. The first Ctrl-C (or SIGTERM) ends the training after the update at hand and
    keeps what was trained as an interrupted run; so does an exception out of `report`, which is then raised. Raises
    `UserError` before anything is written if the configuration is wrong.
    """
    config = resolve(source, **overrides)
    new_agent(config)  # whatever is wrong with it shows before a folder is made
    path, last = runs.create(config), None
    with _interruption() as asked:
        try:
            for update in updates(config):
                last = update
                if update.index % 10 == 0 or update.solved is not None:
                    runs.append_metrics(path, update.summary())
                if report is not None:
                    report(update)
                if asked:
                    break
        except BaseException:
            if last is None:
                runs.discard(path)
            else:
                _keep(last, path, "interrupted")
            raise
        assert last is not None
        return _keep(last, path, "interrupted" if asked and not last.solved else "finished")


def _keep(last: Update, path: Path, status: str) -> Agent:
    """Save what was trained up to the last update; if that fails, nothing half-made stays behind."""
    agent = last.agent
    agent.path, agent.status, agent.summary = path, status, last.summary()
    try:
        runs.finish(agent)
    except BaseException:
        runs.discard(path)
        raise
    return agent


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Run with this many PyTorch threads and set the number back afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _promising(curriculum: Any, level: float) -> bool:
    return bool((curriculum.outcomes.rate >= level).all())


@contextmanager
def _interruption() -> Iterator[list[int]]:
    """A list that receives the number of the first SIGINT or SIGTERM; the second acts as if nobody had listened."""
    asked: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def note(number: int, frame: Any) -> None:
        asked.append(number)
        restore()

    for number in before:
        signal.signal(number, note)
    try:
        yield asked
    finally:
        restore()
