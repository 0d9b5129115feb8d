"""Running a policy in a world: `collect` records a lockstep block of episodes.

All episodes start together and each column holds one token per row, chosen by the policy or forced by the world.
Between sampling and the loss no shape depends on data and nothing is read back from the device, except that
`leave_early` asks after each column whether all rows have ended.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor

from inwit.distributions import choose, gumbel, masked_log_softmax
from inwit.types import Memory, Output, Rollout, Step, Tasks, map_rows


def collect(
    world: Any,
    policy: Any,
    problems: Tasks,
    *,
    group_size: int = 1,
    generator: torch.Generator | None = None,
    keep_graph: bool = False,
    after_end: bool = False,
    leave_early: bool = True,
) -> Rollout:
    """One episode for each of the `problems`, or `group_size` consecutive rows for each.

    Tokens are sampled with `generator`; without one the likeliest legal token is taken. `keep_graph` keeps the outputs'
    autograd graph. `after_end` lets the policy go on writing, without effect, after its episode has ended, to the last
    column: the published loss trains on those tokens. A prompt is read once per problem, whatever the group's size.
    """
    with nullcontext() if keep_graph else torch.no_grad():
        return _collect(world, policy, problems, group_size, generator, keep_graph, after_end, leave_early)


def _collect(
    world: Any,
    policy: Any,
    problems: Tasks,
    group_size: int,
    generator: torch.Generator | None,
    keep_graph: bool,
    after_end: bool,
    leave_early: bool,
) -> Rollout:
    prompt, prompt_mask = world.prompt(problems)
    stage = world.stage(problems)
    output, memory = policy.begin(prompt, prompt_mask, stage)
    tasks = problems
    if group_size > 1:
        tasks = problems.repeat_interleave(group_size)
        output, memory = _repeat(output, memory, group_size)
    noise = None if generator is None else gumbel((world.num_columns, *output.logits.shape), generator)

    state = world.reset(tasks)
    ended = torch.zeros_like(tasks.kind, dtype=torch.bool)
    outputs, columns, steps = [], [], []
    for column in range(world.num_columns):
        legal = world.legal(state) if world.masks else torch.ones_like(output.logits, dtype=torch.bool)
        token = choose(output.logits.detach(), legal, None if noise is None else noise[column])
        forced = world.forced(state)
        if after_end:
            forced = forced.masked_fill(ended, -1)
        chosen = forced < 0
        token = torch.where(chosen, token, forced)
        columns.append((token, legal, ~ended, chosen))
        outputs.append(output)
        state, step = world.step(state, token)
        steps.append(step)
        ended = ended | step.terminated | step.truncated
        last = column + 1 == world.num_columns
        if last or (leave_early and not after_end and bool(ended.all())):
            break
        output, memory = policy.step(token, memory)
    return _assemble(tasks, (prompt, prompt_mask, stage), group_size, columns, outputs, steps, keep_graph)


def _assemble(
    tasks: Tasks,
    prompt: tuple[Tensor, Tensor, Tensor],
    group_size: int,
    columns: list[tuple[Tensor, Tensor, Tensor, Tensor]],
    outputs: list[Output],
    steps: list[Step],
    keep_graph: bool,
) -> Rollout:
    tokens, legal, live, chosen = (torch.stack(parts, 1) for parts in zip(*columns, strict=True))
    logits = torch.stack([output.logits for output in outputs], 1)
    values = torch.stack([output.value for output in outputs], 1)
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
        reward=torch.stack([step.reward for step in steps], 1).to(logits.dtype),
        terminated=_any([step.terminated for step in steps]),
        truncated=_any([step.truncated for step in steps]),
        success=_any([step.success for step in steps]),
        extra={name: _any([step.extra[name] for step in steps]) for name in steps[0].extra},
        outputs=Output(logits, values) if keep_graph else None,
    )


def _any(flags: list[Tensor]) -> Bool[Tensor, " B"]:
    return torch.stack(flags).any(0)


def _repeat(output: Output, memory: Memory, times: int) -> tuple[Output, Memory]:
    repeated = Output(output.logits.repeat_interleave(times, 0), output.value.repeat_interleave(times, 0))
    return repeated, map_rows(memory, lambda tensor: tensor.repeat_interleave(times, 0))
