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
from inwit.core.capabilities import capable
from inwit.core.contracts import Agent, World
from inwit.core.errors import UserError
from inwit.core.imports import bring
from inwit.core.intervals import share_interval, student
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

GoOn = Callable[[], bool]


def work(job: Job, go_on: GoOn = lambda: True) -> Outcome:
    """Do a job. Raises `UserError` where it is impossible, or where the training loses its numbers."""
    experiment = jobs.find(job.ability, job.experiment)
    world = world_of(experiment)
    levels = experiment.levels(world)
    measure, began = experiment.measure, time.perf_counter()
    if job.subject is None:
        random = {knob: measure.random(world, kinds) for knob, kinds in levels.items()}
        best = {knob: Figure(measure.optimum(world, kinds)) for knob, kinds in levels.items()}
        figures = {jobs.RANDOM: random, jobs.OPTIMUM: best}
        return Outcome(job, figures, examined=time.perf_counter() - began)
    outcome = Outcome(job)
    if job.subject.agent == RANDOM:
        found = {knob: measured_often(measure, world, kinds, job.seed) for knob, kinds in levels.items()}
        return replace(outcome, figures={AGENT: found}, examined=time.perf_counter() - began)
    if job.config is not None:
        agent, outcome = train(job, job.config, job.budget, go_on)
    else:
        agent = oracle_agent(world) if job.subject.agent == ORACLE else scripted(job.subject.agent, world)
    began = time.perf_counter()
    found = {knob: measure.of(agent, kinds) for knob, kinds in levels.items()}
    return replace(outcome, figures={AGENT: found}, examined=time.perf_counter() - began)


def measured_often(measure: Measure, world: World, kinds: list[int], seed: int) -> Figure:
    """The mean over several random agents, the `seed`-th ones, with its interval. Their number is fixed: who stops
    where the values agree favours those that are all 0."""
    count = jobs.MEASURED_OF_DRAWS if capable(world, "chance") else jobs.MEASURED
    agents = (random_agent(world, count * seed + place) for place in range(count))
    values = [measure.of(agent, kinds).value for agent in agents]
    mean, spread = fmean(values), stdev(values)
    if not spread:  # all alike: what is seldom was not seen
        return Figure(mean, share_interval(mean * count, count) if 0 <= mean <= 1 else None)
    reach = student(count - 1) * spread / sqrt(count)
    return Figure(mean, (mean - reach, mean + reach))


def world_of(experiment: Experiment) -> World:
    """The world in which an experiment trains and measures."""
    settings = dict(experiment.settings["world"])
    return worlds.make(settings.pop("id"), **settings)


def train(job: Job, config: Config, budget: Budget, go_on: GoOn) -> tuple[Agent, Outcome]:
    """Train until the budget is spent, or until success is proven where the experiment lets that end it."""
    agent, tokens, seconds, count, ended = None, 0, 0.0, 0, "budget"
    for update in updates(config):
        agent, tokens, seconds = update.agent, int(update.totals.tokens), update.totals.seconds
        count = update.index + 1
        health.check(update, parameters=False)
        if update.solved or tokens >= budget.tokens or seconds >= budget.seconds or not go_on():
            ended = "solved" if update.solved else ended
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
