"""The calculator's rules as tables of tensors, made once for a world and device: its control automaton, its kinds and
the polynomials it knows.

What the machine's *control* does depends on few things only: which verb is pending and whether the accumulator is full.
Both are one number, the mode: `2 * verb + full`. Verb 0 is none, 1 LOAD, 2, 3, ... the world's tools, the last one STO.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from inwit.core.vocabulary import Vocabulary
from inwit.worlds.calculator.expressions import LETTERS, Tree
from inwit.worlds.calculator.rules import (
    FIRST_OPERAND,
    FIRST_SLOT,
    IDENTITY_POINTS,
    PAD,
    CalculatorSettings,
    Expressions,
    verbs_of,
    vocabulary_of,
)

_FACTORS = (-7046029254386353131, -4417276706812531889, 1609587929392839161)  # odd 64-bit numbers, for hashing
EMPTY, FULL = 0, 1  # the modes in which no verb is pending


@dataclass(frozen=True)
class Control:
    """M modes, V tokens; the effect and the mode that follows are looked up at `mode * V + token`.

    Effects: 0 none beyond the mode's, then a completed call of each verb, by its number, then ANS.
    """

    legal: Bool[Tensor, "M V"]  # tokens that the mode alone makes legal
    reads: Bool[Tensor, "M V"]  # arguments that are legal where the state's `readable` has them
    effect: Int[Tensor, " MV"]
    following: Int[Tensor, " MV"]
    cell: Int[Tensor, " V"]  # the cell that an argument names; 0 for other tokens

    sto: int  # verb number
    ans: int  # effect number


def control(settings: CalculatorSettings, device: torch.device) -> Control:
    """The automaton of the settings' verbs and slots. Cells are the world's letters, then its slots."""
    vocabulary = vocabulary_of(settings.tools)
    verbs = ["", *verbs_of(settings.tools)]
    num_modes, sto = 2 * len(verbs), len(verbs) - 1
    shape = (num_modes, len(vocabulary))
    legal, reads = torch.zeros(2, *shape, dtype=torch.bool)
    effect = torch.zeros(shape, dtype=torch.int64)
    following = torch.arange(num_modes)[:, None].repeat(1, shape[1])
    letters = torch.arange(FIRST_OPERAND, FIRST_OPERAND + settings.num_letters)
    slots = torch.arange(FIRST_SLOT, FIRST_SLOT + settings.num_slots)

    for verb, name in enumerate(verbs[1:], 1):
        for full in (EMPTY, FULL) if name == "LOAD" else (FULL,):
            if name == "STO" and not settings.num_slots:
                continue
            token, pending = vocabulary.id(name), 2 * verb + full
            legal[full, token] = True
            following[full, token] = pending
            arguments = slots if name == "STO" else torch.cat([letters, slots])
            (legal if name == "STO" else reads)[pending, arguments] = True
            effect[pending, arguments] = verb
            following[pending, arguments] = FULL
    ans = vocabulary.id("ANS")
    legal[FULL, ans], effect[FULL, ans] = True, len(verbs)

    cell = torch.zeros(len(vocabulary), dtype=torch.int64)
    cell[letters] = letters - FIRST_OPERAND
    cell[slots] = slots - FIRST_SLOT + settings.num_letters
    return Control(
        legal=legal.to(device),
        reads=reads.to(device),
        effect=effect.flatten().to(device),
        following=following.flatten().to(device),
        cell=cell.to(device),
        sto=sto,
        ans=len(verbs),
    )


@dataclass(frozen=True)
class KindTables:
    """K kinds, N operands and M = N - 1 operators at most, W prompt positions.

    An expression is evaluated in M operations over registers 0 .. N + M - 1: the operands, then the results in turn. A
    smaller expression ends in copies of its last result (tool 0), so that the last register is its value.
    """

    num_operators: Int[Tensor, " K"]
    classes: Int[Tensor, " K"]
    tool: Int[Tensor, "K M"]  # 0 to copy, else 1 + the tool's index among the world's
    left: Int[Tensor, "K M"]
    right: Int[Tensor, "K M"]
    prompt: Int[Tensor, "K W"]  # token ids; V + position for an operand
    points: Int[Tensor, "N 3"]  # the operands' values in the identity test


def kind_tables(
    settings: CalculatorSettings, kinds: Expressions, symbols: list[str], width: int, device: torch.device
) -> KindTables:
    """The tables of a world's expressions; `symbols` are its tools' in their order."""
    num_operands, vocabulary = settings.max_operators + 1, vocabulary_of(settings.tools)
    operations = [_operations(tree, symbols, num_operands) for tree in kinds.trees]
    tool, left, right = torch.tensor(operations, device=device).permute(2, 0, 1).contiguous()
    prompts = [_prompt(name, vocabulary, width) for name in kinds.names]
    return KindTables(
        num_operators=torch.tensor(kinds.stages, device=device),
        classes=torch.tensor(kinds.classes, device=device),
        tool=tool,
        left=left,
        right=right,
        prompt=torch.tensor(prompts, device=device),
        points=torch.tensor(IDENTITY_POINTS, device=device).t()[:num_operands].contiguous(),
    )


def _operations(tree: Tree, symbols: list[str], num_operands: int) -> list[tuple[int, int, int]]:
    """(tool, left, right) for each operator, operands first, filled up with copies."""
    done: list[tuple[int, int, int]] = []

    def register(node: Tree) -> int:
        if isinstance(node, int):
            return node
        left, right = register(node[1]), register(node[2])
        done.append((1 + symbols.index(node[0]), left, right))
        return num_operands + len(done) - 1

    last = register(tree)
    return done + [(0, last, last)] * (num_operands - 1 - len(done))


def _prompt(text: str, vocabulary: Vocabulary, width: int) -> list[int]:
    """The expression's tokens and `=`, left-padded; operand i stands as len(vocabulary) + i."""
    ids = [len(vocabulary) + LETTERS.index(sign) if sign in LETTERS else vocabulary.id(sign) for sign in text + "="]
    return [PAD] * (width - len(ids)) + ids


