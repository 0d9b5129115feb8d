"""`--import`: modules of the user's own, in every command, and what a run says that was trained with one."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import inwit
from command_line import printed_json, run
from inwit.commands.arguments import take_imports
from inwit.commands.cli import COMMANDS
from inwit.core import imports
from inwit.core.errors import UserError
from inwit.learners import LEARNERS
from recorded import put

MINE = """
print("hello from mine")
import inwit
from inwit.learners.a2c import A2C

class Mine(A2C):
    "a learner of my own"

inwit.register_learner("mine", Mine)
"""
SMALL = ["--training.max_updates", "1", "--training.confirm", "false", "--policy.width", "4"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder to stand in; what is imported and registered is forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(imports, "_given", [])
    monkeypatch.setattr(LEARNERS, "_entries", dict(LEARNERS._entries))
    (tmp_path / "mine_of_a_test.py").write_text(MINE)
    yield tmp_path
    own = [name for name, module in sys.modules.items() if str(tmp_path) in str(getattr(module, "__file__", ""))]
    for name in own:
        del sys.modules[name]


@pytest.mark.parametrize("module", ["mine_of_a_test", "mine_of_a_test.py", "./mine_of_a_test.py"])
@pytest.mark.slow
def test_a_learner_of_ones_own(module: str, here: Path, runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Anywhere among the arguments; what the module prints is not on stdout; the record names it."""
    flags = ["train", "tutorial", "--learner.id", "mine", *SMALL, "--json"]
    assert run(*flags[:1], f"--import={module}", *flags[1:]) == 0
    told = printed_json(capsys)
    record = json.loads((Path(told["run"]) / "run.json").read_text())
    assert (record["imports"], record["config"]["learner"]["id"]) == ([module], "mine")
    assert run("--import", module, "evaluate", told["run"], "--json", "--import", module) == 0


@pytest.mark.slow
def test_a_run_says_which_module_is_missing(
    here: Path, runs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And never imports it by itself: a run may come from anybody."""
    (here / "with space.py").write_text(MINE)
    assert run("train", "--import", "with space.py", "--learner.id", "mine", *SMALL, "--json") == 0
    path = printed_json(capsys)["run"]
    monkeypatch.setattr(imports, "_given", [])
    LEARNERS._entries.pop("mine")
    for arguments in (["evaluate", path], ["train", "--resume", path], ["explain", path, "--stage", "0"]):
        assert run(*arguments) == 2
        said = capsys.readouterr().err
        assert "unknown learner 'mine'" in said
        assert "--import 'with space.py'" in said
        assert said.count("\n") == 1
    assert "mine" not in LEARNERS.names()
    with pytest.raises(UserError, match="--import"):
        inwit.load(path)


def test_a_wrong_override_is_no_missing_module(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(runs, "made", lambda record: record.update(imports=["mymod"]))
    for flags, said in (
        (["--training.max_updatez", "3"], "unknown setting 'training.max_updatez'"),
        (["--training.max_updates", "x"], "is not a whole number"),
        (["--policy.id", "nope"], "unknown policy 'nope'"),
    ):
        assert run("train", "--resume", "made", *flags) == 2
        error = capsys.readouterr().err
        assert said in error
        assert "--import" not in error
    (runs / "made" / "run.json").write_text((runs / "made" / "run.json").read_text().replace('"a2c"', '"my-own"'))
    assert run("train", "--resume", "made", "--training.max_updatez", "3") == 2
    assert "give that" in capsys.readouterr().err


BROKEN = {
    "zero": ("x = 1\n1 / 0\n", ["ZeroDivisionError", "zero.py, line 2"]),
    "syntax": ("def\n", ["SyntaxError", "syntax.py, line 1"]),
    "leaves": ("import sys\nsys.exit(3)\n", ["SystemExit", "leaves.py, line 2"]),
    "base": ("class Odd(BaseException): ...\nraise Odd('no')\n", ["Odd: no", "base.py, line 2"]),
    "nul": ("x = '\0'\n", ["null bytes"]),
    "lacks": ("import not_there\n", ["not_there", "lacks.py, line 1"]),
    "twice": ("import inwit\ninwit.register_learner('a2c', 'a:b')\n", ["registered already", "twice.py, line 2"]),
}


@pytest.mark.parametrize("form", ["{}", "{}.py"])
@pytest.mark.parametrize("name", BROKEN)
def test_an_error_in_a_module_is_one_line(name: str, form: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, named = BROKEN[name]
    (here / f"{name}.py").write_text(text)
    assert run("worlds", "--import", form.format(name)) == 2
    output = capsys.readouterr()
    assert (output.out, output.err.count("\n")) == ("", 1)
    for word in [*named, f"cannot import {form.format(name)}"]:
        assert word in output.err


@pytest.mark.parametrize("module", ["nowhere_at_all", "nowhere.py", "", " ", "a b", "..", ".", "inwit.nothing"])
def test_a_module_that_is_not_there(module: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("worlds", "--import", module) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "TypeError" not in told
    assert "None" not in told


def test_a_folder_is_no_module(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "folder.py").mkdir()
    assert run("worlds", "--import", "folder.py") == 2
    assert "it is a folder" in capsys.readouterr().err


def test_a_file_named_as_another_module_does_not_take_its_place(here: Path) -> None:
    (here / "statistics.py").write_text("MINE = True\n")
    imports.bring(["statistics.py"])
    import statistics

    assert not hasattr(statistics, "MINE")


def test_taking_the_flags_out() -> None:
    words = ["--import", "a", "play", "w", "--import=b.py", "--json", "--", "MUL", "--import", "c"]
    assert take_imports(words) == (["play", "w", "--json", "--", "MUL", "--import", "c"], ["a", "b.py"])
    for wrong in (["worlds", "--import"], ["worlds", "--import", "--json"], ["worlds", "--import="]):
        with pytest.raises(UserError, match="--import needs"):
            take_imports(wrong)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_tells_of_it(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    run(command, "--help")
    assert "--import MODULE" in capsys.readouterr().out


@pytest.mark.slow
def test_the_processes_of_a_benchmark_import_the_same(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["bench", "tutorial", "--import", "mine_of_a_test.py", "--learners", "mine", "--seeds", "1"]
    assert run(*arguments, "--seconds", "1", "--training.max_updates", "2", "--policy.width", "4", "--json") == 0
    [row] = printed_json(capsys)["runs"]
    assert (row["learner"], row["failed"]) == ("mine", "")
