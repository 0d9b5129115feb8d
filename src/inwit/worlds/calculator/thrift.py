"""Which tokens of the calculator waste nothing. Random programs made of them are good material for hindsight.

A program wastes nothing if it reads each operand, and each value that it stored, exactly once, and stores no value that
was only loaded. Such programs are the formulas that name each operand once, in every order in which the machine can
compute them: 3,240 over four operands with three tools and one slot, among 2*10**9 legal programs of these lengths.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from inwit.core.types import State
from inwit.core.vocabulary import Vocabulary
from inwit.worlds.calculator.rules import FIRST_OPERAND, FIRST_SLOT, MAX_SLOTS, CalculatorSettings
from inwit.worlds.calculator.tables import FULL


class Thrift:
    """Follows B programs from their start, token by token: `allowed` before each token, `note` after it.

    What is kept for each row: `unread` Bool[B, V], the operands and slots whose value has not been read; `saved`
    Int[B], the slot that the accumulator has just been stored in, -1 if it was not; `raw` Bool[B], the accumulator was
    loaded and nothing computed since.
    """

    def __init__(self, settings: CalculatorSettings, vocabulary: Vocabulary, state: State) -> None:
        device, rows = state["mode"].device, state["mode"].shape[0]
        token = torch.arange(len(vocabulary), device=device)
        self.load, self.store = vocabulary.id("LOAD"), vocabulary.id("STO")
        self.sto_verb = len(settings.verbs)
        # Token by token: a list of them would be copied to the device, and wait for it.
        self.is_tool = torch.stack([token == tool for tool in vocabulary.ids(settings.tools)]).any(0)
        self.is_slot = (token >= FIRST_SLOT) & (token < FIRST_SLOT + settings.num_slots)
        self.is_argument = (token >= FIRST_OPERAND) & (token < FIRST_SLOT + MAX_SLOTS)
        self.token, self.unread = token, state["readable"].clone()
        self.saved = torch.full((rows,), -1, device=device)
        self.raw = torch.zeros(rows, dtype=torch.bool, device=device)

    def allowed(self, state: State) -> Bool[Tensor, "B V"]:
        """The legal tokens that waste nothing; none for a row whose program is complete: it has read everything."""
        verb, full = state["mode"] // 2, state["mode"] % 2 == FULL
        return torch.where((verb == 0)[:, None], self._verbs(full), self._arguments(verb))

    def _verbs(self, full: Bool[Tensor, " B"]) -> Bool[Tensor, "B V"]:
        """After STO the accumulator is loaded anew; otherwise a tool uses its value, or STO stores it."""
        saved, left = self.saved >= 0, self.unread.any(1)
        room = (self.is_slot & ~self.unread).any(1)
        load, tool = saved | ~full, full & ~saved & left
        store = tool & room & ~self.raw
        verbs = (self.is_tool, tool), (self.token == self.load, load), (self.token == self.store, store)
        return torch.stack([is_verb & rows[:, None] for is_verb, rows in verbs]).any(0)

    def _arguments(self, verb: Int[Tensor, " B"]) -> Bool[Tensor, "B V"]:
        """Tools and LOAD read what is unread, LOAD not what was just stored; STO takes a slot that is read or empty."""
        load = self.unread & (self.token != self.saved[:, None])
        argument = torch.where((verb == 1)[:, None], load, self.unread)
        return torch.where((verb == self.sto_verb)[:, None], self.is_slot & ~self.unread, argument)

    def note(self, state: State, token: Int[Tensor, " B"]) -> None:
        """`token`, a legal one, was written in `state`."""
        verb = state["mode"] // 2
        stored = (verb == self.sto_verb) & self.is_argument[token]
        read = (verb > 0) & ~stored & self.is_argument[token]
        flag = torch.where(stored | read, stored, self.unread.gather(1, token[:, None])[:, 0])
        self.unread.scatter_(1, token[:, None], flag[:, None])
        self.raw = torch.where(read, verb == 1, self.raw)
        self.saved = torch.where(stored, token, torch.where(read, -1, self.saved))
