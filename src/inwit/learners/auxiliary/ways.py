"""All right programs at once: for every beginning of one, how the best program that begins so goes on.

A *beginning* is a class of expressions and the first tokens of a program that computes it. Each has a cell, found by
hashing. The cell holds the best known program with that beginning: its length, the order in which it reads the
operands, and its next token, packed into one number. So taking programs in is one minimum over the cells. Of two
beginnings that share a cell the one with the better program stays, and the other one is not known. A part of the hash
is kept in the cell; it tells which of them is there, and is wrong with a chance of one in a million at most.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Int
from torch import Tensor
from torch.nn.functional import pad

from inwit.core.seeding import stream
from inwit.learners.auxiliary.programs import LIMIT, lexicographic, order_of_reading

READS = 8  # the order of reading is compared for this many operands read
EMPTY = LIMIT


class Ways:
    """The store: `cells` Int[2**bits]. Programs have T tokens at most, of V; the last one is the `answer`. They name
    up to `operands` operands, and compute one of C classes."""

    def __init__(
        self,
        bits: int,
        *,
        classes: int,
        columns: int,
        tokens: int,
        operands: int,
        answer: int,
        device: torch.device | str = "cpu",
    ) -> None:
        generator = stream(0, "hashes of beginnings")  # fixed, so that a store that was saved can be read
        low, high = -(2**62), 2**62
        self.of_token = torch.randint(low, high, (columns, tokens), generator=generator).to(device)
        self.of_class = torch.randint(low, high, (classes,), generator=generator).to(device)
        self.cells = torch.full((2**bits,), EMPTY, device=device)
        self.answer, self.base, self.tokens, self.lengths = answer, operands + 1, tokens, columns + 1
        self.orders = self.base**READS
        self.marks = 2 ** ((LIMIT // (self.lengths * self.orders * tokens)).bit_length() - 1)
        assert self.marks >= 2**20, f"{columns} tokens and {operands} operands leave no room for marks"

    def take_in(
        self,
        tokens: Int[Tensor, "B T"],
        operand: Int[Tensor, "B T"],
        at: Int[Tensor, "B H"],
        classes: Int[Tensor, "B H"],
        right: Bool[Tensor, "B H"],
    ) -> None:
        """Take in H programs of each row: its tokens up to column `at`, and then the answer, compute a class. Those
        that are not `right` are left out. `operand` is the place of the operand that a token names, -1 for none."""
        tokens = pad(tokens, (0, len(self.of_token) - tokens.shape[1]))
        column, end = torch.arange(tokens.shape[1], device=tokens.device), at[..., None] + 1
        hashes = self._beginnings(tokens)[:, None] + self.of_class[classes][..., None]
        following = torch.where(column == end, self.answer, tokens[:, None])
        packed = lexicographic(
            (end + 1, self.lengths),
            (order_of_reading(operand, self.base, READS).gather(1, at)[..., None], self.orders),
            (following, self.tokens),
            (self._mark(hashes), self.marks),
        )
        packed = torch.where(right[..., None] & (column <= end), packed, EMPTY)
        self.cells.scatter_reduce_(0, self._cell(hashes).flatten(), packed.flatten(), "amin")

    def follow(
        self, classes: Int[Tensor, " N"], opening: Int[Tensor, "N T"], at: Int[Tensor, " N"]
    ) -> tuple[Int[Tensor, "N T"], Int[Tensor, " N"]]:
        """The best known programs of these classes that begin as the openings do, up to column `at`, and how long they
        are: 0 where none is known. Their tokens stand after column `at`; before it is nothing to be read."""
        columns = opening.shape[1]
        reached = at.clamp_max(columns - 1)[:, None]
        before, last = self._beginnings(opening).gather(1, reached)[:, 0], opening.gather(1, reached)[:, 0]
        begun = before + self.of_token[reached[:, 0], last] + self.of_class[classes]
        going, end, tokens = at < columns, torch.zeros_like(at), []
        for column in range(columns):
            known, token, _ = self.find(begun)
            here = going & (column > at)
            going = going & (known | ~here)
            tokens.append(token)
            answered = here & known & (token == self.answer)
            end = torch.where(answered, column + 1, end)
            going = going & ~answered
            begun = torch.where(here, begun + self.of_token[column][token], begun)
        return torch.stack(tokens, 1), end

    def ties(
        self,
        classes: Int[Tensor, " N"],
        own: Int[Tensor, "N T"],
        length: Int[Tensor, " N"],
        generator: torch.Generator,
    ) -> tuple[Int[Tensor, " N"], Int[Tensor, " N"]]:
        """For each own program a column and a token that it does not have there, after which a known program is no
        longer. One of all such pairs is drawn; the column is T where there is none."""
        columns, token = own.shape[1], torch.arange(self.tokens, device=own.device)
        begun = self._beginnings(own) + self.of_class[classes][:, None]
        known, _, whole = self.find(begun[..., None] + self.of_token[:columns])
        inside = torch.arange(columns, device=own.device) < length[:, None] - 1
        tie = known & (whole <= length[:, None, None]) & inside[..., None] & (token != own[..., None])
        scores = torch.rand(tie.shape, generator=generator, device=own.device).masked_fill(~tie, -1.0).flatten(1)
        best = scores.argmax(1)
        return torch.where(tie.flatten(1).any(1), best // self.tokens, columns), best % self.tokens

    def find(self, beginning: Int[Tensor, "*N"]) -> tuple[Bool[Tensor, "*N"], Int[Tensor, "*N"], Int[Tensor, "*N"]]:
        """Whether a program with such a beginning, told by its hash, is known; its next token, and its length."""
        packed = self.cells[self._cell(beginning)]
        known = (packed < EMPTY) & (packed % self.marks == self._mark(beginning))
        packed = packed // self.marks
        return known, packed % self.tokens, packed // (self.tokens * self.orders)

    def _beginnings(self, tokens: Int[Tensor, "B T"]) -> Int[Tensor, "B T"]:
        """The hash of what stands before each column, without the class. It wraps around."""
        codes = self.of_token[torch.arange(tokens.shape[1], device=tokens.device), tokens]
        return codes.cumsum(1) - codes

    def _cell(self, beginning: Int[Tensor, "*N"]) -> Int[Tensor, "*N"]:
        return beginning & (len(self.cells) - 1)

    def _mark(self, beginning: Int[Tensor, "*N"]) -> Int[Tensor, "*N"]:
        return (beginning >> 24) & (self.marks - 1)  # bits that choose no cell
