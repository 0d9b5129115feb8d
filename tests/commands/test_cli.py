"""The command line, in process: every command, every kind of mistake, and what is not imported."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

import inwit
from command_line import printed_json, run
from inwit.commands.cli import COMMANDS
from inwit.core.contracts import Agent
from inwit.training import recipes
from inwit.worlds import WORLDS
from support import python, small_config

TINY = ["--policy.width", "4", "--training.episodes", "32", "--training.max_updates", "2", "--world.max_steps", "4"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Agent:
    """A run that the tests of this module share; they name it by its path."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("INWIT_RUNS", str(tmp_path_factory.mktemp("shared")))
        return inwit.train(small_config(training={"max_updates": 1}))


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"], ["help"]])
def test_help(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*arguments) == 0
    output = capsys.readouterr().out
    for command in COMMANDS:
        assert f"inwit {command}" in output, f"--help does not name the command {command}."
    assert not any(line.count("`") % 2 for line in output.splitlines()), "A backtick stands alone."
    assert "  inwit oracle EXPRESSION  " in output


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_of_every_command(command: str, flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(command, flag) == 0
    output = capsys.readouterr()
    assert f"inwit {command}" in output.out
    assert output.err == ""


def test_the_help_of_train_lists_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    run("train", "--help")
    output = capsys.readouterr().out
    config = inwit.resolve("tutorial").to_dict()
    for part in ("world", "policy", "learner", "curriculum", "training"):
        for name in config[part]:
            assert f"--{part}.{name}" in output, f"train --help does not list {part}.{name}."


@pytest.mark.parametrize("flag", ["--version", "-V", "version"])
def test_version(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(flag) == 0
    assert capsys.readouterr().out == f"inwit {inwit.__version__}\n"


def test_worlds(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("worlds") == 0
    lines = capsys.readouterr().out.splitlines()
    for name in WORLDS.names():
        assert any(line.startswith(name) for line in lines), f"`inwit worlds` does not list {name}."


def test_recipes(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("recipes") == 0
    lines = capsys.readouterr().out.splitlines()
    for name in recipes.names():
        assert any(line.startswith(name) for line in lines), f"`inwit recipes` does not list {name}."


@pytest.mark.parametrize("name", recipes.names())
def test_a_recipe_is_printed_to_be_copied(name: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run("recipes", name) == 0
    path = tmp_path / f"{name}.toml"
    path.write_text(capsys.readouterr().out, encoding="utf-8")
    assert inwit.resolve(path) == inwit.resolve(name)


def test_play(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("play", "tutorial-v1", "--stage", "0", "--operands", "3", "4", "5", "--", "MUL", "ADD", "ANS") == 0
    output = capsys.readouterr().out
    assert "17" in output
    assert "success: yes" in output


@pytest.mark.parametrize("operands", [["3", "4", "5"], ["3,4,5"], ["3,4", "5"]])
def test_play_in_json(operands: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    task = {"stage": 0, "operands": [3, 4, 5]}
    assert run("play", "tutorial-v1", "--stage", "0", "--operands", *operands, "--json", "--", "STO", "MUL", "ANS") == 0
    assert printed_json(capsys) == inwit.play("tutorial-v1", task, ["STO", "MUL", "ANS"]).to_dict()


def test_play_takes_the_worlds_settings(capsys: pytest.CaptureFixture[str]) -> None:
    task = ["--stage", "0", "--operands", "3", "4", "5", "--json"]
    for flags in (["--world.max_steps", "2"], ["--world.max_steps=2"]):
        assert run("play", "tutorial-v1", *task, *flags, "--", "MUL", "ADD", "ANS") == 0
        told = printed_json(capsys)
        assert (told["steps"], told["truncated"], told["unused"]) == (2, True, ["ANS"])


def test_play_shows_every_world(capsys: pytest.CaptureFixture[str]) -> None:
    for world_id in ("tutorial-v0", "tutorial-v1"):
        operands = ["1", "2", "3", "4", "5"]
        assert (
            run("play", world_id, "--stage", "2", "--operands", *operands, "--", "STO", "EOS", "MUL", "STO", "RCL") == 0
        )
        assert "unfinished" in capsys.readouterr().out


def test_train(capsys: pytest.CaptureFixture[str], runs: Path) -> None:
    assert run("train", *TINY, "--seed", "3") == 0
    output = capsys.readouterr()
    [path] = runs.iterdir()
    assert str(path) in output.out
    assert output.err == ""
    agent = inwit.load(path)
    assert (agent.config.seed, agent.config.policy.settings.width) == (3, 4)
    assert json.loads((path / "evaluation.json").read_text())["world"] == "tutorial-v1"


@pytest.mark.slow
def test_train_in_json(capsys: pytest.CaptureFixture[str], runs: Path, tmp_path: Path) -> None:
    """With a recipe of one's own; nothing but the JSON object on stdout."""
    path = tmp_path / "mine.toml"
    path.write_text(recipes.text("tutorial"), encoding="utf-8")
    assert run("train", str(path), *TINY, "--json") == 0
    told = printed_json(capsys)
    [folder] = runs.iterdir()
    assert told["run"] == str(folder)
    assert folder.name.startswith("mine-")
    assert told["status"] == "finished"
    assert told["update"] == 2
    assert told["evaluation"]["problems"] == sum(row["problems"] for row in told["evaluation"]["rows"]) == 111_000


def test_evaluate(trained: Agent, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("evaluate", str(trained.path), "--json") == 0
    told = printed_json(capsys)
    assert told == json.loads((trained.path / "evaluation.json").read_text())
    assert [row["problems"] for row in told["rows"]] == [1000, 10_000, 100_000]
    assert told["proven"] is True


@pytest.mark.slow
def test_evaluate_in_a_table(trained: Agent, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("evaluate", str(trained.path)) == 0
    output = capsys.readouterr().out
    assert "111,000" in output
    assert "MUL ADD STO MUL RCL SUB ANS" in output


@pytest.mark.slow
def test_evaluate_under_a_control(trained: Agent, capsys: pytest.CaptureFixture[str]) -> None:
    """It is not kept with the run; pass@k is of the same agent under the same control."""
    before = (trained.path / "evaluation.json").read_bytes() if (trained.path / "evaluation.json").exists() else b""
    flags = ["--control", "shuffled-prompt", "--pass-at", "1", "--samples", "2"]
    assert run("evaluate", str(trained.path), *flags, "--json") == 0
    told = printed_json(capsys)
    assert told["control"] == "shuffled-prompt"
    assert told["pass_at_k"] == json.loads(json.dumps(inwit.pass_at_k(trained, 1, 2, "shuffled-prompt").to_dict()))
    after = (trained.path / "evaluation.json").read_bytes() if (trained.path / "evaluation.json").exists() else b""
    assert after == before
    assert run("evaluate", str(trained.path), "--control", "shufled-prompt") == 2
    assert "did you mean 'shuffled-prompt'" in capsys.readouterr().err


def test_an_empty_name_is_no_control(trained: Agent, capsys: pytest.CaptureFixture[str]) -> None:
    """The plain result must not be shown as that of a control."""
    assert run("evaluate", str(trained.path), "--control", "") == 2
    assert "control = ''" in capsys.readouterr().err


def test_explain(trained: Agent, capsys: pytest.CaptureFixture[str]) -> None:
    task = ["--stage", "1", "--operands", "3", "5", "1", "7"]
    assert run("explain", str(trained.path), *task) == 0
    assert "stage 1, operands 3 5 1 7" in capsys.readouterr().out
    assert run("explain", str(trained.path), *task, "--json") == 0
    told = printed_json(capsys)
    assert told["task"] == {"stage": 1, "operands": [3, 5, 1, 7]}
    assert told["program"] == inwit.explain(trained, told["task"]).program


def test_a_world_that_answers_is_trained_and_explained(capsys: pytest.CaptureFixture[str]) -> None:
    """The last line of a training names a problem with a seed instead of its hidden tables, and can be carried out."""
    small = ["--world.num_values", "3", "--world.queries", "Tx,TUx", "--lessons.rows", "4"]
    assert run("train", "lookup", *TINY[:-2], *small, "--seed", "5") == 0
    told = capsys.readouterr().out
    *_, last, see = told.splitlines()
    assert see == "see it: inwit page latest"
    query = told.rpartition("\nquery ")[2].partition(",")[0]  # of the last problem that is explained
    assert last.endswith(f"inwit explain latest --query '{query}' --seed 5")
    assert run(*shlex.split(last.partition("inwit ")[2])) == 0
    told = capsys.readouterr().out
    assert f"query {query}" in told
    assert "optimum's" in told
    assert run("explain", "latest", "--query", "G G 2") == 2
    assert "--seed 0" in capsys.readouterr().err


# Mistakes: arguments, and what the one line on stderr must contain.
TASK = ["--stage", "0", "--operands", "3", "4", "5"]
PROGRAM = ["--", "MUL", "ANS"]


def play(*arguments: str) -> list[str]:
    return ["play", "tutorial-v1", *arguments]


MISTAKES: list[tuple[list[str], list[str]]] = [
    (["trian"], ["trian", "did you mean 'train'"]),
    (["--verbose"], ["--verbose"]),
    (["worlds", "more"], ["more"]),
    (["recipes", "tutrial"], ["tutrial", "tutorial"]),
    (["recipes", "a", "b"], ["b"]),
    (["train", "tutrial"], ["tutrial", "did you mean 'tutorial'"]),
    (["train", "missing.toml"], ["missing.toml"]),
    (["train", ""], ["recipe = ''"]),
    (["train", "--resume", ""], ["resume = ''"]),
    (["evaluate", ""], ["run = ''"]),
    (["bench", "--out", ""], ["out = ''"]),
    (["report", "latest", "--out", ""], ["out = ''"]),
    (["train", "tutorial", "article"], ["article"]),
    (["train", "--seed", "one"], ["seed", "one"]),
    (["train", "--seed", "-1"], ["seed", "-1"]),
    (["train", "--seed"], ["--seed"]),
    (["train", "--sed", "1"], ["--sed"]),
    (["train", "--policy.widht", "3"], ["policy.widht", "policy.width"]),
    (["train", "--policy.width", "wide"], ["policy.width", "wide"]),
    (["train", "--policy.width", "0"], ["policy.width", "0", "1"]),
    (["train", "--policy.width"], ["--policy.width"]),
    (["train", "--policy.width", "--seed", "3"], ["--policy.width"]),
    (["train", "--polcy.width", "3"], ["polcy", "policy"]),
    (["train", "--policy.id", "gur"], ["gur", "gru"]),
    (["train", "--world.id", "tutorial-v3"], ["tutorial-v3", "tutorial-v1"]),
    (["train", "--world.max_steps", "99"], ["world.max_steps", "99", "9"]),
    (["train", "--learner.credit", "both"], ["inwit: learner.credit: unknown choice 'both'", "per-step"]),
    (["train", "--rehearsal.rows", "999999999999"], ["rehearsal.rows", "999999999999", "1000000"]),
    (["train", "--rehearsal.programs", "999999999999"], ["rehearsal.programs", "999999999999", "1000000"]),
    (["train", "calculator", "--hindsight.babble", "999999999999"], ["hindsight.babble", "1000000"]),
    (["train", "--training.device", "cuda:77"], ["cuda:77"]),
    (["train", "--training.learning_rate", "nan"], ["training.learning_rate", "nan"]),
    (["train", "--curriculum.id", "schedule", "--curriculum.stages", "0,5"], ["5", "0, 1, 2"]),
    (["train", "--recipe.x", "3", *TINY], ["recipe"]),
    (["train", "--seed.x", "3"], ["seed"]),
    (["evaluate"], ["run"]),
    (["evaluate", "nowhere"], ["nowhere", "latest"]),
    (["evaluate", "latest"], ["inwit train"]),
    (["evaluate", "latest", "--jsn"], ["--jsn"]),
    (["explain", "latest", *TASK], ["inwit train"]),
    (["explain", "nowhere", *TASK], ["nowhere"]),
    (["explain"], ["run"]),
    (["play"], ["world"]),
    (["play", "tutorial-v9", *TASK, *PROGRAM], ["tutorial-v9", "tutorial-v1"]),
    (play(*TASK, "--"), ["--"]),
    (play(*TASK, "--", "MUL", "ANZ"), ["ANZ", "ANS"]),
    (play(*TASK, "--", "mul"), ["mul", "MUL"]),
    (play("--operands", "3", "4", "5", *PROGRAM), ["stage"]),
    (play("--stage", "0", *PROGRAM), ["operands"]),
    (play("--stage", "0", "--operands", *PROGRAM), ["operands"]),
    (play("--stage", "3", "--operands", "3", "4", "5", *PROGRAM), ["stage 3", "0, 1, 2"]),
    (play("--stage", "-1", "--operands", "3", "4", "5", *PROGRAM), ["-1"]),
    (play("--stage", "low", "--operands", "3", "4", "5", *PROGRAM), ["stage", "low"]),
    (play("--stage", "0", "--operands", "3", "4", *PROGRAM), ["2 operands", "3"]),
    (play("--stage", "0", "--operands", "3", "4", "5", "6", *PROGRAM), ["4 operands", "3"]),
    (play("--stage", "0", "--operands", "3", "4", "10", *PROGRAM), ["10", "0..9"]),
    (play("--stage", "0", "--operands", "3", "4", "-5", *PROGRAM), ["-5"]),
    (play("--stage", "0", "--operands", "3", "4", "x", *PROGRAM), ["operand", "x"]),
    (play("--stage", "0", "--operands", "3", "4", "1.5", *PROGRAM), ["1.5"]),
    (play(*TASK, "--world.max_stps", "3", *PROGRAM), ["max_stps", "max_steps"]),
    (play(*TASK, "--world.max_steps", "0", *PROGRAM), ["max_steps", "0"]),
    (play(*TASK, "--world.max_steps", *PROGRAM), ["--world.max_steps"]),
    (play(*TASK, "--policy.width", "3", *PROGRAM), ["policy"]),
    (["play", "tutorial-v0", *TASK, *PROGRAM], ["3 operands", "5"]),
]


@pytest.mark.parametrize(("arguments", "named"), MISTAKES, ids=[" ".join(arguments) for arguments, _ in MISTAKES])
def test_mistakes(arguments: list[str], named: list[str], capsys: pytest.CaptureFixture[str], runs: Path) -> None:
    """One line on stderr that names the value, exit status 2, nothing on stdout, nothing written."""
    status = run(*arguments)
    output = capsys.readouterr()
    line = output.err
    assert status == 2, f"Exit status {status}; stderr: {line!r}."
    assert output.out == "", f"A mistake prints on stdout: {output.out!r}."
    assert line.endswith("\n"), f"{line!r} is no line."
    assert line.count("\n") == 1, f"{line!r} is more than one line."
    assert "Traceback" not in line
    for word in named:
        assert word in line, f"{line!r} does not name {word!r}."
    assert not list(runs.glob("*")), "A mistake leaves a run behind."


@pytest.mark.parametrize("wrong", [["--stage", "5", "--operands", "1"], ["--stage", "0", "--operands", "1", "2"], []])
def test_mistakes_about_a_trained_agent(trained: Agent, wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run("explain", str(trained.path), *wrong) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (PermissionError(13, "Permission denied", "/some/run.json"), "inwit: /some/run.json: Permission denied\n"),
        (OSError(28, "No space left on device"), "inwit: cannot write the output: No space left on device\n"),
    ],
)
def test_an_error_of_the_disk_names_its_file(
    error: OSError, said: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """One without a file is that of the output."""

    def fail(arguments: list[str]) -> int:
        raise error

    monkeypatch.setattr("inwit.commands.worlds.main", fail)
    monkeypatch.setattr("inwit.commands.cli._drop_output", lambda: None)
    assert run("worlds") == 2
    assert capfd.readouterr().err == said


def test_ctrl_c_outside_a_training(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt(arguments: list[str]) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("inwit.commands.worlds.main", interrupt)
    assert run("worlds") == 130
    assert capsys.readouterr().err.count("\n") == 1


WITHOUT_TORCH = """
import sys
import inwit
from inwit.commands.cli import main
task = ["--stage", "0", "--operands", "3", "4", "5"]
for arguments in (["--help"], ["worlds"], ["recipes"], ["play", "tutorial-v1", *task, "--", "MUL", "ADD", "ANS"]):
    assert main(arguments) == 0, arguments
    assert "torch" not in sys.modules, f"inwit {' '.join(arguments)} imports torch."
"""

WITHOUT_TORCH_AT_THE_TOP = """
import sys
from importlib import import_module
for command in sys.argv[1:]:
    import_module(f"inwit.commands.{command}")
    assert "torch" not in sys.modules, f"inwit.commands.{command} imports torch before its arguments are parsed."
"""


def test_the_quick_commands_do_not_import_torch() -> None:
    done = python(WITHOUT_TORCH)
    assert done.returncode == 0, done.stderr


def test_no_command_imports_torch_before_it_has_parsed_its_arguments() -> None:
    done = python(WITHOUT_TORCH_AT_THE_TOP, *COMMANDS)
    assert done.returncode == 0, done.stderr


def test_importing_inwit_imports_next_to_nothing() -> None:
    done = python("import sys, inwit; print([m for m in ('torch', 'numpy', 'rich', 'argparse') if m in sys.modules])")
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


LONG = "n" * 300
UNREADABLE = [["evaluate", LONG], ["explain", LONG], ["export", LONG, "--folder", "x"], ["compare", LONG]]
UNREADABLE += [["report", LONG], ["train", LONG], ["train", f"{LONG}.toml"], ["train", "--resume", LONG]]
UNREADABLE += [["evaluate", "a\0b"], ["train", "a\0b.toml"], ["recipes", LONG], ["bench", "--out", "a\0b"]]


@pytest.mark.parametrize("arguments", UNREADABLE, ids=lambda arguments: " ".join(arguments)[:20])
def test_a_name_that_no_file_can_have(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Reading it is what fails, and that is said."""
    assert run(*arguments) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "cannot write the output" not in said
    assert len(said) < 400


@pytest.mark.parametrize("arguments", [["runs"], ["evaluate", "x"], ["query", "SELECT 1"], ["compare", "x"], ["train"]])
def test_a_runs_folder_that_cannot_be(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    for folder in (tmp_path / "file", tmp_path / "loop", tmp_path / LONG):
        monkeypatch.setenv("INWIT_RUNS", str(folder))
        assert run(*arguments) == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert "cannot write the output" not in said


@pytest.mark.parametrize("name", [LONG, "a\0b"])
def test_from_python_it_is_a_user_error(name: str, trained: Agent, tmp_path: Path) -> None:
    calls = [inwit.load, inwit.resume, inwit.from_pretrained, inwit.resolve]
    for call in (*calls, lambda each: inwit.save_pretrained(trained, tmp_path / each)):
        with pytest.raises(inwit.UserError) as refused:
            call(name)
        assert "\n" not in str(refused.value)


def test_a_disk_that_fails_while_reading_is_not_the_output(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(arguments: list[str]) -> int:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("inwit.commands.worlds.main", fail)
    assert run("worlds") == 2
    assert capsys.readouterr().err == "inwit: Input/output error\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["oracle", "(" * 600],
        ["oracle", "(" * 10 + "a+b"],
        ["runs", "--limit", "2" * 5000],
        ["train", "--seed", "2" * 5000],
        ["train", "--seed", "2" * 30],
        ["train", "--training.max_updates", "1" * 40],
        ["oracle", "a*b", "--slots", "2" * 5000],
        ["evaluate", "x", "--pass-at", "2" * 5000],
        play("--stage", "2" * 5000, "--operands", "3", *PROGRAM),
        play("--stage", "0", "--operands", "2" * 5000, *PROGRAM),
        ["query", "SELECT " + "(" * 3000 + "1" + ")" * 3000],
        ["train", "--" + "x" * 5000],
        ["x" * 5000],
    ],
    ids=lambda arguments: " ".join(arguments)[:30],
)
def test_what_is_too_deep_or_too_long_is_one_short_line(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert len(said) < 600
    assert "recursion" not in said


EMPTY = [["evaluate", ""], ["explain", " "], ["export", "", "--folder", "x"], ["report", "x", ""], ["compare", ""]]
EMPTY += [["recipes", ""], ["query", ""], ["oracle", ""], ["bench", ""]]
EMPTY += [play("--stage", "0", "--operands", "", *PROGRAM)]
EMPTY += [["play", "", *PROGRAM], ["train", ""], ["train", "--resume", ""], ["train", "--track", ""]]
EMPTY += [["runs", "--recipe", ""]]
EMPTY += [["runs", "--limit", ""], ["export", "x", "--onnx", "", "--folder", "x"], ["bench", "--learners", ""]]
EMPTY += [["train", "--policy.id", ""], ["train", "--policy.width", " "], ["evaluate", "x", "--pass-at", ""]]


@pytest.mark.parametrize("arguments", EMPTY, ids=" ".join)
def test_an_empty_argument_is_refused(arguments: list[str], runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is a variable of the shell that was not set, mostly, and must not mean the default."""
    assert run(*arguments) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "''" in said or "' '" in said
    assert not list(runs.glob("*"))


@pytest.mark.parametrize(
    ("flag", "value", "meant"),
    [
        ("training.max_updates", "1e3", 1000),
        ("training.episodes", "512.0", 512),
        ("training.episodes", " 512 ", 512),
        ("training.confirm", " True", True),
        ("training.confirm_at", " 0.5 ", 0.5),
        ("policy.id", " lstm ", "lstm"),
        ("training.device", " cpu", "cpu"),
    ],
)
def test_white_space_and_forms_of_numbers_do_no_harm(flag: str, value: str, meant: object) -> None:
    section, _, name = flag.partition(".")
    found = inwit.resolve("tutorial", **{section: {name: value}}).to_dict()[section][name]
    assert (found, type(found)) == (meant, type(meant))


def test_an_agent_that_has_lost_its_numbers_is_not_evaluated(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing solved would be no result."""
    import torch

    agent = inwit.train(small_config(training={"max_updates": 1}))
    task = {"stage": 0, "operands": [3, 4, 5]}
    with torch.no_grad():
        next(agent.policy.parameters())[0] = float("nan")  # pyright: ignore[reportAttributeAccessIssue]
    for call in (inwit.evaluate, lambda each: inwit.explain(each, task), lambda each: inwit.pass_at_k(each, 2)):
        with pytest.raises(inwit.UserError, match="not finite"):
            call(agent)


def test_the_numbers_of_numpy_and_torch_are_numbers(trained: Agent) -> None:
    import numpy as np
    import torch

    assert inwit.resolve("tutorial", training={"confirm": np.True_}).training.confirm is True
    assert inwit.resolve("tutorial", seed=np.int64(3), training={"max_updates": torch.tensor(2)}).seed == 3
    two: Any = torch.tensor(2)
    assert inwit.pass_at_k(trained, np.int64(2), two) == inwit.pass_at_k(trained, 2, 2)  # type: ignore[arg-type]
    assert inwit.make("tutorial-v1", max_steps=np.array(5), masks=np.False_).settings.max_steps == 5
    task = {"stage": np.int64(1), "operands": np.array([3, 5, 1, 7])}
    assert inwit.explain(trained, task).task == {"stage": 1, "operands": [3, 5, 1, 7]}
    for wrong in (np.True_, torch.tensor(True)):
        with pytest.raises(inwit.UserError, match=r"max_updates = .*True.* is not a whole number"):
            inwit.resolve("tutorial", training={"max_updates": wrong})
        with pytest.raises(inwit.UserError, match="stage"):
            inwit.play("tutorial-v1", {"stage": wrong, "operands": [1, 2, 3]}, ["MUL"])
    for wrong in ("4", None, 2.5, [2]):
        with pytest.raises(inwit.UserError, match="is not a whole number"):
            inwit.pass_at_k(trained, wrong)  # pyright: ignore[reportArgumentType]


def test_help_imports_little() -> None:
    """So that it answers at once. Times differ from machine to machine; what is imported does not."""
    code = "import sys; from inwit.commands.cli import main; main(['--help']); print(len(sys.modules), file=sys.stderr)"
    code += "; heavy = {'torch', 'numpy', 'rich', 'duckdb', 'matplotlib', 'gymnasium', 'asyncio'} & set(sys.modules)"
    code += "; assert not heavy | ({'html'} & set(sys.modules)), heavy"
    done = python(code)
    assert done.returncode == 0, done.stderr
    assert int(done.stderr) < 220
