"""*Re-plans*: when a token was written that the agent did not choose, does it find another way? See `deviation`."""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from inwit.core.capabilities import capable
from inwit.core.claims import AT_MOST, Claim, Control, Measure
from inwit.core.contracts import answers
from inwit.core.errors import UserError
from inwit.core.results import Json
from inwit.core.types import Rollout
from inwit.evidence.deviation import Deviations
from inwit.evidence.intervals import clustered_share
from inwit.evidence.others import TWIN, Other, beside
from inwit.evidence.reciting import Reciter, Replanner
from inwit.evidence.strays import after_longer, after_tie
from inwit.evidence.subject import Subject
from inwit.evidence.twins import memoryless_twin

TIE, LONGER = 0.9, 0.5
NONE_CAN, ABLE = 0.05, 0.9
MOST = 1024  # deviations on which the scripted re-planner is tried: evenly spaced
TRIED = 32  # episodes among which the one that is shown is looked for


def judge(subject: Subject) -> Claim:
    """The claim *re-plans* of one agent, on the tasks that it solves."""
    if why := _untestable(subject):
        return Claim("re-plans", untestable=why)
    found = subject.deviations
    others = _others(subject)
    tie = _measure(subject, "right after another token, no longer", found.tie, TIE, others)
    longer = _measure(subject, "right where it takes more tokens", ~found.tie, LONGER, others)
    tie = replace(tie, controls=tie.controls | after_tie(found))
    longer = replace(longer, controls=longer.controls | after_longer(found))
    return Claim("re-plans", (tie, longer))


def _untestable(subject: Subject) -> str:
    world = subject.world
    if subject.constant_plan:
        return subject.constant_plan
    if not capable(world, "causal"):
        return f"the world {world.id} cannot tell how far a state is from a right end"
    return subject.too_few


def _measure(subject: Subject, name: str, members: Bool[Tensor, " D"], bar: float, others: dict[str, Other]) -> Measure:
    own = subject.deviations.own_right[members]
    return Measure(
        name=name,
        statistic=float(own.double().mean()) if len(own) else None,
        bar=bar,
        n=len(own),
        interval=clustered_share(own.cpu(), subject.clusters[subject.deviations.row[members]].cpu()),
        controls=beside(others, members),
        why="" if len(own) else "after no forced token is there such a program",
    )


def _others(subject: Subject) -> dict[str, Other]:
    """Others that go on in the agent's place. What a twin would have written itself is no deviation to it, and is left
    out."""
    found = subject.deviations
    everywhere = torch.ones_like(found.tie)
    reciter = Reciter(subject.world, subject.tasks, subject.own.tokens)
    recites = Control(None, NONE_CAN, AT_MOST, "recites its own programs")
    known = {"reciter": Other(everywhere, found.right(reciter), recites)}
    try:
        twin = memoryless_twin(subject.agent)
        plain = Control(None, NONE_CAN, AT_MOST, TWIN)
        known["memoryless twin"] = Other(found.strange_to(twin), found.right(twin), plain)
    except UserError as error:
        known["memoryless twin"] = Other(~everywhere, everywhere, Control(None, why=str(error)))
    known["re-planner"] = _able(found)
    return known


def _able(found: Deviations) -> Other:
    subject = found.subject
    world = capable(subject.world, "causal")
    assert world is not None
    tried = torch.zeros_like(found.tie)
    tried[:: max(1, -(-len(found) // MOST))] = True
    right = torch.zeros_like(tried)
    right[tried] = found[tried].right(Replanner(world, subject.tasks, subject.own.tokens, subject.lengths))
    why = "a script that looks up how far each state is from a right end"
    return Other(tried, right, Control(None, ABLE, why=why))


def curve(subject: Subject) -> Json:
    """For each column in which a token was forced: how many deviations were right, of how many. And how many were left
    out."""
    if _untestable(subject):
        return {}
    found = subject.deviations
    right, columns = found.own_right, int(subject.lengths.max())
    parts = {"tie": found.tie, "longer": ~found.tie}
    curves = {name: _by_column(found.at[part], right[part], columns) for name, part in parts.items()}
    return curves | {"unknown": found.unknown}


def _by_column(at: Int[Tensor, " D"], right: Bool[Tensor, " D"], columns: int) -> dict[str, list[int]]:
    return {
        "right": torch.bincount(at, weights=right.double(), minlength=columns).long().tolist(),
        "n": torch.bincount(at, minlength=columns).tolist(),
    }


def derailed(subject: Subject) -> Json | None:
    """The first episode in which the agent went astray though a right program of its own length was left: its task, its
    own program, the forced token, what it then wrote, and what would have been right, as the scripted re-planner writes
    it. None where there is none, or where that script is not right in any of the first `TRIED` ones."""
    if answers(subject.world) or _untestable(subject):
        return None
    found, world = subject.deviations, capable(subject.world, "causal")
    failed = (found.tie & ~found.own_right).nonzero()[:, 0]
    if world is None or not len(failed):
        return None
    able = Replanner(world, subject.tasks, subject.own.tokens, subject.lengths)
    one = next((each for row in failed[:TRIED].split(1) if bool((each := found[row]).right(able))), None)
    if one is None:
        return None
    row, names = int(one.row[0]), subject.world.vocabulary.decode
    wrote, right = (_tokens(next(one.episodes(policy))) for policy in (subject.agent.policy, able))
    return {
        "task": subject.world.describe(subject.tasks[one.row])[0],
        "own": names(subject.own.tokens[row, : int(subject.lengths[row])].tolist()),
        "at": int(one.at[0]),
        "forced": names(one.token.tolist())[0],
        "wrote": names(wrote),
        "right": names(right),
    }


def _tokens(rollout: Rollout) -> list[int]:
    """What was written in an episode of its own."""
    return rollout.tokens[0][rollout.live[0]].tolist()
