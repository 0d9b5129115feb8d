"""A closer look at one run's agent: the programs it writes now, and some problems explained. Needs PyTorch."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from inwit.core.errors import UserError
from inwit.report.select import Run
from inwit.runs.folder import COMPLETE
from inwit.runs.replaced import part_rows

ROWS = 512  # problems of each stage that stand for all of them where a world has too many to list by kind


@dataclass(frozen=True)
class KindResult:
    """One expression: whether the greedy agent solves it, in how many tokens, and how many it takes at the least."""

    name: str
    stage: int
    solved: bool
    steps: int
    shortest: int | None  # None where it is not known
    held_out: bool = False


@dataclass(frozen=True)
class CloseUp:
    """What could be read from an agent; empty, and `problem` says why, where there is none."""

    tools: dict[str, dict[str, float]] = field(default_factory=dict)  # stage -> token -> mean uses in an episode
    kinds: list[KindResult] = field(default_factory=list)  # empty where a kind is more than one problem
    episodes: list[Any] = field(default_factory=list)  # explanations
    problem: str = ""
    source: str = ""  # the checkpoint that it was read from, below the runs' folder, where the run has not ended


def close_up(run: Run, *, each: int) -> CloseUp:
    """Look at the run's agent, with at most `each` explained problems of a stage."""
    from inwit.runs.loading import load
    from inwit.training.loop import threads

    try:
        source = _source(run)
        agent = load(source)
        with threads(1):
            look = _look(agent, run, each)
        return (
            look if source == run.record.path else replace(look, source=f"{run.record.name}/checkpoints/{source.name}")
        )
    except UserError as error:
        return CloseUp(problem=str(error).replace(str(run.record.path), run.record.name))


def _source(run: Run) -> Path:
    """Where the agent is read from: the run, or its newest checkpoint if it has not ended."""
    from inwit.runs import checkpoint

    kept = checkpoint.listed(run.record.path)
    return run.record.path if run.record.status in COMPLETE or not kept else kept[0]


def _look(agent: Any, run: Run, each: int) -> CloseUp:
    import torch

    from inwit.core.seeding import stream
    from inwit.rollout.collect import collect

    world = agent.world
    device = agent.device
    if "identity" in world.capabilities:
        tasks = world.greedy_tasks(device)
    else:
        drawn = torch.arange(len(world.kinds)).repeat_interleave(ROWS)
        tasks = world.sample(drawn, stream(0, "report")).to(device)
    rollout = collect(world, agent.policy, tasks)
    kinds = _kinds(world, rollout) if "identity" in world.capabilities else []
    chosen = _chosen(world, rollout.success.tolist(), tasks.kind.tolist(), each)
    return CloseUp(_tools(world, rollout), kinds, _explained(agent, run, tasks, chosen))


def _tools(world: Any, rollout: Any) -> dict[str, dict[str, float]]:
    """How often an episode writes each token, by stage; operands and slots count as the token they are."""
    import torch

    stages = torch.tensor(world.kinds.stages, device=rollout.tokens.device)[rollout.tasks.kind]
    written = rollout.live & rollout.chosen
    tools: dict[str, dict[str, float]] = {}
    for stage in sorted(set(world.kinds.stages)):
        rows = stages == stage
        counts = torch.bincount(rollout.tokens[rows][written[rows]], minlength=len(world.vocabulary)).tolist()
        size = max(1, int(rows.sum()))
        tools[str(stage)] = {
            name: count / size for name, count in zip(world.vocabulary.names, counts, strict=True) if count
        }
    return tools


def _kinds(world: Any, rollout: Any) -> list[KindResult]:
    from inwit.evaluation.groups import NOT_SEARCHED, SEARCHED
    from inwit.worlds.oracle.shortest import shortest_table

    searched = min(world.settings.max_operators, SEARCHED)
    table = shortest_table(searched, world.settings.num_slots, world.settings.tools)
    steps, right = rollout.live.sum(1).tolist(), rollout.success.tolist()
    return [
        KindResult(name, stage, solved, length, table.get(name, NOT_SEARCHED).length, kind in world.kinds.held_out)
        for kind, (name, stage, solved, length) in enumerate(
            zip(world.kinds.names, world.kinds.stages, right, steps, strict=True)
        )
    ]


def _chosen(world: Any, success: list[bool], kinds: list[int], each: int) -> list[int]:
    """Rows to explain: of each stage first one that failed, if any did, then what stands in its middle and at its
    end."""
    chosen = []
    for stage in sorted(set(world.kinds.stages)):
        rows = [row for row, kind in enumerate(kinds) if world.kinds.stages[kind] == stage]
        failed = [row for row in rows if not success[row]][:1]
        solved = [row for row in rows if success[row]]
        last = [solved[-1], solved[len(solved) // 2]] if solved else rows[1:2]
        chosen += list(dict.fromkeys(failed + last))[:each]
    return chosen


def _explained(agent: Any, run: Run, tasks: Any, rows: list[int]) -> list[Any]:
    from inwit.evaluation.explanation import explain

    known = {row.get("stage"): row.get("oracle_program") for row in part_rows(run.evaluation, "stages")}
    told = agent.world.describe(tasks)
    stages = agent.world.kinds.stages
    return [explain(agent, told[row], known.get(stages[int(tasks.kind[row])])) for row in rows]
