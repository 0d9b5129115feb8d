"""The loop: sample, collect, losses, optimise; and the making of its parts. `recording` keeps what it does as a run."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from inwit import worlds
from inwit.core.contracts import Agent
from inwit.core.devices import keep_freed_memory, usable_device
from inwit.core.errors import UserError
from inwit.core.seeding import stream
from inwit.core.types import Rollout
from inwit.evaluation.exact import solves_all
from inwit.learners import LEARNERS
from inwit.learners.auxiliary.hindsight import Hindsight
from inwit.learners.auxiliary.rehearsal import Rehearsal
from inwit.policies import make_policy
from inwit.rollout.babble import babble
from inwit.rollout.collect import collect, refuse_test_set
from inwit.training.config import Config, resolve
from inwit.training.curricula import CURRICULA
from inwit.training.metrics import Totals, Update
from inwit.worlds.oracle.programs import OraclePrograms

STREAMS = ("kinds", "tasks", "actions", "babble", "imitation", "rehearsal")


def updates(source: Config | str | Path | Mapping[str, Any] = "tutorial", **overrides: Any) -> Iterator[Update]:
    """Train, yielding after every rollout; ends when all problems are solved or after `training.max_updates`.

    For people with a loop of their own: leave it whenever you like, `update.agent` is the agent so far. Writes nothing
    to disk. Raises `UserError` at once, not at the first update, if the configuration is wrong.
    """
    return loop(prepare(resolve(source, **overrides)))


@dataclass
class Counters:
    """How far a training has come. Tensors stay on the device until somebody reads them."""

    updates: int
    tokens: Tensor
    positions: Tensor
    seconds: float = 0.0
    confirmations: int = 0
    next_confirmation: int = 0
    solved: bool | None = None


@dataclass(frozen=True)
class Parts:
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
    counters: Counters


def prepare(config: Config) -> Parts:
    """Everything as it is before the first update. Raises `UserError` if the configuration is impossible."""
    keep_freed_memory()
    agent, device = new_agent(config), torch.device(config.training.device)
    hindsight = _hindsight(config, agent.world, device)
    if config.training.confirm and not {"all_tasks", "identity"} & agent.world.capabilities:
        raise UserError(
            f"{config.world.id} with these settings has no finite test of success: set training.confirm to false"
        )
    learner = LEARNERS.load(config.learner.id)(config.learner.settings)
    nothing = torch.zeros((), dtype=torch.int64, device=device)
    return Parts(
        agent=agent,
        learner=learner,
        curriculum=CURRICULA.load(config.curriculum.id)(config.curriculum.settings, agent.world.kinds, device),
        hindsight=hindsight,
        rehearsal=Rehearsal(config.rehearsal, agent.world, device) if config.rehearsal.rows else None,
        oracle=OraclePrograms(agent.world, device) if learner.reads_oracle else None,
        optimiser=torch.optim.Adam(agent.policy.parameters(), lr=config.training.learning_rate, fused=True),
        draws={name: stream(config.seed, name, device) for name in STREAMS},
        device=device,
        counters=Counters(0, nothing, nothing),
    )


def loop(parts: Parts) -> Iterator[Update]:
    """Update after update, from where `parts.counters` stand. Between two of them `parts` are whole (snapshot.py)."""
    agent, curriculum, training, at = parts.agent, parts.curriculum, parts.agent.config.training, parts.counters
    start = time.perf_counter() - at.seconds
    while at.updates < training.max_updates and not at.solved:
        index = at.updates
        _set_rate(parts.optimiser, training, index)
        with threads(training.threads):
            rollout = _roll_out(parts, index)
            metrics = {}
            for loss, terms in parts.learner.losses(agent.policy, rollout):
                imitation, more = _imitation(parts)
                step = optimise(agent.policy, parts.optimiser, loss + imitation, training.max_grad_norm)
                metrics |= terms | more | step
            curriculum.observe(rollout.tasks.kind, rollout.success)
            at.tokens = at.tokens + (rollout.live & rollout.chosen).sum()
            at.positions = at.positions + rollout.prompt_mask.sum() + rollout.live.sum()
            at.solved = None
            if training.confirm and index >= at.next_confirmation and _promising(curriculum, training.confirm_at):
                at.solved, at.confirmations = solves_all(agent), at.confirmations + 1
                at.next_confirmation = index + training.confirm_every
        at.updates, at.seconds = index + 1, time.perf_counter() - start
        totals = Totals(training.episodes * at.updates, at.tokens, at.positions, at.seconds, at.confirmations)
        yield Update(index, agent, rollout, metrics, curriculum.outcomes.rate, totals, at.solved)


def _roll_out(parts: Parts, index: int) -> Rollout:
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


def _imitation(parts: Parts) -> tuple[Tensor | float, dict[str, Tensor]]:
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


def _set_rate(optimiser: torch.optim.Optimizer, training: Any, index: int) -> None:
    """The learning rate of an update: it falls in a straight line to its last share at `max_updates`."""
    gone = index / training.max_updates
    for group in optimiser.param_groups:
        group["lr"] = training.learning_rate * (1 - gone * (1 - training.last_rate))


def new_agent(config: Config) -> Agent:
    """An untrained agent. Raises `UserError` for a device that this machine does not have."""
    device = usable_device(config.training.device)
    world = worlds.make(config.world.id, **config.world.settings.to_dict())
    generator = stream(config.seed, "weights", device)
    policy = make_policy(config.policy.id, config.policy.settings, world, generator)
    return Agent(world, policy, settled(config, policy), device=device)


def settled(config: Config, policy: Any) -> Config:
    """The configuration with what the policy has decided when it was made: its own settings, in which none says `auto`.
    With them it computes elsewhere as it was trained. A script may have none."""
    settings = getattr(policy, "settings", config.policy.settings)
    return replace(config, policy=replace(config.policy, settings=settings))


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
    """Whether every kind that may be trained on is; of a stage that is all test set nothing is ever seen."""
    return bool(((curriculum.outcomes.rate >= level) | (curriculum.may_train == 0)).all())
