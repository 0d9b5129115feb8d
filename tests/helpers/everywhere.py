"""A part from outside, taken through every face: trained, evaluated, explained, compared, reported and asked about."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

import inwit
from command_line import run
from inwit.core.contracts import Agent
from inwit.core.registry import Registry
from inwit.core.results import Evaluation
from inwit.core.seeding import stream
from inwit.evaluation.explained import Explanation
from inwit.learners import LEARNERS
from inwit.learners.auxiliary import AUXILIARIES
from inwit.policies import POLICIES
from inwit.scripts import SCRIPTS
from inwit.scripts.pipeline import PARTS
from inwit.scripts.react import RULES
from inwit.training.curricula import CURRICULA
from inwit.worlds import TWINS, WORLDS

# Three expressions, a small network, three updates.
SMALL: dict[str, Any] = {
    "world": {"max_operators": 1},
    "policy": {"width": 8},
    "hindsight": {"rows": 0},
    "training": {"max_updates": 3, "episodes": 32, "confirm": False},
}


@dataclass
class Seen:
    """What each face said of a run."""

    agent: Agent
    evaluation: Evaluation
    explanation: Explanation
    evaluated: str
    compared: str
    report: str
    asked: str


@contextmanager
def registries_restored() -> Iterator[None]:
    """Whatever is registered inside is gone afterwards."""
    registries: list[Registry] = [WORLDS, TWINS, POLICIES, LEARNERS, AUXILIARIES, CURRICULA, SCRIPTS, PARTS, RULES]
    before = {registry: dict(registry._entries) for registry in registries}
    try:
        yield
    finally:
        for registry, entries in before.items():
            registry._entries = entries


def everywhere(capsys: pytest.CaptureFixture[str], folder: Path, **overrides: Any) -> Seen:
    """Train a small run with the part named in `overrides`, and look at it from everywhere."""
    merged = {name: table if "id" in table else {**SMALL.get(name, {}), **table} for name, table in overrides.items()}
    agent = inwit.train("calculator", tell=lambda _: None, **{**SMALL, **merged})
    path = str(agent.path)
    loaded = inwit.load(path)
    evaluation = inwit.evaluate(loaded)
    kind = torch.zeros(1, dtype=torch.int64)
    task = loaded.world.describe(loaded.world.sample(kind, stream(0, "everywhere")))[0]

    def said(*arguments: str) -> str:
        capsys.readouterr()
        assert run(*arguments) == 0, capsys.readouterr().err
        return capsys.readouterr().out

    evaluated = said("evaluate", path)
    compared = said("compare", path, path)
    page = folder / "page.html"
    said("report", path, "--out", str(page))
    asked = said("query", "SELECT * FROM evaluations", "--json")
    return Seen(
        agent, evaluation, inwit.explain(loaded, task), evaluated, compared, page.read_text(encoding="utf-8"), asked
    )
