"""Running a policy in a world: `collect` records a lockstep block of episodes.

All episodes start together and each column holds one token per row, chosen by the policy or forced by the world.
Between sampling and the loss no shape depends on data and nothing is read back from the device, except with
`leave_early`, which asks after each column whether all rows have ended.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, field

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from inwit.core.contracts import Achieves, Policy, World, capable
from inwit.core.distributions import choose, gumbel, masked_log_softmax
from inwit.core.errors import UserError
from inwit.core.types import Output, Rollout, State, Step, Tasks
from inwit.policies.replay import for_each_episode
from inwit.worlds.running import any_step


def collect(
    world: World,
    policy: Policy,
    problems: Tasks,
    *,
    shown: Tasks | None = None,
    group_size: int = 1,
    generator: torch.Generator | None = None,
    keep_graph: bool = False,
    after_end: bool = False,
    leave_early: bool = True,
    achieved: bool = False,
) -> Rollout:
    """One episode for each of the `problems`, or `group_size` consecutive rows for each.

    Tokens are sampled with `generator`; without one the likeliest legal token is taken. `keep_graph` keeps the outputs'
    autograd graph. `after_end` lets the policy go on writing, without effect, after its episode has ended, to the last
    column: the published loss trains on those tokens. `leave_early` ends the block when all rows have ended.
    `achieved` records which polynomial the machine holds after each column (for worlds that declare it). A prompt is
    read once per problem, whatever the group's size; it is that of the row's own problem, or of a row of `shown` (a
    control).

    Raises `UserError` if a graph is to be kept, that is, to be learnt from, for problems of the world's test set, or if
    the world's masks left some row without a legal token. Without `leave_early` nothing is read back from the device,
    so neither is noticed here: ask `refuse_faulty` when you wait for the device anyway.
    """
    teacher = _teacher(world) if achieved else None
    if keep_graph and leave_early:
        refuse_test_set(world, problems.kind)
    record = _Record()
    with nullcontext() if keep_graph else torch.no_grad():
        prompt, prompt_mask = world.prompt(problems if shown is None else shown)
        stage = world.stage(problems)
        output, memory = policy.begin(prompt, prompt_mask, stage)
        tasks = problems
        if group_size > 1:
            tasks = problems.repeat_interleave(group_size)
            output, memory = for_each_episode(output, memory, group_size)
        noise = None if generator is None else gumbel((world.num_columns, *output.logits.shape), generator)
        state = world.reset(tasks)
        ended = torch.zeros_like(tasks.kind, dtype=torch.bool)
        for column in range(world.num_columns):
            column_noise = None if noise is None else noise[column]
            token, legal, chosen = _write(world, state, output, column_noise, ended if after_end else None)
            state, step = world.step(state, token)
            record.add(token, legal, ~ended, chosen, output, step)
            if teacher is not None:
                record.achieved.append(teacher.achieved(state).masked_fill(ended, -1))
            ended = ended | step.terminated | step.truncated
            if column + 1 == world.num_columns or (leave_early and not after_end and bool(ended.all())):
                break
            output, memory = policy.step(token, memory)
        rollout = record.rollout(tasks, prompt, group_size, keep_graph)
    if leave_early:
        _check_legal(world, rollout)
    return rollout


def _write(
    world: World, state: State, output: Output, noise: Float[Tensor, "B V"] | None, writes_on: Bool[Tensor, " B"] | None
) -> tuple[Int[Tensor, " B"], Bool[Tensor, "B V"], Bool[Tensor, " B"]]:
    """A column's tokens, which were legal, and which the policy chose; the world forces none on rows that `writes_on`
    marks."""
    legal = world.legal(state) if world.masks else torch.ones_like(output.logits, dtype=torch.bool)
    token, forced = choose(output.logits.detach(), legal, noise), world.forced(state)
    if writes_on is not None:
        forced = forced.masked_fill(writes_on, -1)
    chosen = forced < 0
    return torch.where(chosen, token, forced), legal, chosen


def _teacher(world: World) -> Achieves:
    teacher = capable(world, "achieved")
    if teacher is None:
        raise UserError(f"the world {world.id} cannot tell what a program achieved: leave out achieved=True")
    return teacher


def refuse_faulty(world: World, rollout: Rollout) -> None:
    """Raise `UserError` for a rollout that must not be trained on: problems of the test set, or a token chosen where
    none was legal. Waits for the device."""
    refuse_test_set(world, rollout.tasks.kind)
    _check_legal(world, rollout)


def refuse_test_set(world: World, kinds: Int[Tensor, " B"]) -> None:
    """Raise `UserError` if a kind of the world's test set is among those that are to be trained on.

    Waits for the device where there is a test set.
    """
    if not world.kinds.held_out:
        return
    held_out = torch.zeros(len(world.kinds), dtype=torch.bool)
    held_out[list(world.kinds.held_out)] = True
    taken = held_out.to(kinds.device)[kinds]
    if bool(taken.any()):
        name = world.kinds.names[int(kinds[taken][0])]
        raise UserError(f"{name} is in the test set of {world.id} (a split holds it out): it must not be trained on")


def _check_legal(world: World, rollout: Rollout) -> None:
    """One look at the whole block, after the fact: a token chosen where none was legal means nothing."""
    stuck = rollout.live & rollout.chosen & ~rollout.legal.any(2)
    if bool(stuck.any()):
        row, column = (int(place) for place in stuck.nonzero()[0])
        raise UserError(
            f"the world {world.id} leaves no legal token to episode {row} of {len(stuck)} after {column} tokens: "
            "its rules must always allow one, or force one"
        )


@dataclass
class _Record:
    """The columns of a rollout in the making."""

    columns: list[tuple[Tensor, Tensor, Tensor, Tensor]] = field(default_factory=list)
    outputs: list[Output] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    achieved: list[Tensor] = field(default_factory=list)

    def add(self, token: Tensor, legal: Tensor, live: Tensor, chosen: Tensor, output: Output, step: Step) -> None:
        self.columns.append((token, legal, live, chosen))
        self.outputs.append(output)
        self.steps.append(step)

    def rollout(
        self, tasks: Tasks, prompt: tuple[Tensor, Tensor, Tensor], group_size: int, keep_graph: bool
    ) -> Rollout:
        tokens, legal, live, chosen = (torch.stack(parts, 1) for parts in zip(*self.columns, strict=True))
        logits = torch.stack([output.logits for output in self.outputs], 1)
        values = torch.stack([output.value for output in self.outputs], 1)
        log_probs = masked_log_softmax(logits.detach(), legal).gather(-1, tokens[..., None])[..., 0]
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
            log_probs=log_probs,
            values=values.detach(),
            reward=torch.stack([step.reward for step in self.steps], 1).to(logits.dtype),
            terminated=any_step([step.terminated for step in self.steps]),
            truncated=any_step([step.truncated for step in self.steps]),
            success=any_step([step.success for step in self.steps]),
            extra={name: any_step([step.extra[name] for step in self.steps]) for name in self.steps[0].extra},
            outputs=Output(logits, values) if keep_graph else None,
            achieved=torch.stack(self.achieved, 1) if self.achieved else None,
        )
