"""The loop: sample, collect, losses, optimise; and the making of its parts. `runs.recording` keeps what it does as a
run. For an agent without parameters episodes are run, and nothing is optimised."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import cast

import torch
from torch import Tensor

from inwit import worlds
from inwit.core.contracts import (
    Agent,
    Auxiliary,
    Curriculum,
    Learner,
    Metrics,
    Policy,
    Trainable,
    answers,
    parameters_of,
)
from inwit.core.devices import keep_freed_memory, usable_device
from inwit.core.errors import UserError
from inwit.core.isolation import on_own_terms
from inwit.core.seeding import stream
from inwit.core.types import Rollout, Tasks, Taught
from inwit.evaluation.exact import solves_all
from inwit.learners import LEARNERS
from inwit.learners.auxiliary import AUXILIARIES
from inwit.policies import make_policy
from inwit.rollout.collect import collect, refuse_test_set
from inwit.training.config import Config, TrainingSettings
from inwit.training.curricula import CURRICULA
from inwit.training.metrics import Totals, Update, checked, mean_of
from inwit.worlds.examination import exam_of
from inwit.worlds.oracle.programs import oracle_for

STREAMS = ("kinds", "tasks", "actions")  # of the loop itself; each auxiliary names its own


@dataclass
class Counters:
    """How far a training has come. Tensors stay on the device until they are read."""

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
    learner: Learner
    curriculum: Curriculum
    auxiliaries: dict[str, Auxiliary]  # those that are on
    oracle: Callable[[Tasks], Taught] | None  # only for a learner with `reads_oracle`
    optimiser: torch.optim.Optimizer | None  # None for a policy without parameters
    draws: dict[str, torch.Generator]
    device: torch.device
    counters: Counters


def prepare(config: Config) -> Parts:
    """Everything as it is before the first update. Raises `UserError` if the configuration is impossible."""
    with on_own_terms(config.training.threads):
        return _prepare(config)


def _prepare(config: Config) -> Parts:
    keep_freed_memory()
    agent = new_agent(config)
    device, parameters = agent.device, parameters_of(agent.policy)
    # Those that are on. Each raises `UserError` for a world that it cannot be used in.
    on = {name: settings for name, settings in config.auxiliaries.items() if settings.rows and parameters}
    auxiliaries = {name: AUXILIARIES.load(name)(settings, agent.world, device) for name, settings in on.items()}
    if config.training.confirm and not exam_of(agent.world).proven:
        raise UserError(
            f"{config.world.id} with these settings has no finite test of success: set training.confirm to false"
        )
    learner = LEARNERS.load(config.learner.id)(config.learner.settings)
    if learner.whole_sequence and answers(agent.world):
        raise UserError(
            f"learner.id = {config.learner.id} with these settings trains on every token, and {config.world.id} writes "
            "some itself: take a loss of the agent's own tokens (of a2c: learner.credit = per-step)"
        )
    rate = config.training.learning_rate
    zero = partial(torch.zeros, (), dtype=torch.int64, device=device)
    return Parts(
        agent=agent,
        learner=learner,
        curriculum=CURRICULA.load(config.curriculum.id)(config.curriculum.settings, agent.world.kinds, device),
        auxiliaries=auxiliaries,
        oracle=oracle_for(agent.world, device) if learner.reads_oracle else None,
        optimiser=torch.optim.Adam(parameters, lr=rate, fused=True) if parameters else None,
        draws={name: stream(config.seed, name, device) for name in _stream_names(auxiliaries)},
        device=device,
        counters=Counters(0, zero(), zero()),
    )


def _stream_names(auxiliaries: dict[str, Auxiliary]) -> list[str]:
    """The loop's streams, and those that auxiliaries declare. Raises `UserError` if two draw from the same one."""
    owners: dict[str, str] = dict.fromkeys((*STREAMS, "weights"), "the loop")
    for name, auxiliary in auxiliaries.items():
        for each in auxiliary.streams:
            if each in owners:
                raise UserError(f"the auxiliary {name} draws from the stream {each!r}, which is {owners[each]}'s")
            owners[each] = f"the auxiliary {name}"
    return [name for name in owners if name != "weights"]  # these are drawn before the loop


