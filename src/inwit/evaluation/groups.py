"""Exact evaluation where identity decides: one greedy run of each expression is its success over all inputs.

Grouped by number of operators and by the slots that the expression needs, beside the proven shortest programs, a random
policy and the best constant program.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from inwit.core.contracts import Agent
from inwit.core.seeding import stream
from inwit.core.types import Tasks
from inwit.rollout.collect import collect
from inwit.rollout.perform import perform
from inwit.worlds.oracle.shortest import ShortestProgram, shortest_table

DIGITS = 100  # digit rows per expression on which success by value is sampled
SEARCHED = 4  # operators: larger expressions are searched one by one, for seconds each, and are left out
NOT_SEARCHED = ShortestProgram(program=None, length=None, proven=False, searched_to=0, slots_needed=None)
RANDOM = 200  # random programs per expression


@dataclass(frozen=True)
class GroupResult:
    """Expressions with as many operators that need as many slots. Lengths are means in tokens.

    `mean_tokens` and `shortest_tokens` are over the expressions that the agent solves; None if it solves none.
    `value_success` (on digits), and `random_success` of uniformly random legal programs, are sampled; luck is what
    value success has over identity. `shortcut_success` is the share that one constant program solves, the best one.
    """

    operators: int
    slots_needed: int | None  # None: no program within the bound of the search
    expressions: int
    identity_solved: int
    value_success: float
    mean_tokens: float | None
    shortest_tokens: float | None
    proven: int  # expressions whose shortest length is proven
    random_success: float
    shortcut_success: float


@dataclass(frozen=True)
class GroupEvaluation:
    world: str
    groups: list[GroupResult]
    split: dict[str, Any]
    unsolved: list[str]
    known_limit: str
    tokens_over_shortest: float | None  # on what is solved and has a proven shortest length

    @property
    def problems(self) -> int:
        return sum(group.expressions for group in self.groups)

    @property
    def solved(self) -> int:
        return sum(group.identity_solved for group in self.groups)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def evaluate_expressions(agent: Agent) -> GroupEvaluation:
    """One greedy run of every expression of the agent's world."""
    world: Any = agent.world
    device = agent.device
    tasks = world.greedy_tasks(device)
    rollout = collect(world, agent.policy, tasks)
    solved, steps = rollout.success, rollout.live.sum(1)
    value, random = _value_success(world, tasks, rollout.tokens), _random_success(world)
    searched = min(world.settings.max_operators, SEARCHED)
    table = shortest_table(searched, world.settings.num_slots, world.settings.tools)
    best = [table.get(name, NOT_SEARCHED) for name in world.kinds.names]
    keys = [(stage, program.slots_needed) for stage, program in zip(world.kinds.stages, best, strict=True)]
    groups = []
    for key in sorted(set(keys), key=lambda key: (key[0], -1 if key[1] is None else key[1])):
        members = [index for index, other in enumerate(keys) if other == key]
        groups.append(_group(key, members, world, solved, steps, value, random, best))
    unsolved = [name for name, right in zip(world.kinds.names, solved.tolist(), strict=True) if not right]
    over = _over_shortest(solved.tolist(), steps.tolist(), best)
    return GroupEvaluation(world.id, groups, _split(world, solved), unsolved, world.known_limit, over)


def _over_shortest(solved: list[bool], steps: list[int], best: list[ShortestProgram]) -> float | None:
    """Tokens over tokens, all expressions together; None where nothing is solved whose shortest length is proven."""
    pairs = [
        (taken, program.length)
        for right, taken, program in zip(solved, steps, best, strict=True)
        if right and program.proven and program.length
    ]
    return sum(taken for taken, _ in pairs) / sum(length for _, length in pairs) if pairs else None


def _split(world: Any, solved: Bool[Tensor, " K"]) -> dict[str, Any]:
    """How the trained and the held-out expressions fare, by number of operators.

    A *twin* is a held-out expression that equals a trained one as a polynomial: a program for it was there to be
    learnt. The split by classes has none; the split by text leaks by them.
    """
    held_out = set(world.kinds.held_out)
    taught = {number for kind, number in enumerate(world.kinds.classes) if kind not in held_out}
    parts: dict[str, dict[str, list[int]]] = {"trained": {}, "held_out": {}}
    for kind, (stage, right) in enumerate(zip(world.kinds.stages, solved.tolist(), strict=True)):
        part = parts["held_out" if kind in held_out else "trained"].setdefault(str(stage), [0, 0])
        part[0] += right
        part[1] += 1
    twins = sum(world.kinds.classes[kind] in taught for kind in held_out)
    return {"name": world.settings.split, **parts, "held_out_twins": twins}  # solved, of


def _group(
    key: tuple[int, int | None],
    members: list[int],
    world: Any,
    solved: Bool[Tensor, " K"],
    steps: Int[Tensor, " K"],
    value: Float[Tensor, " K"],
    random: Float[Tensor, " K"],
    best: list[ShortestProgram],
) -> GroupResult:
    right = [index for index in members if solved[index]]
    known = [best[index].length for index in right]
    # What was searched and has no program cannot be solved by a constant one either.
    possible = [world.kinds.classes[index] for index in members if best[index].program or not best[index].searched_to]
    return GroupResult(
        operators=key[0],
        slots_needed=key[1],
        expressions=len(members),
        identity_solved=len(right),
        value_success=float(value[members].double().mean()),
        mean_tokens=float(steps[right].double().mean()) if right else None,
        shortest_tokens=sum(length or 0 for length in known) / len(known) if known and all(known) else None,
        proven=sum(best[index].proven for index in members),
        random_success=float(random[members].double().mean()),
        # A constant program computes one polynomial: at best that of the largest class.
        shortcut_success=max(Counter(possible).values(), default=0) / len(members),
    )


def _value_success(world: Any, tasks: Tasks, tokens: Int[Tensor, "K T"]) -> Float[Tensor, " K"]:
    """The share of digit rows on which each expression's program gives the right value, letters as in `tasks`."""
    rows = tasks.repeat_interleave(DIGITS)
    drawn = world.sample(rows.kind.cpu(), stream(0, "value success")).to(tokens.device)
    digits = drawn.data["operands"] * (rows.data["letters"] >= 0)
    _, extra = perform(world, Tasks(rows.kind, rows.data | {"operands": digits}), tokens.repeat_interleave(DIGITS, 0))
    return extra["value_success"].float().view(-1, DIGITS).mean(1)


def _random_success(world: Any) -> Float[Tensor, " K"]:
    """The share of uniformly random legal programs that are right, for each expression."""
    kinds = torch.arange(len(world.kinds)).repeat_interleave(RANDOM)
    generator = stream(0, "random success")
    success, _ = perform(world, world.sample(kinds, generator), None, generator)
    return success.float().view(-1, RANDOM).mean(1)