@dataclass(frozen=True)
class Polynomials:
    """Which polynomial a register holds: C of them by their values at the points of the identity test.

    They are numbered: the kinds' classes first, then the polynomials that are only parts of expressions. A 64-bit
    linear hash finds the candidate in a sorted table, and the three values themselves (93 bits) decide. `_table` checks
    that no two entries share a hash or values. So an answer can be wrong only for a polynomial that is not in the table
    and agrees with one of it at all three points: (d/p)**3 < 1e-13 for each, as in the identity test.
    """

    hashes: Int[Tensor, " C"]  # ascending
    numbers: Int[Tensor, " C"]
    lanes: Int[Tensor, "C 3"]
    factors: Int[Tensor, " 3"]  # of the hash

    def find(self, lanes: Int[Tensor, "B 3"]) -> Int[Tensor, " B"]:
        """The number of each row's polynomial, or -1."""
        place = torch.searchsorted(self.hashes, _hash(lanes, self.factors)).clamp(max=len(self.hashes) - 1)
        return torch.where((self.lanes.index_select(0, place) == lanes).all(1), self.numbers[place], -1)

    def __len__(self) -> int:
        return len(self.numbers)


def polynomials(kinds: KindTables, lanes: Int[Tensor, "K M 3"]) -> tuple[Polynomials, Int[Tensor, "K S"]]:
    """The table of the kinds' classes and parts, from the values of all registers, and each kind's parts.

    A kind's parts are the numbers of its proper sub-expressions (operands are none), S = M - 1 at most, filled up with
    -1.
    """
    num_classes = int(kinds.classes.max()) + 1
    of_class = torch.zeros(num_classes, lanes.shape[2], dtype=lanes.dtype, device=lanes.device)
    of_class[kinds.classes] = lanes[:, -1]
    if not torch.equal(of_class[kinds.classes], lanes[:, -1]):
        raise AssertionError("expressions of one class differ at the identity points: one of the two is wrong")
    classes = _table(of_class)
    # The last register of a kind is its value; what stands after its last operator are copies of it.
    exists = torch.arange(lanes.shape[1] - 1, device=lanes.device) < kinds.num_operators[:, None] - 1
    others = torch.unique(lanes[:, :-1][exists], dim=0)
    table = _table(torch.cat([of_class, others[classes.find(others) < 0]]))
    parts = table.find(lanes[:, :-1].flatten(0, 1)).view(exists.shape)
    return table, parts.masked_fill(~exists, -1)


def _table(lanes: Int[Tensor, "C 3"]) -> Polynomials:
    """Polynomials by their values, numbered as they stand. Raises `AssertionError` if two have the same hash."""
    factors = torch.tensor(_FACTORS, device=lanes.device)
    hashes, order = _hash(lanes, factors).sort()
    if bool((hashes.diff() == 0).any()):
        raise AssertionError("two polynomials share their values at the identity points, or their hash")
    return Polynomials(hashes, order, lanes[order], factors)


def _hash(lanes: Int[Tensor, "B 3"], factors: Int[Tensor, " 3"]) -> Int[Tensor, " B"]:
    """A linear hash modulo 2**64 (products wrap around)."""
    return (lanes * factors).sum(1)
