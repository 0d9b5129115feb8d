"""One job, in a process of its own: train, then examine; or find the extremes of an experiment."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from math import sqrt
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from inwit import worlds
from inwit.core.contracts import Agent, World
from inwit.core.errors import UserError
from inwit.core.imports import bring
from inwit.runs.starting import updates
from inwit.scripts import scripted
from inwit.suite import jobs
from inwit.suite.ability import Experiment, Figure, Measure
from inwit.suite.budget import Budget
from inwit.suite.controls import ORACLE, RANDOM, random_agent
from inwit.suite.jobs import AGENT, Job, Outcome
from inwit.suite.oracle import oracle_agent
from inwit.suite.subject import Subject, prepared
from inwit.training import health
from inwit.training.config import Config, resolve

FEWEST, MOST = 3, 100  # measurements of the random agent, which is another one each time,
NEAR = 0.005  # until the standard error of their mean is so small; equal ones say nothing of it
GoOn = Callable[[], bool]


def work(job: Job, go_on: GoOn = lambda: True) -> Outcome:
    """Do a job. Raises `UserError` where it is impossible, or where the training loses its numbers."""
    experiment = jobs.find(job.ability, job.experiment)
    trained_in, measured_in = worlds_of(experiment)
    levels = experiment.levels(measured_in)
    measure, began = experiment.measure, time.perf_counter()
    if job.subject is None:
        random = {knob: measure.random(measured_in, kinds) for knob, kinds in levels.items()}
        best = {knob: Figure(measure.optimum(measured_in, kinds)) for knob, kinds in levels.items()}
        figures = {jobs.RANDOM: random, jobs.OPTIMUM: best}
        return Outcome(job, figures, examined=time.perf_counter() - began)
    outcome = Outcome(job)
    if job.config is not None:
        agent, outcome = train(job, job.config, job.budget, go_on)
        agent = replace(agent, world=measured_in)
    elif job.subject.agent == RANDOM:
        agent = random_agent(measured_in, MOST * job.seed)
    elif job.subject.agent == ORACLE:
        agent = oracle_agent(measured_in)
    else:
        agent = replace(scripted(job.subject.agent, trained_in), world=measured_in)
    began, drawn = time.perf_counter(), job.subject.agent == RANDOM
    measured = _often(measure, MOST * job.seed) if drawn else measure.of
    found = {knob: measured(agent, kinds) for knob, kinds in levels.items()}
    return replace(outcome, figures={AGENT: found}, examined=time.perf_counter() - began)


def _often(measure: Measure, seed: int) -> Callable[[Agent, list[int]], Figure]:
    """The mean over several random agents; seeds tell how sure it is."""

    def of(agent: Agent, kinds: list[int]) -> Figure:
        values: list[float] = []
        while len(values) < FEWEST or (len(values) < MOST and not 0 < stdev(values) <= NEAR * sqrt(len(values))):
            values.append(measure.of(random_agent(agent.world, seed + len(values)), kinds).value)
        return Figure(fmean(values))

    return of


def worlds_of(experiment: Experiment) -> tuple[World, World]:
    """The world in which an experiment trains, and the one in which it measures."""
    settings = dict(experiment.settings["world"])
    world_id = settings.pop("id")
    trained = worlds.make(world_id, **settings)
    return trained, worlds.make(world_id, **{**settings, **experiment.changed}) if experiment.changed else trained


def train(job: Job, config: Config, budget: Budget, go_on: GoOn) -> tuple[Agent, Outcome]:
    """Train until the budget is spent, or until success is proven where the experiment lets that end it."""
    agent, tokens, seconds, count, ended = None, 0, 0.0, 0, "max_updates"
    for update in updates(config):
        agent, tokens, seconds = update.agent, int(update.totals.tokens), update.totals.seconds
        count = update.index + 1
        health.check(update, parameters=False)
        if update.solved or tokens >= budget.tokens or seconds >= budget.seconds or not go_on():
            ended = "solved" if update.solved else "budget"
            break
    assert agent is not None
    return agent, Outcome(job, tokens=tokens, updates=count, seconds=seconds, ended=ended)


def main(order: dict[str, Any]) -> int:
    """The process: do the job and write its file. An impossible one gives a line on stderr and status 2."""
    parent = order["parent"]
    try:
        bring(order.get("imports", ()))
        subject = order["subject"] and prepared(Subject(**order["subject"]))
        config = order["config"] and resolve(order["config"])
        budget = Budget.from_dict(order["budget"])
        job = Job(order["ability"], order["experiment"], subject, order["seed"], config, budget)
        outcome = work(job, lambda: os.getppid() == parent)
        if os.getppid() != parent:  # nobody waits for it, and it may be half done
            return 1
        job.write(Path(order["file"]), outcome)
    except UserError as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        return 2
    return 0
