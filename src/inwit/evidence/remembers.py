"""*Remembers*: does the agent need what it wrote before the last token? Its memory is taken away while it writes.

Right is what succeeds and is no longer than the agent's own program: many a world lets an agent start over.
"""

from __future__ import annotations

from jaxtyping import Bool
from torch import Tensor

from inwit.core.claims import AT_MOST, Claim, Control, Measure
from inwit.core.contracts import Policy
from inwit.core.errors import UserError
from inwit.evidence.intervals import clustered_mean, clustered_share
from inwit.evidence.memories import Noisy, Rebuilt, Stale, spread
from inwit.evidence.others import TWIN
from inwit.evidence.subject import Subject
from inwit.evidence.twins import memoryless_twin

LOST, HARMLESS, NOISE = 0.5, 0.9, 0.25
FORGETFUL = 0.5  # where a network without memory solves more, the tasks need none


def judge(subject: Subject) -> Claim:
    """The claim *remembers* of one agent, on the tasks that it solves."""
    if why := subject.constant_plan or subject.too_few:
        return Claim("remembers", untestable=why)
    policy, solved = subject.agent.policy, subject.solved
    twin, why = _twin(subject)
    beside = Control(None, why=why) if twin is None else Control(_mean(twin), FORGETFUL, AT_MOST, TWIN)
    changed = {"rebuilt": _still(subject, Rebuilt(policy)), "two tokens old": _still(subject, Stale(policy))}
    noisy = _noisy(subject)
    measures = [
        Measure(
            name=f"lost with a memory that is {name}",
            statistic=1 - _mean(still),
            bar=LOST,
            n=len(still),
            interval=clustered_share((~still).cpu(), subject.clusters[solved].cpu()),
            controls={"noise": _harmless(noisy, 1 - _mean(still)), "memoryless twin": beside},
        )
        for name, still in changed.items()
    ]
    measures += [_beyond(subject, name, still, twin, why) for name, still in changed.items()]
    return Claim("remembers", tuple(measures))


def _noisy(subject: Subject) -> float | None:
    """The share that the agent still solves with noise in its memory; None where the memory holds whole numbers alone,
    as that of a script does: they are names, and there is nothing between two of them."""
    units = spread(subject.memories, subject.own.live)
    if subject.memories[0] and not units:
        return None
    noise = Noisy(subject.agent.policy, units, NOISE)
    return _mean(_still(subject, noise, block=len(subject.tasks)))  # drawn for all together, whatever the block


def _harmless(noisy: float | None, lost: float) -> Control:
    """A memory that breaks at any change would explain a loss. Where little is lost there is nothing to explain."""
    if noisy is None:
        return Control(None, why="the memory holds whole numbers alone, to which no noise can be added")
    why = "still solved with noise of a quarter of the memory's spread"
    return Control(noisy, HARMLESS if lost >= LOST else None, why=why)


def _still(subject: Subject, policy: Policy, block: int = 0) -> Bool[Tensor, " S"]:
    """Which of the S tasks that the agent solves it still solves as another policy, in no more tokens."""
    success, lengths = subject.ended(policy, subject.tasks, block=block)
    return (success & (lengths <= subject.lengths))[subject.solved]


def _twin(subject: Subject) -> tuple[Bool[Tensor, " S"] | None, str]:
    """What the memoryless twin solves of them; or why there is none."""
    try:
        return subject.succeeds(memoryless_twin(subject.agent), subject.tasks)[subject.solved], ""
    except UserError as error:
        return None, str(error)


def _beyond(
    subject: Subject, name: str, still: Bool[Tensor, " S"], twin: Bool[Tensor, " S"] | None, why: str
) -> Measure:
    """What a worse memory still solves, less what the twin solves: nothing, where the memory is what solves it. Without
    a twin, `why`, nobody knows: the claim must not become easier by that."""
    more = None if twin is None else still.double() - twin.double()
    return Measure(
        name=f"solved beyond the twin, {name}",
        statistic=None if more is None else _mean(more),
        bar=0.0,
        n=len(still),
        interval=None if more is None else clustered_mean(more.cpu(), subject.clusters[subject.solved].cpu()),
        side=AT_MOST,
        why=f"there is no memoryless twin: {why}" if more is None else "",
        signed=True,
        decisive=False,  # a twin that learnt nothing would refute whoever still solves one task
    )


def _mean(values: Tensor) -> float:
    return float(values.double().mean())
