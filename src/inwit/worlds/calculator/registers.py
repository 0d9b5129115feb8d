"""What a person sees of the calculator's machine, and may change: accumulator, slots, the pending verb, the ticks."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from inwit.core.types import Register, State
from inwit.worlds.calculator.rules import FIRST_SLOT, CalculatorSettings
from inwit.worlds.calculator.tables import FULL, Control
from inwit.worlds.calculator.tools import HALF


def registers_of(settings: CalculatorSettings) -> tuple[Register, ...]:
    """The registers of a world with these settings; values are balanced residues."""
    names = ["accumulator", *(f"m{slot}" for slot in range(settings.num_slots))]
    verbs = [verb for verb in settings.verbs if verb != "STO" or settings.num_slots]
    tokens = tuple(settings.vocabulary.ids(verbs))
    pending = Register("pending", "token", min(tokens), max(tokens), tokens=tokens)
    ticks = [Register("ticks", least=0, most=settings.ticks, optional=False)] if settings.ticks else []
    return *(Register(name, least=-HALF, most=HALF) for name in names), pending, *ticks


def read(settings: CalculatorSettings, tables: Control, state: State) -> tuple[Int[Tensor, "B R"], Bool[Tensor, "B R"]]:
    """What the registers hold on the rows' digits."""
    lanes, filled = _held(settings, state)
    verb = state["mode"] // 2
    ticks = [state["ticks"][:, None]] if settings.ticks else []
    values = torch.cat([lanes[:, :, 0] * filled, tables.tokens[verb][:, None], *ticks], 1)
    always = [torch.ones_like(each, dtype=torch.bool) for each in ticks]
    waits = (verb > 0)[:, None]
    return torch.where(torch.cat([filled, waits, *always], 1), values, 0), torch.cat([filled, waits, *always], 1)


def write(
    settings: CalculatorSettings,
    tables: Control,
    state: State,
    values: Int[Tensor, "B R"],
    present: Bool[Tensor, "B R"],
) -> State:
    """The state in which the registers hold this. A number that a person puts in is a constant polynomial: the same in
    all lanes. One that is there already keeps its lanes."""
    lanes, filled = _held(settings, state)
    count, letters = lanes.shape[1], settings.num_letters
    given, full = values[:, :count], present[:, :count]
    kept = (full == filled) & ((given == lanes[:, :, 0]) | ~full)
    held = torch.where(kept[:, :, None], lanes, (given * full)[:, :, None])
    verb = torch.where(present[:, count], tables.verbs[values[:, count].clamp(0, len(tables.verbs) - 1)], 0)
    after = state | {
        "acc": held[:, 0],
        "mode": 2 * verb + torch.where(full[:, 0], FULL, 0),
        "cells": torch.cat([state["cells"][:, :letters], held[:, 1:]], 1),
        "readable": _readable(state["readable"], full[:, 1:]),
    }
    return after | {"ticks": values[:, count + 1]} if settings.ticks else after


def _held(settings: CalculatorSettings, state: State) -> tuple[Int[Tensor, "B N 4"], Bool[Tensor, "B N"]]:
    """The lanes of the accumulator and the slots, and whether they are filled."""
    lanes = torch.cat([state["acc"][:, None], state["cells"][:, settings.num_letters :]], 1)
    slots = state["readable"][:, FIRST_SLOT : FIRST_SLOT + settings.num_slots]
    return lanes, torch.cat([(state["mode"] % 2 == FULL)[:, None], slots], 1)


def _readable(readable: Bool[Tensor, "B V"], slots: Bool[Tensor, "B S"]) -> Bool[Tensor, "B V"]:
    return torch.cat([readable[:, :FIRST_SLOT], slots, readable[:, FIRST_SLOT + slots.shape[1] :]], 1)
