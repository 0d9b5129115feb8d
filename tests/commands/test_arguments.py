"""Flags that the worlds ask for, and the help that the commands write about themselves."""

from __future__ import annotations

from importlib import import_module

import pytest

from command_line import printed_json, run
from inwit.commands.arguments import task_flag
from inwit.commands.cli import COMMANDS, USAGE
from inwit.core.registry import Entry
from inwit.worlds import TWINS
from inwit.worlds.reading import TaskField
from inwit.worlds.tutorial.scalar import ScalarTutorialV1

FIELDS = {
    **ScalarTutorialV1.task_fields,
    "num_doors": TaskField("how many doors there are"),
    "keys_held": TaskField("the keys", many=True),
}


class ScalarDoors(ScalarTutorialV1):
    """A world from outside, with a field that no other world has."""

    id = "doors-v0"
    task_fields = FIELDS

    @classmethod
    def from_task(cls, settings, task):
        twin = super().from_task(settings, {name: task[name] for name in ("stage", "operands")})
        twin.extra = {"doors_given": task["num_doors"] == "2", "keys_given": task["keys_held"] == ["4", "7"]}
        return twin


@pytest.fixture
def doors(monkeypatch: pytest.MonkeyPatch) -> None:
    TWINS.names()  # found before, so that the patch is the last word
    monkeypatch.setitem(TWINS._entries, "doors-v0", Entry(ScalarDoors, ""))


def test_a_world_brings_the_flags_of_its_tasks(doors: None, capsys: pytest.CaptureFixture[str]) -> None:
    """It states them in its own folder; no command is touched."""
    for command in ("play", "explain"):
        assert run(command, "--help") == 0
        text = " ".join(capsys.readouterr().out.split())
        assert "doors-v0: how many doors there are" in text
        assert "--keys-held" in text
        assert "tutorial-v0, tutorial-v1, doors-v0: the problem's stage" in text, "One flag serves several worlds."
    task = ["--stage", "0", "--operands", "3,4", "5", "--doors", "2", "--keys-held", "4,7"]
    assert run("play", "doors-v0", *task, "--json", "--", "MUL", "ADD", "ANS") == 0
    told = printed_json(capsys)
    assert (told["success"], told["doors_given"], told["keys_given"]) == (True, True, True)


def test_a_field_of_another_world_is_refused_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    task = ["--stage", "0", "--operands", "3", "4", "5", "--slots", "1"]
    assert run("play", "tutorial-v1", *task, "--", "MUL") == 2
    assert "num_slots" in capsys.readouterr().err


@pytest.mark.parametrize("world", TWINS.names())
def test_every_world_states_its_fields(world: str) -> None:
    fields = TWINS.load(world).task_fields
    assert fields
    assert all(field.help for field in fields.values())
    assert len({task_flag(name) for name in fields}) == len(fields)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_says_how_it_is_called(command: str) -> None:
    """In its module's docstring, of which the help above them all is made."""
    found = [match["usage"].split()[0] for match in USAGE.finditer(import_module(f"inwit.commands.{command}").__doc__)]
    assert found
    assert set(found) == {command}
