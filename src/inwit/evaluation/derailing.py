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

SEARCHED = 12  # tokens to a right end that are searched at most,
LONGEST = 14  # but so many where the agent's own program is right and so long; from 15 on a search takes many seconds

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
    """The choices of the derailed episode with what is said of forced tokens; where the world knows them, the tokens
    that were still right, and what each token cost; and what the agent writes by itself."""
    marked = [replace(choice, forced=step in forced) for step, choice in enumerate(choices)]
    mine = world.vocabulary.decode(own.tokens[0, own.live[0] & own.chosen[0]].tolist())
    causal = capable(world, "causal")
    if causal is None or answers(world):
        return marked, Derailed(mine, bool(own.success))
    ends, state, right, within = RightEnds(causal, row), world.reset(row), None, 0
    length = len(mine) if bool(own.success) else 0
    for step, choice in enumerate(marked):
        budget = world.max_steps - step - 1
        most = min(budget, max(SEARCHED, min(LONGEST, length - step - 1)))
        best, here, left = ends.shortest(state, most, int(rollout.tokens[0, step]))
        ended_wrong = step + 1 == len(marked) and not bool(rollout.success)
        lost = ended_wrong or (left >= FAR and most == budget)
        names = world.vocabulary.decode(best)
        to_go, cost = (None, None) if left >= FAR else (left, left - here)
        marked[step] = replace(choice, best=names, to_go=to_go, cost=cost, within=most, lost=lost)
        state, _ = world.step(state, rollout.tokens[:, step])
        if step == max(forced):
            within = most
            right = ends.end(state, most) if step + 1 < len(marked) else [] if bool(rollout.success) else None
    named = None if right is None else world.vocabulary.decode(right)
    return marked, Derailed(mine, bool(own.success), named, within)


class RightEnds:
    """From the state of one episode to a right end, in a world that knows how far that is."""

    def __init__(self, world: Causal, row: Tasks) -> None:
        self.world, self.row = world, row

    def shortest(self, state: State, most: int, token: int | None = None) -> tuple[list[int], int, int]:
        """The legal tokens with which a right program can end soonest; how many are to go after one of these, and after
        `token` (by default one of these): `FAR` where no right end is within `most` tokens after it."""
        world = self.world
        tokens = torch.arange(len(world.vocabulary), device=self.row.kind.device)
        tokens = tokens[world.legal(state)[0]] if world.masks else tokens
        after, step = world.step(_rows(state, torch.zeros_like(tokens)), tokens)
        to_go = torch.where(step.success, 0, FAR)
        searched = (~(step.terminated | step.truncated)).nonzero()[:, 0]
        asked = torch.ones_like(tokens, dtype=torch.bool) if token is None else tokens == token
        for near in range(1, most + 1):  # deeper and deeper: a deep search for a near end is slow
            if bool((to_go[asked] < FAR).any()) or not len(searched):
                break
            found = world.to_go(self.row.repeat_interleave(len(searched)), _rows(after, searched), near).long()
            to_go[searched] = torch.where(found <= near, found, FAR)
            searched = searched[found > near]
        least = int(to_go.min())
        return [] if least >= FAR else tokens[to_go == least].tolist(), least, int(to_go[asked].min())

    def end(self, state: State, most: int) -> list[int] | None:
        """The tokens of a shortest right end, `most` at most; of several the one whose tokens come first. None if there
        is none."""
        tokens: list[int] = []
        while len(tokens) < most:
            best, to_go, _ = self.shortest(state, most - len(tokens) - 1)
            if not best:
                return None
            tokens.append(best[0])
            if to_go == 0:
                return tokens
            state, _ = self.world.step(state, torch.full_like(self.row.kind, best[0]))
        return None


def _rows(state: State, rows: Tensor) -> State:
    return map_rows(state, lambda each: each[rows])
