"""What is of the user's own: a job's file is another one once that changes."""

from __future__ import annotations

import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest

from inwit.core import imports
from inwit.suite import ABILITIES, register_ability
from inwit.suite.budget import Budget
from inwit.suite.jobs import Job
from inwit.suite.own_code import own_code
from inwit.suite.subject import Subject, subject_of

LEARNER = "from inwit.learners.a2c import A2C\n\n\nclass Mine(A2C):\n    '''Mine.'''\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder; what is imported from it goes with the test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(imports, "_given", [])
    return tmp_path


def key(ability: str = "reading", subject: Subject | None = None) -> str:
    return Job(ability, "reading", subject or Subject(), 0, None, Budget(1)).key


def more(path: Path) -> None:
    with path.open("a") as file:
        file.write("# another line\n")


def test_of_inwits_own_code_nothing_is_asked() -> None:
    reading = ABILITIES.load("reading").experiments[0]
    assert own_code(("a2c", "gru", "inwit.learners.a2c:A2C", "shuffled:a2c"), (reading.measure, reading.levels)) == {}


def test_a_learner_that_changed_is_trained_again(folder: Path) -> None:
    (folder / "own_learner.py").write_text(LEARNER)
    subject = subject_of(None, "own_learner:Mine", None)
    before = key(subject=subject)
    assert before == key(subject=subject)
    more(folder / "own_learner.py")
    assert key(subject=subject) != before


def test_an_import_that_changed_is_asked_for_anew(folder: Path) -> None:
    without = key()
    (folder / "own_import.py").write_text("")
    imports.bring(["./own_import.py"])
    before = key()
    more(folder / "own_import.py")
    assert len({without, before, key()}) == 3


def test_an_ability_whose_module_changed_is_measured_again(folder: Path) -> None:
    (folder / "own_levels.py").write_text("def levels(world):\n    return {'1': [0]}\n")
    sys.path.append(str(folder))
    experiment = ABILITIES.load("reading").experiments[0]
    own = replace(experiment, levels=import_module("own_levels").levels)
    register_ability("own", replace(ABILITIES.load("reading"), name="own", experiments=(own,)))
    before, others = key("own"), key()
    more(folder / "own_levels.py")
    assert key("own") != before
    assert key() == others
