"""Running a policy in a world: `collect` records a block of episodes in lockstep.

All episodes start together and each column holds one token per row, chosen by the policy or forced by the world.
Without `leave_early` no shape depends on data and nothing is read back from the device.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from inwit.core.capabilities import Achieves, capable
from inwit.core.contracts import Policy, World
from inwit.core.distributions import choose, gumbel, masked_log_softmax
from inwit.core.errors import UserError
from inwit.core.types import Memory, Output, Rollout, State, Step, Tasks
from inwit.core.vocabulary import CHOICE
from inwit.policies.replay import for_each_episode
from inwit.rollout.detours import Detours
from inwit.rollout.hooks import NO_HOOKS, Hooks


def collect(
    world: World,
    policy: Policy,
    problems: Tasks,
    *,
    shown: Tasks | None = None,
    group_size: int = 1,
    generator: torch.Generator | None = None,
    detours: float = 0.0,
    keep_graph: bool = False,
    after_end: bool = False,
    leave_early: bool = True,
    achieved: bool = False,
    hooks: Hooks = NO_HOOKS,
) -> Rollout:
    """One episode for each of the `problems`, or `group_size` consecutive rows for each.

    Tokens are sampled with `generator`; without one the likeliest legal token is taken. The prompts are those of
    `shown`, if given: an agent that reads one task is then judged by another. `keep_graph` keeps the outputs' autograd
    graph. `after_end` lets the policy write on after an episode's end, without effect. `leave_early` ends the block
    when all rows have ended. `achieved` records which polynomial the machine holds after each column. `detours` (a
    share of the episodes) and `hooks` have modules of their own. Raises `UserError` if a graph is to be kept for
    problems of the test set, if some row had no legal token or is not drawn, and for `achieved` in a world without it.
    Without `leave_early` call `refuse_faulty` for the first three."""
    if keep_graph and leave_early:
        refuse_test_set(world, problems.kind)
    teacher, columns = _teacher(world) if achieved else None, []
    with nullcontext() if keep_graph else torch.no_grad():
        prompt = (*world.prompt(problems if shown is None else shown), world.stage(problems))
        output, memory = for_each_episode(*policy.begin(*prompt), group_size)
        tasks = problems if group_size == 1 else problems.repeat_interleave(group_size)
        noise = None if generator is None else gumbel((world.num_columns, *output.logits.shape), generator)
        state, ended = world.reset(tasks), torch.zeros_like(tasks.kind, dtype=torch.bool)
        written, strays = torch.zeros_like(tasks.kind), _detours(world, detours, len(tasks), generator)
        for column in range(world.num_columns):
            output, memory = hooks.remembered(column, policy, output, memory, state)
            draw, astray = None if noise is None else noise[column], strays and strays.now(written)
            token, legal, forced = _write(world, state, output, draw, astray, ended if after_end else None)
            chosen, (token, legal) = forced == CHOICE, hooks.written(column, token, legal, forced)
            state, step = world.step(state, token)
            held = None if teacher is None else teacher.achieved(state).masked_fill(ended, -1)
            columns.append(_Column(token, legal, ~ended, chosen, output, step, held, astray, hooks.kept(memory)))
            written, ended = written + chosen, ended | step.terminated | step.truncated
            if column + 1 == world.num_columns or (leave_early and not after_end and bool(ended.all())):
                break
            output, memory = policy.step(hooks.told(column, token), memory)
        rollout = _joined(columns, tasks, prompt, group_size, keep_graph, hooks.record)
    if leave_early:
        refuse_stuck(world, rollout)
    return rollout


def _teacher(world: World) -> Achieves:
    if teacher := capable(world, "achieved"):
        return teacher
    raise UserError(f"the world {world.id} cannot tell what a program achieved: leave out achieved=True")


def _write(
    world: World,
    state: State,
    output: Output,
    noise: Float[Tensor, "B V"] | None,
    astray: Bool[Tensor, " B"] | None,
    writes_on: Bool[Tensor, " B"] | None,
) -> tuple[Int[Tensor, " B"], Bool[Tensor, "B V"], Int[Tensor, " B"]]:
    """A column's tokens, which ones were legal, and what the world forced (`World.forced`), nothing on the rows that
    `writes_on` marks. Where the world writes, its token alone is legal; none is where that is not decided."""
    legal = world.legal(state) if world.masks else torch.ones_like(output.logits, dtype=torch.bool)
    logits = output.logits.detach() if astray is None else output.logits.detach().masked_fill(astray[:, None], 0.0)
    token, forced = choose(logits, legal, noise), world.forced(state)
    if writes_on is not None:
        forced = forced.masked_fill(writes_on, CHOICE)
    chosen = forced == CHOICE
    written = torch.arange(legal.shape[1], device=legal.device) == forced[:, None]
    return torch.where(chosen, token, forced.clamp_min(0)), torch.where(chosen[:, None], legal, written), forced


def _detours(world: World, share: float, rows: int, generator: torch.Generator | None) -> Detours | None:
    return Detours(share, rows, max(1, world.max_steps // 2), generator) if share and generator else None


def refuse_faulty(world: World, rollout: Rollout) -> None:
    """Raise `UserError` for a rollout with problems of the test set, with a token chosen where none was legal, or of a
    task that is not drawn: it must not be trained on. Waits for the device."""
    refuse_test_set(world, rollout.tasks.kind)
    refuse_stuck(world, rollout)


def refuse_test_set(world: World, kinds: Int[Tensor, " B"]) -> None:
    """Raise `UserError` if one of the kinds is in the world's test set. Waits for the device where there is one."""
    if not world.kinds.held_out:
        return
    taken = torch.isin(kinds, torch.tensor(world.kinds.held_out, device=kinds.device))
    if bool(taken.any()):
        name = world.kinds.names[int(kinds[taken][0])]
        raise UserError(f"{name} is in the test set of {world.id} (a split holds it out): it must not be trained on")


