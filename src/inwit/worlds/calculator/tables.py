"""The calculator's rules as tables of tensors, made once for a world and device: its control automaton and the
polynomials that it knows.

Which token is legal, and what it does, depends on two things only: which verb is pending and whether the accumulator is
full. Both are one number, the mode: `2 * verb + full`. Verb 0 is none, 1 LOAD, 2, 3, ... the world's tools, the last
one STO.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from inwit.worlds.calculator.rules import FIRST_OPERAND, FIRST_SLOT, PAD, THINK, CalculatorSettings
from inwit.worlds.calculator.tasks import KindTables

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
    tokens: Int[Tensor, " N"]  # of the verbs, by number; PAD for none
    verbs: Int[Tensor, " V"]  # the number of each token that may be pending; 0 for others
    sto: int  # verb number
    ans: int  # effect number


def control(settings: CalculatorSettings, device: torch.device) -> Control:
    """The automaton of the settings' verbs and slots. Cells are the world's letters, then its slots."""
    vocabulary, verbs = settings.vocabulary, ["", *settings.verbs]
    num_modes = 2 * len(verbs)
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
            # A verb that waits beside an empty accumulator, as a person may put it there, takes its argument in vain.
            if name != "LOAD":
                (legal if name == "STO" else reads)[2 * verb + EMPTY, arguments] = True
                following[2 * verb + EMPTY, arguments] = EMPTY
    if settings.ticks:
        legal[[EMPTY, FULL], vocabulary.id(THINK)] = True  # as long as ticks are left; it has no effect
    ans = vocabulary.id("ANS")
    legal[FULL, ans], effect[FULL, ans] = True, len(verbs)

    cell = torch.zeros(len(vocabulary), dtype=torch.int64)
    cell[letters] = letters - FIRST_OPERAND
    cell[slots] = slots - FIRST_SLOT + settings.num_letters
    tokens = torch.tensor([PAD, *vocabulary.ids(settings.verbs)])
    waiting = len(verbs) if settings.num_slots else len(verbs) - 1  # STO is the last verb
    return Control(
        tokens=tokens.to(device),
        verbs=torch.zeros_like(cell).scatter(0, tokens[1:waiting], torch.arange(1, waiting)).to(device),
        legal=legal.to(device),
        reads=reads.to(device),
        effect=effect.flatten().to(device),
        following=following.flatten().to(device),
        cell=cell.to(device),
        sto=len(verbs) - 1,
        ans=len(verbs),
    )


@dataclass(frozen=True)
class Polynomials:
    """Which polynomial a register holds: C of them by their values at the points of the identity test.

    They are numbered: the kinds' classes first, then the polynomials that are only parts of expressions. A 64-bit
    linear hash finds the candidate in a sorted table, and the three values themselves (93 bits) decide. No two entries
    share a hash or values. So an answer can be wrong only for a polynomial that is not in the table and agrees with one
    in it at all three points: (d/p)**3 < 1e-13 for each, as in the identity test.
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
    # The last register of a kind is its value; the registers after its last operator are copies of it.
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
