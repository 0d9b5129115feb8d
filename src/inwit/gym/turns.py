"""What one action does: the token of the policy, then all that the world writes until it is the policy's turn again.

In an environment everything is drawn, so the world's tokens are decided. Once for a scalar twin, once for a batch.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from inwit.core.contracts import ScalarWorld, World
from inwit.core.types import State, Step


def carry_out(twin: ScalarWorld, token: int) -> list[int]:
    """Carry out a token in one episode; returns what the world wrote after it."""
    twin.step(token)
    answers = []
    while not twin.ended and (forced := twin.forced()) >= 0:
        twin.step(forced)
        answers.append(forced)
    return answers


def carry_out_all(
    world: World, state: State, token: Int[Tensor, " B"], live: Bool[Tensor, " B"]
) -> tuple[State, Step, Int[Tensor, " B"]]:
    """Carry out a token in every row. Returns the state, what token and answers did together (flags of any, sums of
    rewards and counts), and the last token of each live row. Rows that are not `live` are given no answers."""
    state, whole = world.step(state, token)
    last = token
    for _ in range(world.num_columns - world.max_steps):  # none in a world that never answers
        forced = world.forced(state)
        answered = live & (forced >= 0) & ~whole.terminated & ~whole.truncated
        if not bool(answered.any()):
            break
        after, step = world.step(state, forced.clamp_min(0))
        state = {name: _where(answered, rows, state[name]) for name, rows in after.items()}
        whole = _joined(whole, step, answered)
        last = torch.where(answered, forced, last)
    return state, whole, last


def _joined(one: Step, other: Step, answered: Bool[Tensor, " B"]) -> Step:
    """Both steps as one; the second only in the rows `answered`."""
    flags = {name: getattr(one, name) | (getattr(other, name) & answered) for name in ("terminated", "truncated")}
    return Step(
        one.reward + other.reward * answered,
        **flags,
        success=one.success | (other.success & answered),
        extra={name: flag | (other.extra[name] & answered) for name, flag in one.extra.items()},
        counts={name: number + other.counts[name] * answered for name, number in one.counts.items()},
    )


def _where(rows: Bool[Tensor, " B"], one: Tensor, other: Tensor) -> Tensor:
    return torch.where(rows.reshape(-1, *[1] * (one.ndim - 1)), one, other)