def refuse_stuck(world: World, rollout: Rollout) -> None:
    """Raise `UserError` if a token was chosen where none was legal, or if the world had not decided on its own."""
    stuck = rollout.live & ~rollout.legal.any(2)
    if bool(stuck.any()):
        row, column = (int(place) for place in stuck.nonzero()[0])
        if not bool(rollout.chosen[row, column]):
            raise UserError(
                f"the hidden part of episode {row} of {len(stuck)} is not drawn, so {world.id} does not know what to "
                f"write after {column} tokens: draw the tasks first, with the world's draw(tasks, generator)"
            )
        raise UserError(
            f"the world {world.id} leaves no legal token to episode {row} of {len(stuck)} after {column} tokens: "
            "its rules must always allow one, or force one"
        )


class _Column(NamedTuple):
    token: Int[Tensor, " B"]
    legal: Bool[Tensor, "B V"]
    live: Bool[Tensor, " B"]
    chosen: Bool[Tensor, " B"]
    output: Output
    step: Step
    achieved: Int[Tensor, " B"] | None
    detour: Bool[Tensor, " B"] | None
    memory: Memory


def _joined(
    columns: list[_Column],
    tasks: Tasks,
    prompt: tuple[Tensor, Tensor, Tensor],
    group_size: int,
    keep_graph: bool,
    record: bool,
) -> Rollout:
    tokens, legal, live, chosen = (torch.stack(parts, 1) for parts in zip(*(c[:4] for c in columns), strict=True))
    logits = torch.stack([column.output.logits for column in columns], 1)
    values = torch.stack([column.output.value for column in columns], 1)
    steps = [column.step for column in columns]
    strayed = [column.detour & column.chosen for column in columns if column.detour is not None]
    held = [column.achieved for column in columns if column.achieved is not None]
    return Rollout(
        tasks=tasks,
        prompt=prompt[0],
        prompt_mask=prompt[1],
        stage=prompt[2],
        group_size=group_size,
        tokens=tokens,
        legal=legal,
        live=live,
        chosen=chosen,
        log_probs=masked_log_softmax(logits.detach(), legal).gather(-1, tokens[..., None])[..., 0],
        values=values.detach(),
        reward=torch.stack([step.reward for step in steps], 1).to(logits.dtype),
        terminated=_any([step.terminated for step in steps]),
        truncated=_any([step.truncated for step in steps]),
        success=_any([step.success for step in steps]),
        extra={name: _any([step.extra[name] for step in steps]) for name in steps[0].extra},
        counts={name: torch.stack([step.counts[name] for step in steps]).sum(0) for name in steps[0].counts},
        outputs=Output(logits, values) if keep_graph or record else None,
        detour=torch.stack(strayed, 1) if strayed else None,
        achieved=torch.stack(held, 1) if held else None,
        memories=tuple(column.memory for column in columns) if record else (),
    )


def _any(flags: list[Tensor]) -> Bool[Tensor, " B"]:
    """Whether a flag was set in any of the steps."""
    return torch.stack(flags).any(0)
