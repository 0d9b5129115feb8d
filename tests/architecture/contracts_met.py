"""Who meets which contract. Nothing here is run: pyright refuses a line whose class does not meet the Protocol."""

from __future__ import annotations

from inwit.core.capabilities import (
    Achieves,
    Advises,
    BestPrograms,
    Causal,
    ColumnTwin,
    Enumerable,
    Registers,
    ShowingTwin,
    ShowsMachine,
    Stochastic,
    StochasticTwin,
)
from inwit.core.contracts import Trainable, World
from inwit.policies.bag_gru import BagGRU
from inwit.policies.gru import GRU
from inwit.policies.lstm import LSTM
from inwit.policies.memoryless import Memoryless
from inwit.policies.transformer import Transformer
from inwit.worlds.calculator.scalar import ScalarCalculator
from inwit.worlds.calculator.tensors import CalculatorV0
from inwit.worlds.lookup.scalar import ScalarLookup
from inwit.worlds.lookup.tensors import LookupV0
from inwit.worlds.tutorial.scalar import ScalarTutorialV0, ScalarTutorialV1
from inwit.worlds.tutorial.v0 import TutorialV0
from inwit.worlds.tutorial.v1 import TutorialV1

WORLDS: tuple[type[World], ...] = (TutorialV0, TutorialV1, CalculatorV0, LookupV0)
LIST_THEIR_TASKS: tuple[type[Enumerable], ...] = (TutorialV0, TutorialV1, LookupV0)
DRAW: tuple[type[Stochastic], ...] = (LookupV0,)
ADVISE: tuple[type[Advises], ...] = (LookupV0,)
DRAWING_TWINS: tuple[type[StochasticTwin], ...] = (ScalarLookup,)
SHOW_THEIR_MACHINE: tuple[type[ShowsMachine], ...] = (TutorialV0, TutorialV1, CalculatorV0)
SHOW_THEIR_REGISTERS: tuple[type[Registers], ...] = (TutorialV0, TutorialV1, CalculatorV0, LookupV0)
KNOW_BEST_PROGRAMS: tuple[type[BestPrograms], ...] = (CalculatorV0,)
ARE_CAUSAL: tuple[type[Causal], ...] = (CalculatorV0,)
TEACH_BY_HINDSIGHT: tuple[type[Achieves], ...] = (CalculatorV0,)
TWINS: tuple[type[ShowingTwin], ...] = (ScalarTutorialV0, ScalarTutorialV1, ScalarCalculator)
TWINS_ON_COLUMNS: tuple[type[ColumnTwin], ...] = (ScalarTutorialV0, ScalarTutorialV1)
POLICIES: tuple[type[Trainable], ...] = (GRU, LSTM, Transformer, BagGRU, Memoryless)
