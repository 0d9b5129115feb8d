"""*Thinks*: does the agent solve more where it may spend tokens that change nothing in the world, to compute on?"""

from __future__ import annotations

from inwit.core.claims import Claim
from inwit.evidence.subject import Subject


def judge(subject: Subject) -> Claim:
    """The claim *thinks* of one agent."""
    return Claim("thinks", untestable=f"the world {subject.world.id} has no THINK token")
