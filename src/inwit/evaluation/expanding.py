"""Exact evaluation of the greedy agent where the world draws: every outcome that the world may write is followed.

Rows carry weights. Where it is not decided what the world writes, a row becomes one row for each token with a chance
above 0, and its weight is multiplied by that chance. What a task leaves open is drawn by `World.step` as it is shown.
A row that has ended is a leaf. Blocks of rows wait on a stack and are followed depth first, and a block that outgrows
`ROWS` is cut in pieces, so memory is bounded whatever the agent does. Time is bounded by `LEAST`: a row of less weight
is not expanded, and its weight is reported as mass that is not expanded. Which rows these are depends on no block size.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from inwit.core.capabilities import Stochastic
from inwit.core.contracts import Policy, World
from inwit.core.distributions import choose
from inwit.core.errors import UserError
from inwit.core.types import Expectation, Memory, Output, State, Step, Tasks, map_rows

ROWS = 8192  # rows at a time: few enough for the cache, enough to hide the cost of a call
LEAST = 1e-9  # of a row: with less weight it is not expanded
UNDECIDED = -2  # of `World.forced`

Row = Int[Tensor, " B"]
Flag = Bool[Tensor, " B"]
Weight = Float[Tensor, " B"]


def expand(
    world: Stochastic, policy: Policy, problems: Tasks, shown: Tasks | None = None, least: float = LEAST
) -> Expectation:
    """What the greedy agent does on each problem, in expectation over all that is not drawn; on the CPU.

    The prompts are those of `shown`, if given (a control). Raises `UserError` if some row has no legal token.
    """
    totals = _Totals(world, len(problems), problems.kind.device)
    for _ in _columns(world, policy, problems, shown, least, totals):
        pass
    return totals.expectation()


def never_wrong(world: Stochastic, policy: Policy, problems: Tasks) -> bool:
    """Whether the greedy agent is right on every problem, whatever is drawn. Stops soon after the first wrong leaf."""
    totals = _Totals(world, len(problems), problems.kind.device)
    columns = _columns(world, policy, problems, None, LEAST, totals)
    return not any(bool(totals.wrong.any() | (totals.unexpanded > 0).any()) for _ in columns)


class _Totals:
    """Sums over the rows of each question: N of them."""

    def __init__(self, world: World, questions: int, device: torch.device) -> None:
        self.words, self.masks = len(world.vocabulary), world.masks
        zero = torch.zeros(questions, dtype=torch.float64, device=device)
        self.success, self.luck, self.unexpanded = zero.clone(), zero.clone(), zero.clone()
        self.reward, self.invalid = zero.clone(), zero.clone()
        self.uses = zero.new_zeros(questions * self.words)
        self.counts: dict[str, Tensor] = {}
        self.leaves, self.wrong = zero.long(), zero.long()

    def add(self, rows: _Rows, step: Step, ended: Flag) -> None:
        question, weight, zero = rows.question, rows.weight, torch.zeros_like(rows.weight)
        self.reward.index_add_(0, question, weight * step.reward.double())
        for name, count in step.counts.items():
            known = self.counts.setdefault(name, torch.zeros_like(self.reward))
            known.index_add_(0, question, weight * count)
        taken = torch.where(rows.chosen, weight, zero)
        self.uses.index_add_(0, question * self.words + rows.token, taken)
        if not self.masks:
            self.invalid.index_add_(0, question, torch.where(rows.invalid, weight, zero))
        if bool(ended.any()):
            self.success.index_add_(0, question, torch.where(step.success, weight, zero))
            self.luck.index_add_(0, question, torch.where(step.success & ~rows.chosen, weight, zero))
            self.leaves.index_add_(0, question, ended.long())
            self.wrong.index_add_(0, question, (ended & ~step.success).long())

    def expectation(self) -> Expectation:
        uses = self.uses.view(-1, self.words)
        return Expectation(
            success=self.success.cpu(),
            unexpanded=self.unexpanded.cpu(),
            reward=self.reward.cpu(),
            uses=uses.cpu(),
            counts={name: total.cpu() for name, total in self.counts.items()},
            luck=self.luck.cpu(),
            invalid=self.invalid.cpu(),
            leaves=self.leaves.cpu(),
            wrong=self.wrong.cpu(),
        )


class _Rows(NamedTuple):
    """Rows before a column, with the token that each writes in it."""

    question: Row
    weight: Weight
    state: State
    memory: Memory
    token: Row
    chosen: Flag  # by the policy
    invalid: Flag  # an illegal token, chosen by the policy


class _Waiting(NamedTuple):
    """A piece of a block: some of its rows, a row for each outcome, to be copied when their turn comes."""

    column: int
    block: _Block
    rows: Row
    token: Row
    chance: Weight
    chosen: Flag
    invalid: Flag

    def taken(self) -> _Rows:
        question, weight, state, memory = self.block
        if len(self.rows) != len(question) or bool((self.rows[1:] != self.rows[:-1] + 1).any()):
            question, weight = question[self.rows], weight[self.rows]
            state, memory = _select(state, self.rows), _select(memory, self.rows)
        return _Rows(question, weight * self.chance, state, memory, self.token, self.chosen, self.invalid)


class _Block(NamedTuple):
    question: Row
    weight: Weight
    state: State
    memory: Memory


def _columns(
    world: Stochastic, policy: Policy, problems: Tasks, shown: Tasks | None, least: float, totals: _Totals
) -> Iterator[None]:
    """Follow all rows to their ends, adding up; yields after each column of a block."""
    with torch.no_grad():
        asked = problems if shown is None else shown
        output, memory = policy.begin(*world.prompt(asked), world.stage(asked))
        question = torch.arange(len(problems), device=problems.kind.device)
        block = _Block(question, torch.ones_like(question, dtype=torch.float64), world.reset(problems), memory)
        stack = _branched(world, 0, block, output, least, totals)
    while stack:
        with torch.no_grad():
            piece = stack.pop()
            rows, column = piece.taken(), piece.column + 1
            del piece
            state, step = world.step(rows.state, rows.token)
            ended = step.terminated | step.truncated
            totals.add(rows, step, ended)
            block, token = _Block(rows.question, rows.weight, state, rows.memory), rows.token
            del rows
            if bool(ended.any()):
                alive = (~ended).nonzero()[:, 0]
                block = _Block(block.question[alive], block.weight[alive], *(_select(d, alive) for d in block[2:]))
                token = token[alive]
            if len(token):
                # What the world writes after the last column that a policy may see is for the verdict alone.
                output = None
                if column < world.num_columns:
                    output, memory = policy.step(token, block.memory)
                    block = block._replace(memory=memory)
                stack += _branched(world, column, block, output, least, totals)
        yield


def _branched(
    world: Stochastic, column: int, block: _Block, output: Output | None, least: float, totals: _Totals
) -> list[_Waiting]:
    """The tokens that the rows of a block write in the next column, in pieces of at most `ROWS` rows. A row is there
    once for each outcome."""
    forced = world.forced(block.state)
    undecided = forced == UNDECIDED
    decided, opened = (~undecided).nonzero()[:, 0], undecided.nonzero()[:, 0]
    light = block.weight[opened] < least
    if bool(light.any()):
        lost = opened[light]
        totals.unexpanded.index_add_(0, block.question[lost], block.weight[lost])
        opened = opened[~light]
    parts = []
    if len(decided):
        token, invalid = _written(world, block.state, output, decided, forced)
        one = torch.ones_like(block.weight[decided])
        parts.append((decided, token, one, forced[decided] < 0, invalid))
    if len(opened):
        chance = world.chance(_select(block.state, opened))
        parent, token = chance.nonzero().unbind(1)
        never = torch.zeros_like(parent, dtype=torch.bool)
        parts.append((opened[parent], token, chance[parent, token], never, never))
    if not parts:
        return []
    joined = [torch.cat(each) for each in zip(*parts, strict=True)]
    cuts = range(0, len(joined[0]), ROWS)
    return [_Waiting(column, block, *(each[cut : cut + ROWS] for each in joined)) for cut in cuts]


def _written(world: Stochastic, state: State, output: Output | None, rows: Row, forced: Row) -> tuple[Row, Flag]:
    """The next token of some rows, chosen by the policy or forced by the world; and whether the policy's is illegal."""
    whole = len(rows) == len(forced)
    token = forced if whole else forced[rows]
    chosen = token < 0
    if not bool(chosen.any()):
        return token, chosen
    if output is None:
        raise UserError(f"the world {world.id} asks for a choice after its last column, {world.num_columns}")
    legal = world.legal(state if whole else _select(state, rows))
    if bool((chosen & ~legal.any(1)).any()):
        raise UserError(f"the world {world.id} leaves no legal token to an episode: its rules must always allow one")
    logits = output.logits if whole else output.logits[rows]
    token = torch.where(chosen, choose(logits, legal if world.masks else torch.ones_like(legal), None), token)
    return token, chosen & ~legal.gather(1, token[:, None])[:, 0]


def _select(rows: dict[str, Tensor], places: Row) -> dict[str, Tensor]:
    return map_rows(rows, lambda tensor: tensor.index_select(0, places))
