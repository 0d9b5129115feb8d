"""The episode of an explanation: played by the agent alone, and with tokens that were forced on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from inwit.core.capabilities import FAR, Causal, capable
from inwit.core.contracts import Agent, World, answers
from inwit.core.errors import UserError
from inwit.core.numbers import given_number
from inwit.core.types import Rollout, State, Tasks, map_rows
from inwit.evaluation.explained import Choice, Derailed
from inwit.rollout.collect import collect, refuse_stuck
from inwit.rollout.hooks import Hooks

Force = Mapping[int, str | int]  # a step of the episode, and the token that is written there


def played(agent: Agent, row: Tasks, force: Force) -> tuple[Rollout, Rollout]:
    """The greedy agent's episode on the task of `row`, by itself and with the tokens of `force`. Raises `UserError` for
    a task whose hidden part is not drawn, and for a token that cannot be forced there."""
    own = rollout = _episode(agent, row, {})
    tokens: dict[int, int] = {}
    for step, token in sorted((given_number("force", step), token) for step, token in force.items()):
        tokens[step] = _allowed(agent.world, rollout, step, token)
        rollout = _episode(agent, row, tokens)
    return own, rollout


def _episode(agent: Agent, row: Tasks, tokens: Mapping[int, int]) -> Rollout:
    world = agent.world
    force = torch.full((1, world.num_columns), -1, dtype=torch.int64, device=row.kind.device)
    for step, token in tokens.items():
        force[0, step] = token
    rollout = collect(world, agent.policy, row, leave_early=False, hooks=Hooks(force=force, record=True))
    if bool((rollout.live & ~rollout.chosen & ~rollout.legal.any(2)).any()):
        raise UserError(
            f"the hidden part of the task is not drawn, so {world.id} has nothing to answer: give the task a seed, as "
            "in --seed 0, or all of its hidden part"
        )
    refuse_stuck(world, rollout)
    return rollout


def _allowed(world: World, rollout: Rollout, step: int, token: str | int) -> int:
    """The id of a token that may be forced in this step of an episode."""
    asked = f"force {step}={token}"
    try:
        forced = world.vocabulary.id(token)
    except UserError as error:
        raise UserError(f"{asked}: {error}") from None
    written = int(rollout.live.sum())
    if not 0 <= step < written:
        raise UserError(f"{asked}: the episode has the steps 0 to {written - 1}: take one of them")
    names = world.vocabulary.names
    if not bool(rollout.chosen[0, step]):
        own = ", ".join(map(str, rollout.chosen[0, :written].nonzero()[:, 0].tolist()))
        answer = names[int(rollout.tokens[0, step])]
        raise UserError(f"{asked}: the world writes {answer} in step {step}; force one of the agent's steps: {own}")
    legal = rollout.legal[0, step]
    if not bool(legal[forced]):
        valid = ", ".join(names[each] for each in legal.nonzero()[:, 0].tolist())
        raise UserError(f"{asked}: {names[forced]} is illegal in step {step}; legal there: {valid}")
    return forced


@torch.no_grad()
def compared(
    world: World, row: Tasks, own: Rollout, rollout: Rollout, choices: Sequence[Choice], forced: Sequence[int]
) -> tuple[list[Choice], Derailed]:
    """The choices of the derailed episode with what is said of forced tokens, and of tokens that were still right where
    the world knows them; and what the agent writes by itself."""
    marked = [replace(choice, forced=step in forced) for step, choice in enumerate(choices)]
    mine = world.vocabulary.decode(own.tokens[0, own.live[0] & own.chosen[0]].tolist())
    causal = capable(world, "causal")
    if causal is None or answers(world):
        return marked, Derailed(mine, bool(own.success), known=False)
    way, state, right = Way(causal, row), world.reset(row), None
    for step, choice in enumerate(marked):
        token = rollout.tokens[:, step]
        best, to_go = way.shortest(state, step)
        left = int(to_go[int(token)])
        names = world.vocabulary.decode(best)
        marked[step] = replace(choice, best=names, to_go=None if left >= FAR else left)
        state, _ = world.step(state, token)
        if step == max(forced):
            nothing_left = [] if bool(rollout.success) else None
            right = nothing_left if step + 1 == len(marked) else way.end(state, step + 1)
    return marked, Derailed(mine, bool(own.success), True, None if right is None else world.vocabulary.decode(right))


class Way:
    """From the state of one episode to a right end, in a world that knows how far that is."""

    def __init__(self, world: Causal, row: Tasks) -> None:
        self.world, self.size = world, len(world.vocabulary)
        self.row, self.every = row, row.repeat_interleave(self.size)

    def shortest(self, state: State, written: int) -> tuple[list[int], Tensor]:
        """The legal tokens with which a right program can end soonest, and for each token how many are to go after it:
        `FAR` for an illegal one, and where no right end is within the budget. `written` tokens have been written."""
        world, left = self.world, self.world.max_steps - written - 1
        token = torch.arange(self.size, device=self.row.kind.device)
        after, step = world.step(map_rows(state, lambda rows: rows.repeat_interleave(self.size, 0)), token)
        lost = (step.terminated | step.truncated) & ~step.success
        if world.masks:
            lost |= ~world.legal(state)[0]
        to_go = world.to_go(self.every, after, left).long()
        to_go = to_go.masked_fill(lost | (to_go > left), FAR)
        least = int(to_go.min())
        return [] if least >= FAR else (to_go == least).nonzero()[:, 0].tolist(), to_go

    def end(self, state: State, written: int) -> list[int] | None:
        """The tokens of a shortest right end; of several the one whose tokens come first. None if there is none."""
        tokens: list[int] = []
        while written + len(tokens) < self.world.max_steps:
            best, to_go = self.shortest(state, written + len(tokens))
            if not best:
                return None
            tokens.append(best[0])
            if int(to_go[best[0]]) == 0:
                return tokens
            state, _ = self.world.step(state, torch.full_like(self.row.kind, best[0]))
        return None
