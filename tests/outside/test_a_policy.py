"""Policies from outside: one with parameters, and a script that has none."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

import inwit
from everywhere import everywhere, registries_restored
from inwit.bench.cells import Cell
from inwit.bench.measure import measure
from inwit.core.settings import Settings, setting
from inwit.core.types import Memory, Output
from inwit.policies import init
from inwit.policies.replay import replay_by_stepping
from inwit.training.config import resolve
from inwit.worlds.calculator.rules import vocabulary_of
from inwit.worlds.calculator.tools import DEFAULT_TOOLS

PROGRAM = vocabulary_of(DEFAULT_TOOLS).ids(["LOAD", "a", "ADD", "b", "ANS"])


class Bigram(torch.nn.Module):
    """The next token depends on the last one alone."""

    @dataclass(frozen=True)
    class Settings(Settings):
        scale: float = setting(1.0, "of the first weights", at_least=0)

    def __init__(self, settings: Any, *, vocabulary_size: int, num_stages: int, generator: torch.Generator) -> None:
        super().__init__()
        self.settings = settings
        self.table = init.normal(vocabulary_size, vocabulary_size + 1, scale=settings.scale, generator=generator)

    def begin(self, prompt: torch.Tensor, prompt_mask: torch.Tensor, stage: torch.Tensor) -> tuple[Output, Memory]:
        return self.step(prompt[:, -1], {})

    def step(self, token: torch.Tensor, memory: Memory) -> tuple[Output, Memory]:
        return Output(self.table[token, :-1], self.table[token, -1]), memory

    replay = replay_by_stepping


class Script:
    """Writes LOAD a ADD b ANS, whatever it is shown: no network, no parameters, no memory but a place."""

    @dataclass(frozen=True)
    class Settings(Settings):
        """Nothing to set."""

    def __init__(self, settings: Any, *, vocabulary_size: int, num_stages: int, generator: torch.Generator) -> None:
        self.settings = settings
        self.size = vocabulary_size

    def begin(self, prompt: torch.Tensor, prompt_mask: torch.Tensor, stage: torch.Tensor) -> tuple[Output, Memory]:
        return self._write(torch.zeros_like(stage))

    def step(self, token: torch.Tensor, memory: Memory) -> tuple[Output, Memory]:
        return self._write(memory["place"] + 1)

    def _write(self, place: torch.Tensor) -> tuple[Output, Memory]:
        program = torch.tensor(PROGRAM, device=place.device)
        token = program[place.clamp(max=len(PROGRAM) - 1)]
        logits = 30.0 * torch.nn.functional.one_hot(token, self.size)
        return Output(logits, torch.zeros(len(place))), {"place": place}


def test_a_policy(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with registries_restored():
        inwit.register_policy("bigram", Bigram, "the last token alone")
        seen = everywhere(capsys, tmp_path, policy={"id": "bigram", "scale": 0.5})
    assert seen.evaluation.problems == 3
    assert "bigram" in seen.compared + seen.report


def test_a_script(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """An agent need not be a network."""
    with registries_restored():
        inwit.register_policy("script", Script, "a+b, always")
        seen = everywhere(capsys, tmp_path, policy={"id": "script"})
        benched = measure(Cell(resolve(seen.agent.config.to_dict()), seconds=0.1))
    [row] = seen.evaluation.rows
    assert (row.problems, row.solved, row.cost) == (3, 1, 5.0)
    assert seen.explanation.program == ["LOAD", "a", "ADD", "b", "ANS"]
    assert "script" in seen.compared + seen.report
    assert {point.success for point in benched.curve} == {1 / 3}
