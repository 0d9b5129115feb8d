"""All right programs at once: for every beginning of one, which token comes next in the best of them.

A store for C classes. Programs are told with the class that they compute. A *beginning* is a class and the first tokens
of a program of it; each has a cell, found by hashing, that holds the best program which begins so: its length, the
order in which it reads the operands, and its next token, packed into one number, so that taking programs in is one
minimum over cells. Of two beginnings that share a cell the better one stays; a part of their hashes, kept in the cell,
tells whose it is. It is never found wrong but with a chance of 2**-20 or less for each cell asked.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from inwit.core.seeding import stream
from inwit.learners.auxiliary.programs import LIMIT, lexicographic

READS = 8  # the order of reading is compared for this many operands read
NONE = LIMIT  # an empty cell


class Ways:
    """`cells` Int[2**bits]; programs have up to `columns` tokens out of `tokens`, and name `operands` operands."""

    def __init__(
        self, bits: int, *, classes: int, columns: int, tokens: int, operands: int, device: torch.device | str
    ) -> None:
        generator = stream(0, "hashes of beginnings")  # fixed: a store that was saved must be found again
        low, high = -(2**62), 2**62
        self.of_token = torch.randint(low, high, (columns, tokens), generator=generator).to(device)
        self.of_class = torch.randint(low, high, (classes,), generator=generator).to(device)
        self.cells = torch.full((2**bits,), NONE, device=device)
        self.tokens, self.lengths, self.orders = tokens, columns + 1, (operands + 1) ** READS
        self.marks = 2 ** ((LIMIT // (self.lengths * self.orders * tokens)).bit_length() - 1)
        assert self.marks >= 2**20, "the order of reading and the marks do not fit a number"
        self.digit = operands + 1

    def take_in(
        self,
        tokens: Int[Tensor, "B T"],
        operand: Int[Tensor, "B T"],
        at: Int[Tensor, "B H"],
        of: Int[Tensor, "B H"],
        right: Bool[Tensor, "B H"],
        answer: int,
    ) -> None:
        """Take in programs that held the class `of` after column `at`, where `right`; `answer` then ends them."""
        columns = tokens.shape[1]
        column = torch.arange(columns + 1, device=tokens.device)
        order = self._order(operand).gather(1, at)
        begun = torch.nn.functional.pad(self._begun(tokens), (1, 0))  # [B, T + 1]: the hash before each column
        hashes = begun[:, None] + self.of_class[of][..., None]
        following = torch.nn.functional.pad(tokens, (0, 1))[:, None].expand(hashes.shape)
        following = torch.where(column == at[..., None] + 1, answer, following)
        packed = lexicographic(
            (at[..., None] + 2, self.lengths),
            (order[..., None], self.orders),
            (following, self.tokens),
            (self._mark(hashes), self.marks),
        )
        packed = torch.where(right[..., None] & (column <= at[..., None] + 1), packed, NONE)
        self.cells.scatter_reduce_(0, self._cell(hashes).flatten(), packed.flatten(), "amin")

    def begin(
        self, of: Int[Tensor, " N"], tokens: Int[Tensor, "N T"], length: Int[Tensor, " N"]
    ) -> Int[Tensor, " N"]:
        """The hash of the class `of` and the first `length` tokens."""
        column = torch.arange(tokens.shape[1], device=tokens.device)
        codes = self.of_token[column, tokens]
        return self.of_class[of] + torch.where(column < length[:, None], codes, 0).sum(1)

    def on(
        self, hashes: Int[Tensor, " N"], column: Int[Tensor, " N"], token: Int[Tensor, " N"]
    ) -> Int[Tensor, " N"]:
        """The hash with one token more, which stands in that column."""
        return hashes + self.of_token[column, token]

    def find(self, hashes: Int[Tensor, " N"]) -> tuple[Bool[Tensor, " N"], Int[Tensor, " N"], Int[Tensor, " N"]]:
        """Whether a right program that begins so is known, its length and its next token."""
        packed = self.cells[self._cell(hashes)]
        known = (packed < NONE) & (packed % self.marks == self._mark(hashes))
        token = packed // self.marks % self.tokens
        return known, packed // (self.marks * self.tokens * self.orders), token

    def _begun(self, tokens: Int[Tensor, "B T"]) -> Int[Tensor, "B T"]:
        return self.of_token[torch.arange(tokens.shape[1], device=tokens.device), tokens].cumsum(1)

    def _order(self, operand: Int[Tensor, "B T"]) -> Int[Tensor, "B T"]:
        """The first operands read up to each column, as the digits of a number."""
        read = operand >= 0
        turn = read.cumsum(1) - 1
        weight = torch.where(read & (turn < READS), self.digit ** (READS - 1 - turn.clamp(0, READS - 1)), 0)
        return ((operand + 1) * weight).cumsum(1)

    def _cell(self, hashes: Int[Tensor, "*N"]) -> Int[Tensor, "*N"]:
        return hashes & (len(self.cells) - 1)

    def _mark(self, hashes: Int[Tensor, "*N"]) -> Int[Tensor, "*N"]:
        return (hashes >> 24) & (self.marks - 1)