def loop(parts: Parts) -> Iterator[Update]:
    """Update after update, from where `parts.counters` stand. Between two of them `parts` can be saved."""
    agent, curriculum, at = parts.agent, parts.curriculum, parts.counters
    training: TrainingSettings = agent.config.training
    start = time.perf_counter() - at.seconds
    while at.updates < training.max_updates and not at.solved:
        index = at.updates
        with on_own_terms(training.threads):
            rollout = _roll_out(parts, index)
            metrics = _learn(parts, rollout)
            curriculum.observe(rollout.tasks.kind, rollout.success)
            at.tokens.add_((rollout.live & rollout.chosen).sum())
            at.positions.add_(rollout.prompt_mask.sum() + rollout.live.sum())
            at.solved = None
            if training.confirm and index >= at.next_confirmation and _promising(curriculum, training.confirm_at):
                at.solved, at.confirmations = solves_all(agent), at.confirmations + 1
                at.next_confirmation = index + training.confirm_every
        at.updates, at.seconds = index + 1, time.perf_counter() - start
        spent = at.tokens.clone(), at.positions.clone()  # the counters change with the next update
        totals = Totals(training.episodes * at.updates, *spent, at.seconds, at.confirmations)
        yield Update(index, agent, rollout, metrics, curriculum.rate, totals, at.solved)


def _roll_out(parts: Parts, index: int) -> Rollout:
    """Draw kinds and tasks, and run the policy on them; the auxiliaries observe it."""
    agent, learner, draws = parts.agent, parts.learner, parts.draws
    learner.entropy_share = _left(parts, agent.config.training.last_entropy)
    problems = agent.config.training.episodes // learner.group_size
    kinds = parts.curriculum.draw(index, problems, draws["kinds"])
    on_cpu = parts.device.type == "cpu"  # elsewhere checks wait for the device: `Update.refuse_faulty` does them later
    if on_cpu:
        refuse_test_set(agent.world, kinds)  # a registered curriculum may draw from it
    tasks = agent.world.sample(kinds, draws["tasks"])
    rollout = collect(
        agent.world,
        agent.policy,
        tasks,
        group_size=learner.group_size,
        generator=draws["actions"],
        detours=learner.detours * learner.entropy_share,
        keep_graph=learner.one_pass and parts.optimiser is not None,
        after_end=learner.whole_sequence,
        leave_early=on_cpu,
        achieved=any(auxiliary.reads_achieved for auxiliary in parts.auxiliaries.values()),
    )
    for auxiliary in parts.auxiliaries.values():
        auxiliary.observe(rollout, {name: draws[name] for name in auxiliary.streams})
    return rollout if parts.oracle is None else replace(rollout, oracle=parts.oracle(tasks))


def _left(parts: Parts, last: float) -> float:
    """What is left, at this update, of something that falls from 1 in a straight line to `last` at max_updates."""
    return 1 - parts.counters.updates / parts.agent.config.training.max_updates * (1 - last)


def _learn(parts: Parts, rollout: Rollout) -> Metrics:
    """The learner's optimiser steps, with the auxiliaries' losses added: the mean of each metric over the steps.

    Raises `UserError`, naming the part, for metrics that cannot be kept.
    """
    if parts.optimiser is None:
        return {}
    training: TrainingSettings = parts.agent.config.training
    policy = cast(Trainable, parts.agent.policy)
    learner = f"the learner {parts.agent.config.learner.id}"
    for group in parts.optimiser.param_groups:
        group["lr"] = training.learning_rate * _left(parts, training.last_rate)
    steps: list[Metrics] = []
    for loss, terms in parts.learner.losses(policy, rollout):
        metrics, more = dict(checked(learner, terms)), 0.0
        for name, auxiliary in parts.auxiliaries.items():
            extra, terms = auxiliary.loss(policy, {each: parts.draws[each] for each in auxiliary.streams})
            more, metrics = more + extra, metrics | checked(f"the auxiliary {name}", terms)
        steps.append(metrics | optimise(policy, parts.optimiser, loss + more, training.max_grad_norm))
    return mean_of(steps)


def optimise(policy: Trainable, optimiser: torch.optim.Optimizer, loss: Tensor, max_grad_norm: float) -> Metrics:
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
    policy = make_policy(config.policy.id, config.policy.settings, world, generator)
    return Agent(world, policy, settled(config, policy), device=device)


def settled(config: Config, policy: Policy) -> Config:
    """The configuration with the policy's own settings: `auto` is replaced by what the policy chose when it was made,
    so that it computes elsewhere as it was trained. A script may have none."""
    settings = getattr(policy, "settings", config.policy.settings)
    return replace(config, policy=replace(config.policy, settings=settings))


def _promising(curriculum: Curriculum, level: float) -> bool:
    """Whether the running success of every kind that may be trained on is at least `level`."""
    return bool(((curriculum.rate >= level) | ~curriculum.may_train).all())
