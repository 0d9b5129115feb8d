"""The claims about an agent in a world that answers, as tools do: *re-plans* and *remembers*, by exchanged answers.

*Re-plans*: the agent's own tokens would no longer be right after the exchange (`moved`); does the agent end right? And
where its own calls no longer decide the task, so that other calls are due (`due`)?

*Remembers*: the answer is not used at once. The agent first asks for another one, with the very tokens of its own
episode (`held`), so that then no token but an earlier one tells what was exchanged. What the agent is told is what the
world takes as drawn, so that its final answer must be the one that is right for the other answer. Where the exchange
does not matter, its own answer must stay right.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from inwit.core.capabilities import Stochastic, capable
from inwit.core.claims import AT_MOST, Claim, Control, Measure
from inwit.core.contracts import Policy
from inwit.core.errors import UserError
from inwit.evidence.advised import Advised
from inwit.evidence.exchanges import Exchanges, exchanges
from inwit.evidence.intervals import clustered_mean
from inwit.evidence.others import TWIN, Other, beside
from inwit.evidence.subject import FEW, Subject
from inwit.evidence.twins import memoryless_twin

BAR, LUCK, ABLE = 0.9, 0.5, 0.9
DIGITS = 12  # of a probability: sums of many are off by some 1e-16
ADVISED = 48  # exchanges on which the best possible agent is tried, and of those with a held answer: evenly spaced
RECITER = "writes the tokens of the agent's own episodes, whatever is answered"
EXPERT = "a script that asks the world for the best token"


@dataclass(frozen=True)
class Compared:
    """The agent and others after the same exchanges: for each other policy where it was tried, its probability to end
    right, and the control that it is."""

    found: Exchanges
    others: dict[str, Other]


def replans(subject: Subject) -> Claim:
    """The claim *re-plans* of an agent in a world that answers."""
    found = subject.exchanged.found
    names = {"right after another answer": found.moved, "right where other calls are due": found.due}
    return Claim("re-plans", tuple(_measure(subject.exchanged, name, members) for name, members in names.items()))


def remembers(subject: Subject) -> Claim:
    """The claim *remembers* of an agent in a world that answers."""
    found = subject.exchanged.found
    still = found.right[found.held & ~found.moved]
    why = "an answer that was held, and that changes nothing: the agent must stay right"
    unmoved = Control(float(still.mean()) if len(still) else None, ABLE if len(still) else None, why=why)
    measure = _measure(subject.exchanged, "right for an answer that was held", found.held & found.moved)
    return Claim("remembers", (replace(measure, controls={"no matter": unmoved, **measure.controls}),))


def looks_ahead(subject: Subject) -> Claim:
    """Not testable: what comes next depends on answers that nobody knows yet."""
    why = f"in {subject.world.id} the next call depends on answers that nobody knows yet: there is no plan to look for"
    return Claim("looks ahead", untestable=why)


def thinks(subject: Subject) -> Claim:
    """Not testable: these worlds have no tokens that do nothing."""
    return Claim("thinks", untestable=f"the world {subject.world.id} has no token that does nothing")


def _measure(compared: Compared, name: str, members: Bool[Tensor, " D"]) -> Measure:
    found = compared.found
    right, rows = found.right[members], found.row[members]
    clusters = len(rows.unique())
    enough = clusters >= FEW
    few = f"only {clusters} of the tasks that the agent solves have such an answer, and {FEW} are needed"
    return Measure(
        name=name,
        statistic=round(float(right.mean()), DIGITS) if enough else None,
        bar=BAR,
        n=len(right),
        interval=clustered_mean(right.cpu(), rows.cpu()) if enough else None,
        controls=beside(compared.others, members),
        why="" if enough else few,
    )


def compared(subject: Subject) -> Compared:
    """The agent and its controls after all exchanges; kept as `Subject.exchanged`. Raises `UserError` where nothing can
    be exchanged."""
    world = capable(subject.world, "chance")
    if world is None:
        raise UserError(f"the world {subject.world.id} does not say what else it might have answered")
    found = exchanges(world, subject.agent.policy, subject.agent.device)
    everywhere = torch.ones_like(found.moved)
    others = {"reciter": Other(everywhere, _right(found, found.reciter), Control(None, LUCK, AT_MOST, RECITER))}
    try:
        twin = memoryless_twin(subject.agent)
        others["memoryless twin"] = Other(everywhere, _right(found, twin), Control(None, LUCK, AT_MOST, TWIN))
    except UserError as error:
        others["memoryless twin"] = Other(~everywhere, found.right, Control(None, why=str(error)))
    others["expert"] = _expert(world, found)
    return Compared(found, others)


def _right(found: Exchanges, policy: Policy) -> Float[Tensor, " D"]:
    return found.right_of(found.followed(policy))


def _expert(world: Stochastic, found: Exchanges) -> Other:
    """The best possible agent, which did not write what stands before the exchange: it goes on from there."""
    tried = torch.zeros_like(found.moved)
    for places in (torch.arange(len(found)), (found.held & found.moved).nonzero()[:, 0].cpu()):
        tried[places[:: max(1, -(-len(places) // ADVISED))]] = True
    right = torch.zeros_like(found.right)
    advises = capable(world, "advice")
    if advises is None:
        return Other(torch.zeros_like(tried), right, Control(None, why=f"nobody knows the best token of {world.id}"))
    try:
        right[tried] = _right(found[tried.nonzero()[:, 0]], Advised(advises, found.tasks))
    except UserError as error:
        return Other(torch.zeros_like(tried), right, Control(None, why=str(error)))
    return Other(tried, right, Control(None, ABLE, why=EXPERT))
