"""A script from outside: registered, it is an agent by its name."""

from __future__ import annotations

import json
from collections.abc import Hashable
from pathlib import Path

import pytest

import inwit
from command_line import run
from everywhere import registries_restored
from inwit.core.contracts import World
from recorded import put

PROGRAM = "LOAD a ADD b ANS"  # right for one of the three expressions of one operator


class Recite:
    """One program, whatever the prompt. Its state is what is left to write."""

    def __init__(self, world: World) -> None:
        self.program = tuple(world.vocabulary.ids(PROGRAM.split()))

    def begin(self, prompt: tuple[int, ...], stage: int) -> Hashable:
        return self.program

    def write(self, state: Hashable) -> int:
        assert isinstance(state, tuple)
        return state[0]

    def read(self, state: Hashable, token: int) -> Hashable:
        assert isinstance(state, tuple)
        return state[1:] or state


def test_a_script(runs: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    put(runs, "trained")
    with registries_restored():
        inwit.register_script("recite", Recite, "one program")
        assert inwit.evaluate(inwit.load("recite:trained")).solved == 1
        assert run("compare", "trained", "recite", "--json") == 0
        (comparison,) = json.loads(capsys.readouterr().out)["comparisons"]
        recited = comparison["groups"][1]
        assert (recited["name"], recited["to_95"]) == ("recite", None)
        assert recited["runs"][0]["evaluation"]["solved"] == 1
        assert run("report", "recite:trained", "--out", str(tmp_path / "page.html")) == 0
    assert "recite" not in inwit.scripts.SCRIPTS.names()


@pytest.mark.parametrize("name", ["latest", "a:b", "", "./a", "pipeline"])
def test_names_that_it_cannot_have(name: str) -> None:
    with pytest.raises(inwit.UserError, match=r"cannot have that name|registered already"):
        inwit.register_script(name, Recite)
