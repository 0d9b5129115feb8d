"""The battery: all claims about an agent, or about several seeds of one recipe, each tested by a module of its own.

A claim that cannot be tested says why, and the others are judged all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from statistics import fmean

import torch

from inwit.core.claims import AT_LEAST, CLAIMS, Claim, Control, Evidence, Measure
from inwit.core.contracts import Agent
from inwit.core.contracts import answers as of_answers
from inwit.core.errors import UserError, unknown
from inwit.core.isolation import on_own_terms
from inwit.core.results import Json
from inwit.evaluation.exact import refuse_unfit
from inwit.evidence import answers, looks_ahead, pictures, reads, remembers, replans, thinks
from inwit.evidence.intervals import clustered_mean
from inwit.evidence.subject import BLOCK, Subject
from inwit.runs.folder import ASIDE, flat

Judge = Callable[[Subject], Claim]
Picture = Callable[[Subject, Sequence[Subject]], Json]  # of an agent, beside the other seeds
Progress = Callable[[str], None]

JUDGES: dict[str, Judge] = {
    "reads": reads.judge,
    "remembers": remembers.judge,
    "looks ahead": looks_ahead.judge,
    "re-plans": replans.judge,
    "thinks": thinks.judge,
}
# In worlds that answer in mid-episode these take the place of those above.
OF_ANSWERS: dict[str, Judge] = {
    "reads": reads.judge,
    "remembers": answers.remembers,
    "looks ahead": answers.looks_ahead,
    "re-plans": answers.replans,
    "thinks": answers.thinks,
}
# What the page draws of one agent, and no verdict uses, with the claim that each belongs to; {} where there is nothing.
PICTURES: dict[str, tuple[str, Picture]] = {
    "deviation": ("re-plans", lambda subject, _: replans.curve(subject)),
    "probes": ("looks ahead", pictures.horizons),
    "odd token": ("re-plans", lambda subject, _: pictures.odd_token(subject)),
    "emergence": ("re-plans", lambda subject, _: pictures.growth(subject)),
}


def examine(
    agents: Agent | Sequence[Agent],
    *,
    only: Collection[str] | None = None,
    progress: Progress | None = None,
    block: int = BLOCK,
) -> Evidence:
    """What an agent does inside, claim by claim (`core.claims.CLAIMS`, or `only` some of them).

    Several agents are several seeds of one recipe: the figures are means over them, the intervals over seeds. Of one
    agent the intervals are over classes. `progress` is told what comes next. `block` episodes run at a time; no figure
    depends on it. Raises `UserError` for a claim that does not exist, for agents that differ in more than their seed,
    and for an agent that does not fit its world or has weights that are not finite.
    """
    agents = [agents] if isinstance(agents, Agent) else list(agents)
    only = [only] if isinstance(only, str) else only
    claims = [name for name in CLAIMS if only is None or name in only]
    for name in only or ():
        if name not in CLAIMS:
            raise unknown("claim", name, CLAIMS)
    _refuse_strangers(agents)
    found, subjects, names = [], [Subject(agent, block) for agent in agents], names_of(agents)
    for name, subject in zip(names, subjects, strict=True):
        with on_own_terms(subject.agent.threads), torch.no_grad():
            refuse_unfit(subject.agent)
            found.append([_judged(subject, claim, name, progress) for claim in claims])
    together = [_joined(list(each), names) for each in zip(*found, strict=True)]
    drawn = _pictures(subjects, names, claims, progress)
    if len(agents) > 1:
        each = zip(names, found, strict=True)
        drawn["each"] = {name: [claim.to_dict() for claim in own] for name, own in each}
    with on_own_terms(agents[0].threads), torch.no_grad():
        derailed = replans.derailed(subjects[0]) if "re-plans" in claims else None
    return Evidence(agents[0].world.id, names, together, drawn, derailed)


def names_of(agents: Sequence[Agent]) -> list[str]:
    """What each agent is called: its run, else its place. Runs of one name in different folders are numbered."""
    plain = [agent.name or f"agent {place}" for place, agent in enumerate(agents)]
    names = list[str]()
    for name in plain:
        more = (f"{name} ({number})" for number in range(2, len(plain) + 2))
        names.append(name if name not in names else next(each for each in more if each not in {*names, *plain}))
    return names


def _refuse_strangers(agents: Sequence[Agent]) -> None:
    if not agents:
        raise UserError("nobody is examined: name at least one agent")
    first, *others = agents
    names = names_of(agents)
    if others and all(agent.script for agent in agents):
        raise UserError(f"a script has no seeds: examine {' and '.join(dict.fromkeys(names))} one at a time")
    for name, agent in zip(names[1:], others, strict=True):
        one, other = _recipe(first), _recipe(agent)
        if differing := [each for each in {**one, **other} if one.get(each) != other.get(each)]:
            who, what = f"{names[0]} and {name}", ", ".join(differing)
            raise UserError(f"{who} differ in more than their seed, in {what}: name runs of one recipe")
    seeds = [agent.config.seed for agent in agents if agent.config is not None]
    if len(set(seeds)) < len(seeds):
        twice = next(seed for seed in seeds if seeds.count(seed) > 1)
        raise UserError(f"two of the agents have the seed {twice}: name runs of different seeds, or examine each alone")


def _recipe(agent: Agent) -> Json:
    """What the seeds of one recipe have in common."""
    world = {"id": agent.world.id, **agent.world.settings.to_dict()}
    if agent.config is None:
        return world | {"policy": agent.script or type(agent.policy).__name__}
    # Settings of an auxiliary that is off say nothing, and change with the version.
    on = {name: part for name, part in agent.config.to_dict().items() if not _is_off(part)}
    return {name: value for name, value in flat(on).items() if name not in (*ASIDE, "recipe")} | {"world": world}


def _is_off(part: object) -> bool:
    return isinstance(part, dict) and part.get("rows") == 0


def _judged(subject: Subject, claim: str, name: str, progress: Progress | None) -> Claim:
    if progress:
        progress(f"{name}: {claim}")
    judges = OF_ANSWERS if of_answers(subject.world) else JUDGES
    if claim not in judges:
        return Claim(claim, untestable=f"there is no such test for the world {subject.world.id}")
    try:
        return judges[claim](subject)
    except UserError as error:
        return Claim(claim, untestable=str(error))


def _joined(claims: list[Claim], names: Sequence[str]) -> Claim:
    """What several seeds say of one claim. It is not testable of all where it is not testable of one."""
    first = claims[0]
    if len(claims) == 1:
        return first
    for name, claim in zip(names, claims, strict=True):
        if claim.untestable:
            return replace(claim, untestable=f"{name}: {claim.untestable}")
    found = [{each.name: each for each in claim.measures} for claim in claims]
    joined = dict[str, Measure]()
    for name in dict.fromkeys(name for measures in found for name in measures):
        mean = _mean_measure([measures.get(name) for measures in found], names)
        if mean.low_of in joined:  # not the mean of what each seed says of its own classes
            interval = joined[mean.low_of].interval
            mean = replace(mean, statistic=interval[0] if interval else None, interval=None)
        joined[name] = mean
    return replace(first, measures=tuple(joined.values()))


def _mean_measure(measures: list[Measure | None], names: Sequence[str]) -> Measure:
    """Of one name, from each agent. Unknown where it is unknown of one."""
    known = [each for each in measures if each is not None]
    if len(known) < len(measures):
        lacks = names[measures.index(None)]
        return replace(known[0], statistic=None, interval=None, why=f"{lacks}: {known[0].name} was not measured")
    values = [each.statistic for each in known if each.statistic is not None]
    if len(values) < len(known):
        return next(each for each in known if each.statistic is None)
    first, least = known[0], -1.0 if known[0].signed else 0.0
    ends = clustered_mean(values, range(len(values))) or (min(values), max(values))
    controls = dict.fromkeys(name for each in known for name in each.controls)
    return replace(
        first,
        statistic=fmean(values),
        n=sum(each.n for each in known),
        interval=(max(ends[0], least), min(ends[1], 1.0)),
        controls={name: _mean_control([each.controls.get(name) for each in known], names) for name in controls},
    )


def _mean_control(found: list[Control | None], names: Sequence[str]) -> Control:
    """The worst of the seeds, where it has a bar: one seed whose control fails has shown nothing. Of some seeds the bar
    may be missing, where it says nothing."""
    controls = [control for control in found if control is not None]
    if len(controls) < len(found):
        return replace(controls[0], value=None, why=f"{names[found.index(None)]} has no such control")
    values = [control.value for control in controls if control.value is not None]
    if len(values) < len(controls):
        return next(control for control in controls if control.value is None)
    barred = [control for control in controls if control.bar is not None]
    if not barred:
        return replace(controls[0], value=fmean(values))
    return next((control for control in barred if not control.holds), _worst(barred))


def _worst(controls: list[Control]) -> Control:
    best_first = sorted(controls, key=lambda control: control.value or 0.0, reverse=controls[0].side == AT_LEAST)
    return best_first[-1]


def _pictures(
    subjects: Sequence[Subject], names: Sequence[str], claims: Collection[str], progress: Progress | None
) -> Json:
    """Of each kind of picture, what is to be drawn of each agent; or `why` it cannot be drawn."""
    drawn: Json = {}
    for picture, (claim, draw) in PICTURES.items():
        if claim not in claims or of_answers(subjects[0].world):
            continue
        each = {}
        for name, subject in zip(names, subjects, strict=True):
            with on_own_terms(subject.agent.threads), torch.no_grad():
                try:
                    each[name] = draw(subject, [other for other in subjects if other is not subject])
                except UserError as error:  # as a damaged snapshot: the verdicts stand without it
                    each[name] = {"why": str(error)}
                    if progress:
                        progress(f"{name}: there is no picture of {picture}: {error}")
        drawn |= {picture: {name: data for name, data in each.items() if data}} if any(each.values()) else {}
    return drawn
