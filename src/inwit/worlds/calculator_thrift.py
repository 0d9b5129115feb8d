"""Which tokens of the calculator waste nothing: for random programs that look like somebody meant them.

A thrifty program reads every value once: each operand, and each value that it stored. It neither overwrites nor leaves
what it computed and has not used yet. Thrifty programs are the formulas that name each operand at most once; there are
a few thousand of them over four operands and one slot, and a hundred times as many legal programs for each of them.
Nothing here knows what a program computes.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from inwit.types import State
from inwit.vocabulary import Vocabulary
from inwit.worlds.calculator import FIRST_OPERAND, FIRST_SLOT, MAX_SLOTS, CalculatorSettings
from inwit.worlds.calculator_tables import FULL


class Thrift:
    """Follows programs from their start, B rows in lockstep: `allowed` before each token, `note` after it."""

    def __init__(self, settings: CalculatorSettings, vocabulary: Vocabulary, state: State) -> None:
        device, rows = state["mode"].device, state["mode"].shape[0]
        token = torch.arange(len(vocabulary), device=device)
        self.load, self.store = vocabulary.id("LOAD"), vocabulary.id("STO")
        self.sto_verb = 1 + len(settings.tools) + 1
        self.is_tool = torch.zeros_like(token, dtype=torch.bool)
        self.is_tool[vocabulary.ids(settings.tools)] = True
        self.is_slot = (token >= FIRST_SLOT) & (token < FIRST_SLOT + settings.num_slots)
        self.is_argument = (token >= FIRST_OPERAND) & (token < FIRST_SLOT + MAX_SLOTS)
        self.token = token
        self.unread = state["readable"].clone()  # values that are there and have not been read
        self.saved = torch.full((rows,), -1, device=device)  # the slot that the accumulator was just stored in
        self.raw = torch.zeros(rows, dtype=torch.bool, device=device)  # the accumulator was loaded, nothing more

    def allowed(self, state: State) -> Bool[Tensor, "B V"]:
        """The legal tokens that waste nothing, all False where none is left: the program is complete then."""
        verb, full = state["mode"] // 2, state["mode"] % 2 == FULL
        saved, unread = self.saved >= 0, self.unread
        left = unread.any(1)
        room = (self.is_slot & ~unread).any(1)
        new = (self.is_tool & (full & left & ~saved)[:, None]) | ((self.token == self.load) & (saved | ~full)[:, None])
        new = new | ((self.token == self.store) & (full & left & room & ~saved & ~self.raw)[:, None])
        load = unread & (self.token != self.saved[:, None])
        argument = torch.where((verb == 1)[:, None], load, unread)
        argument = torch.where((verb == self.sto_verb)[:, None], self.is_slot & ~unread, argument)
        return torch.where((verb == 0)[:, None], new, argument)

    def note(self, state: State, token: Int[Tensor, " B"]) -> None:
        """`token` was written in `state`."""
        verb = state["mode"] // 2
        stored = (verb == self.sto_verb) & self.is_argument[token]
        read = (verb > 0) & ~stored & self.is_argument[token]
        flag = torch.where(stored | read, stored, self.unread.gather(1, token[:, None])[:, 0])
        self.unread.scatter_(1, token[:, None], flag[:, None])
        self.raw = torch.where(read, verb == 1, self.raw)
        self.saved = torch.where(stored, token, torch.where(read, -1, self.saved))
