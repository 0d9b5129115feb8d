"""Exact evaluation of the greedy agent where the world draws: every outcome that the world may write is followed.

Rows carry weights. Where it is not decided what the world writes, a row becomes one row for each token with a chance
above 0, and its weight is multiplied by that chance. What a task leaves open is drawn by `World.step` as it is shown.
A row that has ended is a leaf. Blocks of rows wait on a stack and are followed depth first, and a block that outgrows
`ROWS` is cut in pieces, so memory is bounded whatever the agent does.

Time is bounded, too. A row of less weight than a floor is not expanded, and counts as mass that is not expanded. The
floor falls in rounds, for the problems that have such mass, until there is none or the next round would follow more
than `LEAVES`. So what is left out is what weighs least, and does not depend on the size of a block.
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
from inwit.core.types import Expectation, Memory, Output, State, Tasks, map_rows
from inwit.core.vocabulary import UNDECIDED
from inwit.evaluation.totals import NO_GROUP, Totals
from inwit.policies.replay import check_memory

ROWS = 8192  # rows at a time: few enough for the cache, enough to hide the cost of a call
LEAVES = 2**22  # leaves of one call of `expand`, about
FIRST_FLOOR, FALL = 2.0**-8, 2.0**-4  # of a row's weight, and by how much it falls from round to round

Row = Int[Tensor, " B"]
Flag = Bool[Tensor, " B"]
Weight = Float[Tensor, " B"]


def expand(
    world: Stochastic, policy: Policy, problems: Tasks, shown: Tasks | None = None, leaves: int | None = None
) -> Expectation:
    """What the greedy agent does on each problem, in expectation over all that is not drawn; on the CPU.

    About `leaves` leaves (by default `LEAVES`) are followed, at the most. The prompts are those of `shown`, if given
    (a control). Raises `UserError` if some row has no legal token.
    """
    found = None
    rounds = _rounds(
        world, policy, problems, problems if shown is None else shown, LEAVES if leaves is None else leaves
    )
    for places, totals, over in rounds:
        if over:
            part = totals.expectation()
            found = part if found is None else found.replaced(places.cpu(), part)
    assert found is not None
    return found


def never_wrong(world: Stochastic, policy: Policy, problems: Tasks) -> bool:
    """Whether the greedy agent is right on every problem, whatever is drawn. Stops soon after the first wrong leaf.
    False where more than about `LEAVES` leaves must be followed to know."""
    finished = False
    for _, totals, over in _rounds(world, policy, problems, problems, LEAVES):
        if bool(totals.wrong.any()):
            return False
        finished = over and not bool((totals.unexpanded > 0).any())
    return finished


def _rounds(
    world: Stochastic, policy: Policy, problems: Tasks, shown: Tasks, left: int
) -> Iterator[tuple[Row, Totals, bool]]:
    """Follow the problems, those again with a lower floor that were not followed to their ends, while about `left`
    leaves suffice. After each column: which problems, their sums so far, and whether the round is over."""
    places, floor = torch.arange(len(problems), device=problems.kind.device), FIRST_FLOOR
    while True:
        totals = Totals(world, len(places), places.device)
        for _ in _columns(world, policy, problems[places], shown[places], floor, totals):
            yield places, totals, False
        yield places, totals, True
        unfinished = totals.unexpanded > 0
        left -= int(totals.leaves.sum())
        if int(totals.leaves[unfinished].sum()) / FALL > left or not bool(unfinished.any()):
            return
        places, floor = places[unfinished], floor * FALL


class _Block(NamedTuple):
    """Rows between two columns. `group` is the row whose choice they follow: see `Totals`."""

    question: Row
    weight: Weight
    group: Row
    state: State
    memory: Memory

    def taken(self, rows: Row) -> _Block:
        question, weight, group = (tensor.index_select(0, rows) for tensor in self[:3])
        return _Block(question, weight, group, _select(self.state, rows), _select(self.memory, rows))


class _Waiting(NamedTuple):
    """A piece of a block: what its rows write in the next column, a row for each outcome. They are copied when their
    turn comes."""

    column: int
    block: _Block
    rows: Row
    token: Row
    chance: Weight
    chosen: Flag  # by the policy
    invalid: Flag  # an illegal token, chosen by the policy

    def taken(self) -> _Block:
        same = len(self.rows) == len(self.block.question) and bool((self.rows[1:] == self.rows[:-1] + 1).all())
        return self.block if same else self.block.taken(self.rows)


def _columns(
    world: Stochastic, policy: Policy, problems: Tasks, shown: Tasks, floor: float, totals: Totals
) -> Iterator[None]:
    """Follow all rows to their ends, adding up; yields after each column of a block."""
    with torch.no_grad():
        output, memory = policy.begin(*world.prompt(shown), world.stage(shown))
        check_memory(memory)
        question = torch.arange(len(problems), device=problems.kind.device)
        one = torch.ones_like(question, dtype=torch.float64)
        block = _Block(question, one, torch.full_like(question, NO_GROUP), world.reset(problems), memory)
        stack = _branched(world, 0, block, output, floor, totals)
    while stack:
        with torch.no_grad():
            stack += _after(world, policy, stack.pop(), floor, totals)
        yield


def _after(world: Stochastic, policy: Policy, piece: _Waiting, floor: float, totals: Totals) -> list[_Waiting]:
    """Carry out a column of a piece, and what its rows write next."""
    block, token, column = piece.taken(), piece.token, piece.column + 1
    state, step = world.step(block.state, token)
    block = block._replace(
        weight=block.weight * piece.chance, group=block.group.masked_fill(piece.chosen, NO_GROUP), state=state
    )
    ended = step.terminated | step.truncated
    totals.add(block.question, block.weight, block.group, token, piece.chosen, piece.invalid, step)
    if bool(ended.any()):
        alive = (~ended).nonzero()[:, 0]
        block, token = block.taken(alive), token[alive]
    if not len(token):
        return []
    output = None
    if column < world.num_columns:  # what the world writes later is for the verdict alone: the policy need not see it
        output, memory = policy.step(token, block.memory)
        block = block._replace(memory=memory)
    return _branched(world, column, block, output, floor, totals)


def _branched(
    world: Stochastic, column: int, block: _Block, output: Output | None, floor: float, totals: Totals
) -> list[_Waiting]:
    """What the rows of a block write in the next column, in pieces of at most `ROWS` rows."""
    forced = world.forced(block.state)
    undecided = forced == UNDECIDED
    decided, opened = (~undecided).nonzero()[:, 0], undecided.nonzero()[:, 0]
    light = block.weight[opened] < floor
    if bool(light.any()):
        lost = opened[light]
        totals.leave_out(block.question[lost], block.weight[lost], block.group[lost])
        opened = opened[~light]
    parts = []
    if len(decided):
        token, invalid = _written(world, block.state, output, decided, forced)
        one = torch.ones_like(block.weight[decided])
        parts.append((decided, token, one, forced[decided] < 0, invalid))
    if len(opened):
        block.group[opened] = totals.grouped(block.question[opened], block.group[opened])
        chance = world.chance(_select(block.state, opened))
        parent, token = chance.nonzero().unbind(1)
        never = torch.zeros_like(parent, dtype=torch.bool)
        parts.append((opened[parent], token, chance[parent, token], never, never))
    if not parts:
        return []
    joined = [torch.cat(each) for each in zip(*parts, strict=True)]
    cuts = range(0, len(joined[0]), ROWS)
    return [_Waiting(column, block, *(each[cut : cut + ROWS] for each in joined)) for cut in cuts]


def _written(world: World, state: State, output: Output | None, rows: Row, forced: Row) -> tuple[Row, Flag]:
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
