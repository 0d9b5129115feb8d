"""What the greedy agent solves, by its world's exam: all problems where that is possible, else a sample of them.

The world chooses the questions and grades the papers (`worlds.examination`).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Int
from torch import Tensor

from inwit.core.capabilities import Exam, capable
from inwit.core.contracts import Agent, World
from inwit.core.errors import UserError, unknown
from inwit.core.isolation import on_own_terms
from inwit.core.results import Evaluation
from inwit.core.seeding import stream
from inwit.core.types import Expectation, Papers, Rollout, Tasks
from inwit.evaluation.expanding import expand, never_wrong
from inwit.rollout.collect import collect
from inwit.worlds import make
from inwit.worlds.examination import exam_of
from inwit.worlds.vocabularies import other_tokens

CONTROLS = ("shuffled-prompt",)  # the same agent with something taken away


def evaluate(agent: Agent, control: str | None = None) -> Evaluation:
    """The greedy agent's result in its world's exam.

    `control` takes something away from the agent: `shuffled-prompt` shows it, for each problem, the prompt of another
    one of the same stage. Raises `UserError` for a control that does not exist or that can take nothing away, and for
    an agent with weights that are not finite.
    """
    refuse_unfit(agent)
    with on_own_terms(agent.threads):
        exam = exam_of(agent.world)
        return exam.grade(sit(agent, exam, range(len(agent.world.kinds)), control))


def refuse_unfit(agent: Agent) -> None:
    """Raises `UserError` for an agent with weights that are not finite: what it writes means nothing. And for one in a
    world with other tokens, or more stages, than those that it was trained on or written for."""
    home = agent.made_for if agent.config is None else agent.config.world
    if home and (home.id, home.settings) != (agent.world.id, agent.world.settings):
        there = make(home.id, **home.settings.to_dict())
        if differ := other_tokens(there, agent.world):
            raise UserError(f"the agent does not fit this world: {differ}")
        stages, known = agent.world.kinds.num_stages, there.kinds.num_stages
        if stages > known and getattr(getattr(agent.policy, "settings", None), "stage_aware", False):
            raise UserError(
                f"the agent does not fit this world: it knows {known} stages, and {agent.world.id} with these settings "
                f"has {stages}; policy.stage_aware = false trains one for all"
            )
    named = agent.policy.named_parameters() if isinstance(agent.policy, torch.nn.Module) else ()
    for name, weights in named:
        if not bool(weights.isfinite().all()):
            raise UserError(
                f"the agent has lost its numbers: its weights {name} are not finite; load another checkpoint"
            )


def solves_all(agent: Agent) -> bool:
    """Whether the greedy agent solves every problem of every kind outside the test set. Hard kinds come first; it stops
    at the first failure. False where no exam can prove it."""
    kinds, exam = agent.world.kinds, exam_of(agent.world)
    hard_first = sorted(kinds.trained, key=lambda kind: -kinds.stages[kind])
    questions = exam.tasks(hard_first, agent.device)
    return exam.proven and all(_all_right(agent, tasks) for tasks in questions)


def _all_right(agent: Agent, tasks: Tasks) -> bool:
    draws = capable(agent.world, "chance")
    if draws:
        return never_wrong(draws, agent.policy, tasks)
    return bool(collect(agent.world, agent.policy, tasks).success.all())


def sit(agent: Agent, exam: Exam, kinds: Sequence[int], control: str | None = None) -> Papers:
    """The papers of a greedy agent that answers the questions of some kinds; on the CPU."""
    world, blocks = agent.world, list(exam.tasks(kinds, agent.device))
    shown = others_shown(world, blocks, control) if control is not None else blocks
    pairs = zip(blocks, shown, strict=True)
    # An exam that only samples asks tasks in which all is drawn: there is nothing to expand.
    if exam.proven and (draws := capable(world, "chance")):
        expected = Expectation.joined([expand(draws, agent.policy, tasks, shown=other) for tasks, other in pairs])
        return _expected_papers(Tasks.joined(blocks).to("cpu"), expected)
    papers = [_papers(collect(world, agent.policy, tasks, shown=other), world.num_columns) for tasks, other in pairs]
    return Papers(
        tasks=Tasks.joined([each.tasks for each in papers]),
        success=torch.cat([each.success for each in papers]),
        steps=torch.cat([each.steps for each in papers]),
        extra={name: torch.cat([each.extra[name] for each in papers]) for name in papers[0].extra},
        tokens=torch.cat([each.tokens for each in papers]),
        counts={name: torch.cat([each.counts[name] for each in papers]) for name in papers[0].counts},
    )


def _expected_papers(tasks: Tasks, expected: Expectation) -> Papers:
    return Papers(
        tasks=tasks,
        success=expected.proven,
        steps=expected.steps.round().long(),
        extra={},
        tokens=torch.empty(len(tasks), 0, dtype=torch.int16),
        expected=expected,
    )


def _papers(rollout: Rollout, columns: int) -> Papers:
    """Of a greedy rollout the chosen tokens alone, side by side."""
    taken = rollout.live & rollout.chosen
    order = (~taken).long().argsort(dim=1, stable=True)
    tokens = rollout.tokens.masked_fill(~taken, -1).gather(1, order).to(torch.int16)
    tokens = torch.nn.functional.pad(tokens, (0, columns - tokens.shape[1]), value=-1)
    return Papers(
        tasks=rollout.tasks.to("cpu"),
        success=rollout.success.cpu(),
        steps=taken.sum(1).cpu(),
        extra={name: flags.cpu() for name, flags in rollout.extra.items()},
        tokens=tokens.cpu(),
        counts={name: count.cpu() for name, count in rollout.counts.items()},
    )


def others_shown(world: World, blocks: Sequence[Tasks], control: str) -> list[Tasks]:
    """For each problem of all blocks another one of the same stage, whose prompt the agent is shown instead.

    The machine, the legal tokens and the goal stay the problem's own, so what is still solved was not read from the
    prompt. Raises `UserError` for a control that does not exist, and where all problems of a stage have one prompt.
    """
    if control not in CONTROLS:
        raise unknown("control", control, CONTROLS)
    tasks = Tasks.joined(blocks)
    stage = world.stage(tasks).cpu()
    prompt, mask = world.prompt(tasks)
    prompt = prompt.masked_fill(~mask, -1).cpu().unique(dim=0, return_inverse=True)[1]
    for each in stage.unique():
        if len(prompt[stage == each].unique()) < 2:
            raise UserError(f"control = {control}: stage {each} of {world.id} has one prompt alone, and so no other")
    shown = tasks[others(stage, prompt).to(tasks.kind.device)]
    starts = torch.tensor([0, *(len(block) for block in blocks)]).cumsum(0).tolist()
    return [shown[start:end] for start, end in pairwise(starts)]


def others(stage: Int[Tensor, " B"], prompt: Int[Tensor, " B"]) -> Int[Tensor, " B"]:
    """For each row another one of the same stage: each stage's rows in a random circle, each row gets a later one's.

    `prompt` numbers the prompts. Rows with the same one stand together in the circle, and the other row is so far
    along it that its prompt is another one, unless more than half of the stage's rows have the same prompt.
    """
    order = torch.randperm(len(stage), generator=stream(0, "shuffled prompt"))
    chosen = torch.empty_like(order)
    for each in stage.unique():
        circle = order[stage[order] == each]
        _, number, counts = prompt[circle].unique(return_inverse=True, return_counts=True)
        first = torch.full_like(counts, len(circle)).scatter_reduce_(0, number, torch.arange(len(circle)), "amin")
        circle = circle[first[number].argsort(stable=True)]
        chosen[circle] = circle.roll(int(counts.max()))
    return chosen
