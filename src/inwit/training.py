"""The loop: sample, collect, losses, optimise. Everything else here is starting, stopping and telling."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from inwit import runs, worlds
from inwit.config import Config, resolve
from inwit.curriculum import CURRICULA
from inwit.devices import usable_device
from inwit.errors import UserError
from inwit.evaluation import solves_all
from inwit.learners import LEARNERS
from inwit.learners.hindsight import Hindsight
from inwit.policies import make_policy
from inwit.rehearsal import Rehearsal
from inwit.rollout import babble, collect, refuse_test_set
from inwit.seeding import stream
from inwit.types import Agent, Rollout
from inwit.worlds.oracle_programs import OraclePrograms

STREAMS = ("kinds", "tasks", "actions", "babble", "imitation", "rehearsal")


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
            "success": {str(stage): round(rate, 4) for stage, rate in self._success_per_stage()},
            **{name: float(value) for name, value in self.metrics.items()},
        }

    def _success_per_stage(self) -> list[tuple[int, float]]:
        """The mean over the kinds of each stage."""
        stages = torch.tensor(self.agent.world.kinds.stages, device=self.success.device)
        return [(stage, float(self.success[stages == stage].mean())) for stage in stages.unique().tolist()]


def updates(source: Config | str | Path | Mapping[str, Any] = "tutorial", **overrides: Any) -> Iterator[Update]:
    """Train, yielding after every rollout; ends when all problems are solved or after `training.max_updates`.

    For people with a loop of their own: leave it whenever you like, `update.agent` is the agent so far. Writes nothing
    to disk. Raises `UserError` at once, not at the first update, if the configuration is wrong.
    """
    return _loop(_prepare(resolve(source, **overrides)))


@dataclass(frozen=True)
class _Parts:
    """Everything that a configuration makes."""

    agent: Agent
    learner: Any
    curriculum: Any
    hindsight: Hindsight | None
    rehearsal: Rehearsal | None
    oracle: OraclePrograms | None  # only for a learner that declares that it reads it
    optimiser: torch.optim.Optimizer
    draws: dict[str, torch.Generator]
    device: torch.device


def _prepare(config: Config) -> _Parts:
    agent, device = new_agent(config), torch.device(config.training.device)
    hindsight = _hindsight(config, agent.world, device)
    if config.training.confirm and not {"all_tasks", "identity"} & agent.world.capabilities:
        raise UserError(
            f"{config.world.id} with these settings has no finite test of success: set training.confirm to false"
        )
    learner = LEARNERS.load(config.learner.id)(config.learner.settings)
    return _Parts(
        agent=agent,
        learner=learner,
        curriculum=CURRICULA.load(config.curriculum.id)(config.curriculum.settings, agent.world.kinds, device),
        hindsight=hindsight,
        rehearsal=Rehearsal(config.rehearsal, agent.world, device) if config.rehearsal.rows else None,
        oracle=OraclePrograms(agent.world, device) if learner.reads_oracle else None,
        optimiser=torch.optim.Adam(agent.policy.parameters(), lr=config.training.learning_rate, fused=True),
        draws={name: stream(config.seed, name, device) for name in STREAMS},
        device=device,
    )


def _loop(parts: _Parts) -> Iterator[Update]:
    agent, curriculum, training = parts.agent, parts.curriculum, parts.agent.config.training
    start, confirmations, next_confirmation = time.perf_counter(), 0, 0
    tokens = positions = torch.zeros((), dtype=torch.int64, device=parts.device)
    for index in range(training.max_updates):
        with threads(training.threads):
            rollout = _roll_out(parts, index)
            metrics = {}
            for loss, terms in parts.learner.losses(agent.policy, rollout):
                imitation, more = _imitation(parts)
                step = optimise(agent.policy, parts.optimiser, loss + imitation, training.max_grad_norm)
                metrics |= terms | more | step
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


def _roll_out(parts: _Parts, index: int) -> Rollout:
    """Draw kinds and tasks, and run the policy on them; hindsight looks on."""
    agent, learner, draws = parts.agent, parts.learner, parts.draws
    problems = agent.config.training.episodes // learner.group_size
    kinds = parts.curriculum.draw(index, problems, draws["kinds"])
    refuse_test_set(agent.world, kinds)  # a curriculum of somebody else's may not know of it
    tasks = agent.world.sample(kinds, draws["tasks"])
    rollout = collect(
        agent.world,
        agent.policy,
        tasks,
        group_size=learner.group_size,
        generator=draws["actions"],
        keep_graph=learner.one_pass,
        after_end=learner.whole_sequence,
        leave_early=parts.device.type == "cpu",  # asking costs a wait elsewhere
        achieved=parts.hindsight is not None,
    )
    if parts.hindsight is not None:
        _feed(parts.hindsight, agent.world, rollout, draws["babble"])
    if parts.rehearsal is not None:
        parts.rehearsal.practise(draws["rehearsal"])
    if parts.oracle is not None:
        rollout = replace(rollout, oracle_programs=parts.oracle(tasks))
    return rollout


def _hindsight(config: Config, world: Any, device: torch.device) -> Hindsight | None:
    if not config.hindsight.rows:
        return None
    if "achieved" not in world.capabilities:
        raise UserError(
            f"hindsight.rows = {config.hindsight.rows}: {world.id} cannot tell what a program achieved; use 0"
        )
    return Hindsight(config.hindsight, world, device)


def _feed(hindsight: Hindsight, world: Any, rollout: Rollout, generator: torch.Generator) -> None:
    """Give the store the policy's own programs, and random ones run in the world alone."""
    assert rollout.achieved is not None
    hindsight.observe(world.to_places(rollout.tasks, rollout.tokens), rollout.achieved)
    count = hindsight.settings.babble
    if count:
        chosen = torch.randint(len(hindsight.trained), (count,), generator=generator, device=generator.device)
        tasks = world.sample(hindsight.trained[chosen], generator)
        tokens, achieved = babble(world, tasks, generator, thrifty=hindsight.settings.thrift)
        hindsight.observe(world.to_places(tasks, tokens), achieved)


