"""*Reads*: does the agent solve what it was never trained on? Then it reads its prompt, and does not look it up."""

from __future__ import annotations

from collections import Counter

from jaxtyping import Bool
from torch import Tensor

from inwit.core.capabilities import capable
from inwit.core.claims import AT_MOST, Claim, Control, Measure
from inwit.core.errors import UserError
from inwit.evaluation.exact import others_shown
from inwit.evidence.intervals import clustered_share
from inwit.evidence.subject import FEW, Subject

BAR, SHUFFLED = 0.9, 0.05


def judge(subject: Subject) -> Claim:
    """The claim *reads* of one agent."""
    world, held_out = subject.world, subject.held_out
    if not bool(held_out.any()):
        why = f"every kind of {world.id} was trained on: these settings hold out none"
        none = f"with these settings {world.id} holds out no kind, and nobody trained the script"
        return Claim("reads", untestable=none if subject.agent.script else why)
    if (classes := len(subject.clusters[held_out].unique())) < FEW:
        return Claim("reads", untestable=f"only {classes} classes are held out: too few to judge by")
    right = subject.solved[held_out]
    measure = Measure(
        name="solved of what was held out",
        statistic=float(right.double().mean()),
        bar=BAR,
        n=len(right),
        interval=clustered_share(right.cpu(), subject.clusters[held_out].cpu()),
        controls={
            "shuffled prompt": _shuffled(subject, held_out),
            "best constant program": _constant(subject, held_out),
        },
    )
    return Claim("reads", (measure,))


def _shuffled(subject: Subject, held_out: Bool[Tensor, " N"]) -> Control:
    world, tasks, what = subject.world, subject.tasks, "each problem with the prompt of another one of its stage"
    try:
        (shown,) = others_shown(world, [tasks], "shuffled-prompt")
    except UserError as error:
        return Control(None, why=str(error))
    right = subject.succeeds(subject.agent.policy, tasks[held_out], shown=shown[held_out])
    return Control(float(right.double().mean()), SHUFFLED, AT_MOST, what)


def _constant(subject: Subject, held_out: Bool[Tensor, " N"]) -> Control:
    """One program computes one polynomial: at best that of the largest class."""
    if not capable(subject.world, "identity"):
        return Control(None, why="in this world nobody counted what one program solves")
    classes = Counter(subject.clusters[held_out].tolist())
    return Control(max(classes.values()) / classes.total(), why="the one program that solves most of these tasks")
