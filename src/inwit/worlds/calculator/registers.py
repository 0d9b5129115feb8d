"""What a person sees of the calculator's machine, and may change: accumulator, slots and the pending verb."""

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
    return *(Register(name, least=-HALF, most=HALF) for name in names), pending


def read(settings: CalculatorSettings, tables: Control, state: State) -> tuple[Int[Tensor, "B R"], Bool[Tensor, "B R"]]:
    """What the registers hold on the rows' digits."""
    lanes, filled = _held(settings, state)
    values, verb = lanes[:, :, 0] * filled, state["mode"] // 2
    return torch.cat([values, tables.tokens[verb][:, None]], 1), torch.cat([filled, (verb > 0)[:, None]], 1)


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
    return state | {
        "acc": held[:, 0],
        "mode": 2 * verb + torch.where(full[:, 0], FULL, 0),
        "cells": torch.cat([state["cells"][:, :letters], held[:, 1:]], 1),
        "readable": _readable(state["readable"], full[:, 1:]),
    }


def _held(settings: CalculatorSettings, state: State) -> tuple[Int[Tensor, "B N 4"], Bool[Tensor, "B N"]]:
    """The lanes of the accumulator and the slots, and whether they are filled."""
    lanes = torch.cat([state["acc"][:, None], state["cells"][:, settings.num_letters :]], 1)
    slots = state["readable"][:, FIRST_SLOT : FIRST_SLOT + settings.num_slots]
    return lanes, torch.cat([(state["mode"] % 2 == FULL)[:, None], slots], 1)


def _readable(readable: Bool[Tensor, "B V"], slots: Bool[Tensor, "B S"]) -> Bool[Tensor, "B V"]:
    return torch.cat([readable[:, :FIRST_SLOT], slots, readable[:, FIRST_SLOT + slots.shape[1] :]], 1)