def _imitation(parts: _Parts) -> tuple[Tensor | float, dict[str, Tensor]]:
    """What hindsight and rehearsal add to a loss, and their metrics."""
    loss, metrics = 0.0, {}
    for part, draws in ((parts.hindsight, "imitation"), (parts.rehearsal, "rehearsal")):
        if part is not None:
            more, terms = part.loss(parts.agent.policy, parts.draws[draws])
            loss, metrics = loss + more, metrics | terms
    return loss, metrics


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
    keeps what was trained as an interrupted run. So do a second one and an exception out of `report`, which are then
    raised. Raises `UserError` before anything is written if the configuration is wrong.
    """
    config = resolve(source, **overrides)
    parts = _prepare(config)  # whatever is wrong with it shows before a folder is made
    path, last = runs.create(config), None
    with _interruption() as asked:
        try:
            for update in _loop(parts):
                last = update
                if update.index % 10 == 0 or update.solved is not None:
                    _note(update, path)
                if report is not None:
                    report(update)
                if asked:
                    break
        except BaseException as error:
            if last is None or isinstance(error, UserError):
                runs.discard(path)
                raise
            _keep(last, path, "interrupted")
            if isinstance(error, KeyboardInterrupt):
                raise KeyboardInterrupt(f"what was trained is kept as {path}") from None
            raise
        assert last is not None
        return _keep(last, path, "interrupted" if asked and not last.solved else "finished")


def _note(update: Update, path: Path) -> None:
    """Append to the run's metrics. Raises `UserError` if the training has lost its numbers."""
    summary = update.summary()
    if not all(isfinite(value) for value in summary.values() if isinstance(value, float)):
        rate = update.agent.config.training.learning_rate
        raise UserError(
            f"the loss or its gradient is not finite at update {summary['update']}: "
            f"try a smaller training.learning_rate (now {rate})"
        )
    runs.append_metrics(path, summary)


def _keep(last: Update, path: Path, status: str) -> Agent:
    """Save what was trained up to the last update, deaf to signals; if it fails, nothing half-made stays behind."""
    agent = last.agent
    agent.path, agent.status, agent.summary = path, status, last.summary()
    with _handlers(signal.SIG_IGN):
        try:
            runs.finish(agent)
        except UserError:
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
    """A list that receives the number of the first SIGINT or SIGTERM; a second one acts as if nobody had listened."""
    asked: list[int] = []

    def note(number: int, frame: Any) -> None:
        asked.append(number)
        for each, handler in before.items():
            signal.signal(each, handler)

    with _handlers(note) as before:
        yield asked


@contextmanager
def _handlers(handler: Any) -> Iterator[dict[signal.Signals, Any]]:
    """Handle SIGINT and SIGTERM by `handler` for a while; gives the handlers that stood before. Main thread only."""
    if threading.current_thread() is not threading.main_thread():
        yield {}
        return
    before = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield before
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)
